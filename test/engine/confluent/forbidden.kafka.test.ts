import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as ConfluentKafka from "../../../src/engine/ConfluentKafka.ts"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import { users } from "../../services/brokerConfig.ts"
import { kafka } from "../../services/env.ts"
import { denySecretsToMallory } from "../../services/foreignClient.ts"
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
