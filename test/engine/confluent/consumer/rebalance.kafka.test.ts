import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ConfluentKafka from "../../../../src/engine/ConfluentKafka.ts"
import * as KafkaEngine from "../../../../src/engine/KafkaEngine.ts"
import { sharedKafka } from "../../../services/env.ts"
import { fresh, numbered, open, produce, until } from "../mock.ts"
import { deadline, groupTests } from "./groupTests.ts"

const protocols = {
  "KIP-848": { groupProtocol: "consumer" },
  "cooperative-sticky": { groupProtocol: "classic", assignor: "cooperative-sticky" },
  "range": { groupProtocol: "classic", assignor: "range" }
} as const

const engine = Layer.unwrap(Effect.sync(() =>
  ConfluentKafka.layer({
    bootstrapServers: [sharedKafka()],
    consumer: { fetchMaxWait: "10 millis", sessionTimeout: "30 seconds" }
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
      yield* first.client.close(deadline)
      yield* second.client.close(deadline)
    }))

  // The session of a member that does not say that it leaves goes on for its 45 seconds.
  const patient = { groupProtocol: "classic", assignor: "cooperative-sticky", sessionTimeout: "45 seconds" } as const

  it.effect(
    "a member that leaves while its partitions are still on their way leaves the group at once",
    () =>
      Effect.gen(function*() {
        const name = yield* topic("young")
        const group = fresh("group")
        const first = yield* open({ topics: [name], group, config: patient })
        yield* first.run(() => first.assigned.size === 4, "all partitions")
        const second = yield* open({ topics: [name], group, config: patient })
        // Asked to give some up, and it has not: the second has joined, and owns nothing.
        yield* until(() => first.due.length > 0, "the revoke")
        yield* second.client.close(deadline)
        yield* first.run(() => first.due.length === 0 && first.assigned.size === 4, "its partitions again")
        yield* first.client.commit([{ topic: name, partition: 0, offset: 0 }])
        yield* first.client.close(deadline)
      }),
    60_000
  )

  it.effect("spare members leave the group at once, too", () =>
    Effect.gen(function*() {
      const name = yield* topic("spare")
      const group = fresh("group")
      const admin = yield* (yield* KafkaEngine.Service).admin
      const members = Effect.map(admin.describeGroups([group]), ([one]) => one?.state === "Stable" ? one.members : [])
      const all = yield* Effect.forEach(
        Array.from({ length: 6 }),
        () => open({ topics: [name], group, config: patient })
      )
      let ready = false
      const stable = Effect.gen(function*() {
        let found = yield* members
        while (found.length < all.length) found = yield* members
        ready = all.filter(({ assigned }) => assigned.size > 0).length === 4
      })
      const spares = () => all.filter(({ assigned }) => assigned.size === 0)
      yield* Effect.all([
        Effect.repeat(stable, { until: () => ready }),
        ...all.map((owner) => owner.run(() => ready, "a share"))
      ], { concurrency: "unbounded" })
      assert.lengthOf(spares(), 2)
      const [one, other] = spares()
      yield* one!.client.close(deadline)
      yield* other!.client.close(deadline)
      const left = yield* Effect.map(admin.describeGroups([group]), ([group]) => group!.members.length)
      assert.strictEqual(left, 4)
      yield* Effect.forEach(
        all.filter((owner) => owner !== one && owner !== other),
        (owner) => owner.client.close(deadline),
        { concurrency: "unbounded" }
      )
    }), 60_000)
})
