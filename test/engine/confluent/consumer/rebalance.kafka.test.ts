import { assert, describe, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ConfluentKafka from "../../../../src/engine/ConfluentKafka.ts"
import * as KafkaEngine from "../../../../src/engine/KafkaEngine.ts"
import { sharedKafka } from "../../../services/env.ts"
import { fresh, numbered, open, produce } from "../mock.ts"
import { groupTests, inTime } from "./groupTests.ts"

const deadline = Duration.seconds(10)

const protocols = {
  "KIP-848": { groupProtocol: "consumer" },
  "cooperative-sticky": { groupProtocol: "classic", assignor: "cooperative-sticky" },
  "range": { groupProtocol: "classic", assignor: "range" }
} as const

const engine = Layer.unwrap(Effect.sync(() =>
  ConfluentKafka.layer({
    bootstrapServers: [sharedKafka()],
    consumer: { fetchMaxWait: "10 millis", sessionTimeout: "6 seconds" }
  })
))

const topic = Effect.fnUntraced(function*(prefix: string) {
  const name = fresh(prefix)
  const admin = yield* (yield* KafkaEngine.Service).admin
  yield* admin.createTopic({ name, partitions: 4 })
  return name
})

layer(engine, { excludeTestServices: true })("a group on a real broker", (it) => {
  for (const [name, config] of Object.entries(protocols)) {
    describe(name, () => {
      groupTests(it, config, topic)
    })
  }

  it.effect("a static member that another one replaces ends, and says why", () =>
    Effect.gen(function*() {
      const name = yield* topic("static")
      const group = fresh("group")
      yield* produce(numbered(name, 0, 1))
      const config = { groupInstanceId: "one" }
      const first = yield* open({ topics: [name], group, config })
      yield* first.run(() => first.records.length === 1, "a record")
      const second = yield* open({ topics: [name], group, config })
      yield* Effect.all([
        first.run(() => first.find("Failed").length > 0, "the end of the first"),
        second.run(() => second.assigned.size === 4, "the assignment")
      ], { concurrency: 2 })
      assert.strictEqual(first.find("Failed")[0]!.error.reason._tag, "Fenced")
      yield* inTime(first.client.close(deadline))
      yield* inTime(second.client.close(deadline))
    }))
})
