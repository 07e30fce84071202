import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Consumer, OnFailure, Producer, Topic } from "millrace"
import type { ConfluentKafka } from "millrace/confluent"
import { readFileSync } from "node:fs"
import { Ledger } from "../conformance/ledger.ts"
import { produce, reasonOf, sorted, texts, textTopic } from "../conformance/members.ts"
import { full } from "../full.ts"
import { tlsFiles, users } from "../services/brokerConfig.ts"
import { kafka, sharedKafka } from "../services/env.ts"
import { foreignConsume, foreignProduce } from "../services/foreignClient.ts"
import { createTopic, engineAt } from "./cluster.ts"

const compressions = ["gzip", "snappy", "lz4", "zstd"] as const
const perCompression = full ? 5_000 : 200
let names = 0
const name = (prefix: string) => `faults-${prefix}-${process.pid}-${++names}`

/** Reads topics to their end, as a group of its own. */
const readAll = Effect.fnUntraced(function*(...topics: ReadonlyArray<string>) {
  const ledger = new Ledger()
  const handler = ledger.handler("reader", { dead: false }, () => Effect.void, false)
  yield* Consumer.run(Consumer.make(name("reader"), {
    offsetReset: "earliest",
    until: "end",
    fetchMaxWait: 50,
    onFailure: OnFailure.stop,
    handlers: topics.map((topic) => Topic.handle(textTopic(topic), handler))
  }))
  assert.deepStrictEqual(ledger.duplicates, [])
  assert.deepStrictEqual(ledger.disorder(), [])
  return ledger
})

const padding = " with some text that a codec can make shorter".repeat(4)

describe("Kafka's own clients and ours", { concurrent: true }, () => {
  it.live("what Kafka's own producer wrote is read, in every compression", () =>
    Effect.gen(function*() {
      const bootstrap = sharedKafka()
      const topic = name("foreign")
      yield* Effect.provide(
        Effect.gen(function*() {
          yield* createTopic(topic, 1)
          for (const [i, compression] of compressions.entries()) {
            const records = texts(i * perCompression, (i + 1) * perCompression).map((value) => ({
              key: `k${value}`,
              value: value + padding
            }))
            yield* Effect.promise(() => foreignProduce({ bootstrap, topic, compression, records }))
          }
          const ledger = yield* readAll(topic)
          assert.deepStrictEqual(
            ledger.handled.map(({ key, value }) => [key, value]),
            texts(0, perCompression * 4).map((value) => [`k${value}`, value + padding])
          )
        }),
        yield* engineAt(bootstrap)
      )
    }))

  it.live("null and empty headers are what they are for Kafka's own consumer, and empty ones stay so in copies", () =>
    Effect.gen(function*() {
      const bootstrap = sharedKafka()
      const topic = name("headers")
      const group = name("group")
      const source = textTopic(topic)
      yield* Effect.provide(
        Effect.gen(function*() {
          yield* createTopic(topic, 1)
          const slice = Buffer.from("abc").subarray(1, 1)
          yield* Producer.send(source, {
            key: null,
            value: "x",
            headers: [["null", null], ["empty", new Uint8Array(0)], ["text", new Uint8Array([97])], ["slice", slice]]
          })
          yield* Consumer.run(Consumer.make(group, {
            offsetReset: "earliest",
            until: "end",
            fetchMaxWait: 50,
            onFailure: OnFailure.deadLetter,
            handlers: [Topic.handle(source, () => Effect.fail("no"))]
          }))
        }),
        yield* engineAt(bootstrap)
      )
      const sent = [["null", "<null>"], ["empty", ""], ["text", "a"], ["slice", ""]]
      const [record] = yield* Effect.promise(() => foreignConsume({ bootstrap, topic, count: 1 }))
      assert.deepStrictEqual(record!.headers, sent as any)
      const [copy] = yield* Effect.promise(() =>
        foreignConsume({ bootstrap, topic: `${group}.${topic}.dlt`, count: 1 })
      )
      // What was null was read as empty.
      const names = new Set(sent.map(([name]) => name))
      assert.deepStrictEqual(
        copy!.headers.filter(([name]) => names.has(name)),
        [["null", ""], ["empty", ""], ["text", "a"], ["slice", ""]]
      )
    }))

  it.live("what we wrote is read by Kafka's own consumer, in every compression", () =>
    Effect.gen(function*() {
      const bootstrap = sharedKafka()
      const topic = name("ours")
      yield* Effect.provide(createTopic(topic, 1), yield* engineAt(bootstrap))
      for (const [i, compression] of [...compressions, "none" as const].entries()) {
        const messages = texts(i * 10, (i + 1) * 10).map((value) => ({
          key: `k${value}`,
          value: value + padding,
          headers: [["n", new TextEncoder().encode(value)]] as const
        }))
        yield* Effect.provide(
          Producer.sendAll(textTopic(topic), messages),
          yield* engineAt(bootstrap, { producer: { compression } })
        )
      }
      const read = yield* Effect.promise(() => foreignConsume({ bootstrap, topic, count: 50 }))
      assert.deepStrictEqual(
        read.map(({ headers, key, value }) => ({ key, value, headers })),
        texts(0, 50).map((value) => ({ key: `k${value}`, value: value + padding, headers: [["n", value]] as const }))
      )
    }))

  for (const partitions of [1, 6, 300]) {
    it.live(`topics of ${partitions} partitions are written and read whole`, () =>
      Effect.gen(function*() {
        const topic = name("wide")
        const count = Math.max(600, partitions * (full ? 200 : 5))
        yield* Effect.provide(
          Effect.gen(function*() {
            yield* createTopic(topic, partitions)
            yield* produce(topic, 0, count, partitions)
            const ledger = yield* readAll(topic)
            assert.deepStrictEqual(sorted(ledger.values), texts(0, count))
            assert.strictEqual(new Set(ledger.handled.map(({ partition }) => partition)).size, partitions)
          }),
          yield* engineAt(sharedKafka())
        )
      }))
  }
})

