/** Retry topics of patterns, from a failure to the end. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import { Consumer, type Handler, Producer, Retry, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { retryHeaders } from "../../conformance/routes.ts"
import { began, bytes, endOf, onCluster, Orders, pass, texts, valuesOf } from "../../kit/cluster.ts"

const once = Retry.nonBlocking(Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 })))

describe("the retry topics of a pattern", () => {
  it.effect("are read also when each of its alternatives has anchors", () =>
    onCluster(
      ["orders-eu", "users-eu"],
      Effect.gen(function*() {
        const tries: Array<string> = []
        const fail = ({ topic }: { readonly topic: string }) =>
          Effect.suspend(() => {
            tries.push(topic)
            return Effect.fail("no")
          })
        for (const name of ["orders-eu", "users-eu"]) {
          yield* Producer.send(Topic.make(name, texts), { key: "a", value: name })
        }
        yield* Effect.forkScoped(Consumer.run(Consumer.make("g", {
          offsetReset: "earliest",
          onFailure: once,
          metadataRefresh: "1 second",
          handlers: [Topic.handle(Topic.pattern(/^orders-.*$|^users-.*$/, texts), fail)]
        })))
        yield* pass(20)
        assert.sameMembers(tries, ["orders-eu", "g.orders-eu.retry.1", "users-eu", "g.users-eu.retry.1"])
        assert.deepStrictEqual(yield* valuesOf("g.orders-eu.dlt"), ["orders-eu"])
        assert.deepStrictEqual(yield* valuesOf("g.users-eu.dlt"), ["users-eu"])
      })
    ))
})

describe("a retry topic whose name is one of two groups", () => {
  const name = "shop.eu.orders.retry.1"
  type Note = (topic: string, value: string) => Effect.Effect<void>
  const handlers = {
    partition: (source: typeof Orders, note: Note) => Topic.handle(source, ({ topic, value }) => note(topic, value)),
    keys: (source: typeof Orders, note: Note) =>
      Topic.handle(source, ({ topic, value }) => note(topic, value), { concurrency: { keys: 2 } }),
    batches: (source: typeof Orders, note: Note) =>
      Topic.handleBatch(source, (records) => Effect.forEach(records, ({ topic, value }) => note(topic, value)))
  } satisfies Record<string, (source: typeof Orders, note: Note) => Handler.Handler<any, any>>

  for (const [kind, handler] of Object.entries(handlers)) {
    it.effect(`is read by both, each its own records, and theirs do not hold up others: ${kind}`, () => {
      const warnings: Array<string> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
        if (logLevel === "Warn") warnings.push(String(message))
      })
      return onCluster(
        ["web.orders", "orders", name],
        Effect.gen(function*() {
          const kafka = yield* InMemoryKafka
          const left = (group: string, value: string, due: number) =>
            kafka.produce({
              topic: name,
              value: bytes(value),
              headers: [...retryHeaders(2, due), ["kafka_dlt-original-consumer-group", bytes(group)]]
            })
          yield* left("shop.eu", "theirs, later", began + 1_000)
          yield* left("shop", "ours", began)
          yield* left("shop.eu", "theirs", began)
          const seen: Array<string> = []
          const consumer = (group: string, source: any) =>
            Consumer.run(Consumer.make(group, {
              offsetReset: "earliest",
              onFailure: once,
              handlers: [
                handler(source, (topic, value) => Effect.sync(() => void seen.push(`${group} ${topic} ${value}`)))
              ]
            }))
          yield* Effect.forkScoped(consumer("shop", Topic.pattern(/[a-z]+\.orders/, texts)))
          yield* pass(12)
          assert.deepStrictEqual(seen, [`shop ${name} ours`])
          assert.strictEqual((yield* kafka.committed("shop.retry"))[0]?.offset, 3)
          yield* Effect.forkScoped(consumer("shop.eu", Orders))
          yield* pass(12)
          assert.deepStrictEqual(seen.slice(1), [`shop.eu ${name} theirs, later`, `shop.eu ${name} theirs`])
          assert.strictEqual((yield* kafka.committed("shop.eu.retry"))[0]?.offset, 3)
          const told = warnings.filter((line) => line.includes(name))
          assert.lengthOf(told, 2)
          assert.include(told[0], `retry topic "${name}" is one of group "shop.eu" too`)
        }).pipe(Effect.provide(Logger.layer([logger])))
      )
    })
  }

  it.effect("stops an owner of offsets who cannot note that theirs are passed over: they are no dead letters", () =>
    onCluster(
      ["web.orders", name],
      Effect.gen(function*() {
        const kafka = yield* InMemoryKafka
        yield* kafka.produce({
          topic: name,
          value: bytes("theirs"),
          headers: [...retryHeaders(2, began), ["kafka_dlt-original-consumer-group", bytes("shop.eu")]]
        })
        const calls: Array<number> = []
        const handler = Topic.handleOwningOffsets(
          Topic.pattern(/[a-z]+\.orders/, texts),
          ({ records }) => Effect.suspend(() => Effect.fail(calls.push(records.length))),
          { startOffsets: () => Effect.succeed([]) }
        )
        const fiber = yield* Effect.forkScoped(Consumer.run(Consumer.make("shop", {
          offsetReset: "earliest",
          onFailure: once,
          handlers: [handler]
        })))
        yield* pass(12)
        assert.include(endOf(fiber), "failed to note an offset")
        assert.deepStrictEqual(calls, [0])
      })
    ))
})
