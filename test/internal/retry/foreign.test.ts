/** Records in retry topics whose headers tell too little, or what cannot be. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Consumer, ConsumerControl, DeadLetters, OnFailure, Retry, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { retryHeaders } from "../../conformance/routes.ts"
import { began, bytes, onCluster, Orders, pass, valuesOf } from "../../kit/cluster.ts"

const once = Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 }))

/** A consumer whose handler always fails. */
const failing = (group: string, onFailure: OnFailure.OnFailure<unknown>, tries: Array<string> = []) =>
  Consumer.make(group, {
    offsetReset: "earliest",
    onFailure,
    handlers: [
      Topic.handle(Orders, ({ topic }) =>
        Effect.suspend(() => {
          tries.push(topic)
          return Effect.fail("no")
        }))
    ]
  })

describe("a record in a retry topic", () => {
  it.effect("of django-kafka goes on at the attempt that its topic names, also where equal delays share one", () =>
    onCluster(
      ["orders", "g.orders.retry.1", "g.orders.retry.3"],
      Effect.gen(function*() {
        const kafka = yield* InMemoryKafka
        const headers = [["RETRY_TIMESTAMP", bytes(String(began / 1000 + 1))]] as const
        yield* kafka.produce({ topic: "g.orders.retry.3", value: bytes("v"), headers })
        const tries: Array<string> = []
        const policy = Retry.settings({ maxRetries: 3, delay: "1 second", blocking: false })
        yield* Effect.forkScoped(Consumer.run(failing("g", policy, tries)))
        yield* pass(5)
        assert.deepStrictEqual(yield* valuesOf("g.orders.dlt"), ["v"])
        assert.deepStrictEqual(tries, ["g.orders.retry.3"])
      })
    ))

  it.effect("reaches its timeout also when it is said to have failed first in the future", () =>
    onCluster(
      ["orders", "g.orders.retry.1"],
      Effect.gen(function*() {
        const kafka = yield* InMemoryKafka
        const headers = [
          ...retryHeaders(2, began + 1_000),
          ["x-retry-first-failed-at", bytes("8000000000000000")] as const
        ]
        yield* kafka.produce({ topic: "g.orders.retry.1", value: bytes("v"), headers })
        const policy = Retry.nonBlocking(Schedule.spaced("1 second"), { timeout: "5 seconds" })
        yield* Effect.forkScoped(Consumer.run(failing("g", policy)))
        yield* pass(15)
        assert.deepStrictEqual(yield* valuesOf("g.orders.dlt"), ["v"])
      })
    ))

  it.effect("does not wait in place when it was redriven", () =>
    onCluster(
      ["orders", "h.orders.retry.1", "h.orders.dlt"],
      Effect.gen(function*() {
        const kafka = yield* InMemoryKafka
        yield* kafka.produce({ topic: "h.orders.dlt", value: bytes("v") })
        const policy = Retry.blocking(Schedule.spaced("1 hour")).pipe(OnFailure.andThen(Retry.nonBlocking(once)))
        const consumer = failing("h", policy)
        assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(consumer)), 1)
        yield* Effect.forkScoped(Consumer.run(consumer))
        yield* pass(5)
        assert.deepStrictEqual(yield* valuesOf("h.orders.dlt"), ["v", "v"])
      }).pipe(Effect.provideService(ConsumerControl.Registry, new Set()))
    ))
})