describe("a broker that asks who we are", { concurrent: true }, () => {
  const ca = readFileSync(tlsFiles.ca, "utf8")
  const login = (mechanism: "plain" | "scram-sha-256" | "scram-sha-512", password: string = users.alice) =>
    ({ mechanism, username: "alice", password: Redacted.make(password) }) as const
  const cert = readFileSync(tlsFiles.aliceCertificate, "utf8")
  const key = Redacted.make(readFileSync(tlsFiles.aliceKey, "utf8"))
  const ways: ReadonlyArray<readonly [title: string, at: () => string, options: Partial<ConfluentKafka.Options>]> = [
    ["a password", () => kafka().saslPlaintext, { sasl: login("plain") }],
    ["SCRAM-SHA-256", () => kafka().saslPlaintext, { sasl: login("scram-sha-256") }],
    ["SCRAM-SHA-512 over TLS", () => kafka().saslSsl, { sasl: login("scram-sha-512"), tls: { ca } }],
    ["TLS", () => kafka().ssl, { tls: { ca } }],
    ["a client certificate", () => kafka().ssl, { tls: { ca, cert, key } }]
  ]
  for (const [title, at, options] of ways) {
    it.live(`is told by ${title}: records are written and read`, () =>
      Effect.gen(function*() {
        const topic = name("secure")
        yield* Effect.provide(
          Effect.gen(function*() {
            yield* createTopic(topic, 6)
            yield* produce(topic, 0, 60, 6)
            assert.deepStrictEqual(sorted((yield* readAll(topic)).values), texts(0, 60))
          }),
          yield* engineAt(at(), options)
        )
      }))
  }

  const wrong: ReadonlyArray<readonly [title: string, at: () => string, options: Partial<ConfluentKafka.Options>]> = [
    ["a wrong password", () => kafka().saslSsl, { sasl: login("scram-sha-512", "wrong"), tls: { ca } }],
    ["an unknown authority", () => kafka().ssl, { tls: true }]
  ]
  for (const [title, at, options] of wrong) {
    it.live(`refuses ${title}, and the error says so`, () =>
      Effect.gen(function*() {
        const engine = yield* engineAt(at(), { ...options, connectTimeout: "5 seconds" })
        const sent = Producer.send(textTopic("nothing"), { key: null, value: "x" })
        const error = yield* Effect.flip(Effect.provide(sent, engine))
        assert.strictEqual(reasonOf(error), "AuthenticationFailed")
      }))
  }
})
