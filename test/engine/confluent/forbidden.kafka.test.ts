import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as ConfluentKafka from "../../../src/engine/ConfluentKafka.ts"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import type { KafkaError } from "../../../src/KafkaError.ts"
import { users } from "../../services/brokerConfig.ts"
import { kafka } from "../../services/env.ts"
import { denySecretsToMallory, denyWritesToMallory } from "../../services/foreignClient.ts"
import { fresh, open } from "./mock.ts"

describe("a topic that this user may not see", () => {
  it.live("is not called unknown, and one that does not exist is", () =>
    Effect.gen(function*() {
      const broker = kafka()
      yield* Effect.promise(() => denySecretsToMallory(broker.bootstrap))
      const secret = fresh("secret")
      yield* Effect.flatMap(KafkaEngine.Service, ({ admin }) =>
        Effect.flatMap(admin, (admin) => admin.createTopic({ name: secret, partitions: 1 }))).pipe(
          Effect.provide(ConfluentKafka.layer({ bootstrapServers: [broker.bootstrap] }))
        )
      const missing = fresh("missing")
      const [denied, unknown] = yield* Effect.all([
        Effect.flip(open({ topics: [secret] })),
        Effect.flip(open({ topics: [missing] }))
      ]).pipe(
        Effect.scoped,
        Effect.provide(ConfluentKafka.layer({
          bootstrapServers: [broker.saslPlaintext],
          sasl: { mechanism: "scram-sha-256", username: "mallory", password: Redacted.make(users.mallory) }
        }))
      )
      assert.deepInclude(denied.reason, { _tag: "AuthorizationFailed", resource: "topic", name: secret })
      assert.deepInclude(unknown.reason, { _tag: "UnknownTopic", topic: missing })
    }))
})

describe("a topic that this user may not write to", () => {
  it.live("is named by its records in a transaction", () =>
    Effect.gen(function*() {
      const broker = kafka()
      const [sealed, free] = [fresh("sealed"), fresh("free")]
      yield* Effect.promise(() => denyWritesToMallory(broker.bootstrap, sealed))
      yield* Effect.gen(function*() {
        const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
        for (const name of [sealed, free]) yield* admin.createTopic({ name, partitions: 1 })
      }).pipe(Effect.provide(ConfluentKafka.layer({ bootstrapServers: [broker.bootstrap] })))
      yield* Effect.gen(function*() {
        const engine = yield* KafkaEngine.Service
        const client = yield* engine.transactional(fresh("writer"))
        /** What its records are told, by topic. */
        const sent = function*(topics: ReadonlyArray<string>) {
          const told = new Map<string, KafkaError | undefined>()
          yield* client.begin
          for (const topic of topics) {
            const send = () => client.produce({ topic, key: null, value: null }, (error) => told.set(topic, error))
            while (!send()) yield* client.whenSpace
          }
          yield* client.flush(Duration.seconds(20))
          yield* client.abort
          return told
        }
        const told = yield* sent([free, sealed])
        assert.deepInclude(told.get(sealed)?.reason, { _tag: "AuthorizationFailed", resource: "topic", name: sealed })
        assert.notStrictEqual(told.get(free)?.reason._tag, "AuthorizationFailed")
        assert.deepStrictEqual(yield* sent([free]), new Map([[free, undefined]]))
      }).pipe(
        Effect.scoped,
        Effect.provide(ConfluentKafka.layer({
          bootstrapServers: [broker.saslPlaintext],
          sasl: { mechanism: "scram-sha-256", username: "mallory", password: Redacted.make(users.mallory) }
        }))
      )
    }), 120_000)
})
