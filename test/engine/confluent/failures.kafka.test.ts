import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Codec, Consumer, KafkaEngine, type KafkaError, OnFailure, Producer, Topic } from "millrace"
import { randomUUID } from "node:crypto"
import { readFileSync } from "node:fs"
import { ConfluentKafka } from "../../../src/confluent.ts"
import { tlsFiles } from "../../services/brokerConfig.ts"
import { kafka, sharedKafka } from "../../services/env.ts"

/** What goes wrong at the start of a program must end typed, within a bound, and name what is wrong. */
const bound = "20 seconds"

const topic = () => Topic.make(`failures-${randomUUID()}`, { key: Codec.none, value: Codec.string })

const consume = (source: Topic.Topic<null, string>, offsetReset: "earliest" | "none" = "earliest") =>
  Consumer.run(Consumer.make(`failures-${randomUUID()}`, {
    offsetReset,
    until: "end",
    onFailure: OnFailure.stop,
    handlers: [Topic.handle(source, () => Effect.void)]
  }))

const admin = Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
const create = (name: string) => Effect.flatMap(admin, (admin) => admin.createTopic({ name, partitions: 1 }))

const reasonOf = <A, E>(
  effect: Effect.Effect<A, E, KafkaEngine.Service>,
  options: Partial<ConfluentKafka.Options> = {}
) =>
  effect.pipe(
    Effect.provide(ConfluentKafka.layer({ bootstrapServers: [sharedKafka()], ...options })),
    Effect.timeout(bound),
    Effect.flip,
    Effect.map((error) => (error as KafkaError.KafkaError).reason)
  )

const sasl = (mechanism: "plain" | "scram-sha-512", password: string) => ({
  bootstrapServers: [kafka().saslPlaintext],
  // A client that was refused keeps a thread of the process busy until its time is over.
  connectTimeout: "3 seconds" as const,
  sasl: { mechanism, username: "alice", password: Redacted.make(password) }
})

describe("failures at the start", () => {
  it.live("nobody answers", () =>
    Effect.gen(function*() {
      const reason = yield* reasonOf(consume(topic()), {
        bootstrapServers: ["127.0.0.1:1"],
        connectTimeout: "2 seconds"
      })
      assert.strictEqual(reason._tag, "BrokerUnreachable")
      assert.include(reason.message, "127.0.0.1:1")
    }))

  for (const mechanism of ["plain", "scram-sha-512"] as const) {
    it.live(`a wrong password, ${mechanism}`, () =>
      Effect.gen(function*() {
        for (const attempt of [consume(topic()), Producer.send(topic(), { key: null, value: "" }), admin]) {
          const reason = yield* reasonOf<unknown, unknown>(attempt, sasl(mechanism, "wrong"))
          assert.strictEqual(reason._tag, "AuthenticationFailed")
          assert.notInclude(reason.message, "wrong")
        }
      }))
  }

  it.live("an authority that nobody vouches for", () =>
    Effect.gen(function*() {
      const reason = yield* reasonOf(consume(topic()), { bootstrapServers: [kafka().ssl], tls: true })
      assert.strictEqual(reason._tag, "AuthenticationFailed")
      assert.include(reason.message, "certificate")
    }))

  it.live("a topic that does not exist, consumed and produced to", () =>
    Effect.gen(function*() {
      const missing = topic()
      const consumed = yield* reasonOf(consume(missing))
      const produced = yield* reasonOf(Producer.send(missing, { key: null, value: "" }))
      assert.deepStrictEqual([consumed._tag, produced._tag], ["UnknownTopic", "UnknownTopic"])
      assert.include(consumed.message, missing.name)
      assert.include(produced.message, missing.name)
    }))

  it.live("a topic that does not exist, but only until it is made", () =>
    Effect.gen(function*() {
      const young = topic()
      const send = Producer.send(young, { key: null, value: "" })
      const refused = yield* Effect.flip(send)
      assert.strictEqual(refused._tag === "KafkaError" && refused.reason._tag, "UnknownTopic")
      yield* create(young.name)
      yield* Effect.repeat(Effect.flatMap(admin, (admin) => admin.describeTopics([young.name])), {
        until: (found) => found.length > 0
      })
      assert.strictEqual((yield* send).offset, 0)
    }).pipe(Effect.provide(ConfluentKafka.layer({ bootstrapServers: [sharedKafka()] })), Effect.timeout(bound)))

  it.live("no committed offset under offsetReset none, by partition", () =>
    Effect.gen(function*() {
      const empty = topic()
      const reason = yield* reasonOf(Effect.andThen(create(empty.name), consume(empty, "none")))
      assert.strictEqual(reason._tag, "NoOffset")
      assert.include(reason.message, `${empty.name}/0`)
    }))

  it.live("a record that is too large, for the client and for the broker", () =>
    Effect.gen(function*() {
      const large = topic()
      const value = randomUUID().repeat(60_000)
      const send = Producer.send(large, { key: null, value })
      const client = yield* reasonOf(Effect.andThen(create(large.name), send))
      const broker = yield* reasonOf(send, { producer: { maxRequestBytes: 10_000_000, compression: "none" } })
      assert.deepStrictEqual([client._tag, broker._tag], ["RecordTooLarge", "RecordTooLarge"])
    }))

  it.live("settings that are wrong, by name", () =>
    Effect.gen(function*() {
      const unknown = yield* reasonOf(consume(topic()), { librdkafka: { global: { "no.such.setting": 1 } } })
      const refused = yield* reasonOf(consume(topic()), { librdkafka: { consumer: { "group.id": "x" } } })
      const servers = yield* reasonOf(consume(topic()), { bootstrapServers: ["no-port"] })
      for (const reason of [unknown, refused, servers]) assert.strictEqual(reason._tag, "InvalidSetting")
      assert.include(unknown.message, "no.such.setting")
      assert.include(refused.message, "group.id")
      assert.include(servers.message, "no-port")
    }))
})

describe("TLS and SASL", () => {
  it.live("work together, and with a client certificate", () =>
    Effect.gen(function*() {
      const secure = topic()
      yield* create(secure.name).pipe(Effect.provide(ConfluentKafka.layer({ bootstrapServers: [sharedKafka()] })))
      const ca = readFileSync(tlsFiles.ca, "utf8")
      const options: ReadonlyArray<ConfluentKafka.Options> = [
        { ...sasl("scram-sha-512", "alice-secret"), bootstrapServers: [kafka().saslSsl], tls: { ca } },
        {
          bootstrapServers: [kafka().ssl],
          tls: {
            ca,
            cert: readFileSync(tlsFiles.aliceCertificate, "utf8"),
            key: Redacted.make(readFileSync(tlsFiles.aliceKey, "utf8"))
          }
        }
      ]
      for (const option of options) {
        const sent = Producer.send(secure, { key: null, value: "x" })
        const delivery = yield* Effect.andThen(sent, Effect.tap(sent, consume(secure))).pipe(
          Effect.provide(ConfluentKafka.layer(option))
        )
        assert.strictEqual(delivery.topic, secure.name)
      }
    }))
})
