import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Producer } from "millrace"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import type { Group, Member, World } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce, sorted, texts, textTopic } from "../members.ts"

const adminOf = Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
const message = (value: string, partition = 0) => ({ key: null, value, partition })

/** Sends records in a transaction that ends as wanted. */
const sent = (world: World, topic: string, values: ReadonlyArray<string>, outcome: "commit" | "abort") =>
  Effect.ignore(Producer.transaction(
    world.name("tx"),
    Effect.andThen(
      Producer.sendAll(textTopic(topic), values.map((value) => message(value))),
      outcome === "abort" ? Effect.fail("abort") : Effect.void
    )
  ))

/** Waits until a member has no lag, and its group is committed at the end of every partition. */
const caughtUp = Effect.fnUntraced(function*(world: World, member: Member, topic: string, partitions: number) {
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  const admin = yield* adminOf
  yield* world.until("there is no lag", Effect.map(member.health, (health) => health?.lag === 0))
  yield* world.until(
    "the ends are committed",
    Effect.gen(function*() {
      // Asked for each time: the broker writes the marker of a transaction some time after its end.
      const ends = yield* admin.listOffsets(all, "latest", "read_uncommitted")
      const committed = yield* world.committed(member.group, topic)
      return committed.length === partitions &&
        committed.every(({ offset, partition }) =>
          ends.some((end) => end.partition === partition && end.offset === offset)
        )
    })
  )
})

export const idlePositions: Group = {
  title: "an idle partition",
  scenarios: [
    scenario(
      "has no lag behind the marker of a transaction",
      ["transactions", "topics admin"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const ledger = new Ledger()
          yield* sent(world, topic, ["0", "1", "2"], "commit")
          const member = yield* join(world, { group: world.name("group"), topics: [topic], ledger })
          yield* world.until("all are handled", Effect.sync(() => ledger.handled.length === 3))
          yield* caughtUp(world, member, topic, 4)
          yield* sent(world, topic, ["3"], "commit")
          yield* world.until("the next is handled", Effect.sync(() => ledger.handled.length === 4))
          yield* caughtUp(world, member, topic, 4)
          yield* member.stop
          assert.deepStrictEqual(ledger.values, texts(0, 4))
        })
    ),
    scenario("has no lag behind aborted records, also when there are no others", ["transactions", "topics admin"], (
      world
    ) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(4)
        const ledger = new Ledger()
        yield* sent(world, topic, texts(0, 20), "abort")
        const member = yield* join(world, { group: world.name("group"), topics: [topic], ledger })
        yield* caughtUp(world, member, topic, 4)
        yield* Producer.send(textTopic(topic), message("seen"))
        yield* world.until("it is handled", Effect.sync(() => ledger.handled.length === 1))
        yield* sent(world, topic, texts(0, 50), "abort")
        yield* caughtUp(world, member, topic, 4)
        yield* member.stop
        assert.deepStrictEqual(ledger.values, ["seen"])
      })),
    scenario("keeps its place over a restart, though offsetReset is latest", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(4)
        const group = world.name("group")
        const settings = { offsetReset: "latest" } as const
        yield* produce(topic, 0, 8, 4)
        const first = yield* join(world, { group, topics: [topic], ledger: new Ledger(), settings })
        yield* world.until("it is assigned", Effect.map(first.assignment, (all) => all.length === 4))
        yield* first.stop
        yield* produce(topic, 8, 16, 4)
        const ledger = new Ledger()
        const second = yield* join(world, { group, topics: [topic], ledger, settings })
        yield* world.until("what came in between is handled", Effect.sync(() => ledger.handled.length === 8))
        yield* second.stop
        assert.deepStrictEqual(sorted(ledger.values), texts(8, 16))
      })),
    scenario("keeps its place when it moves, though offsetReset is latest", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(4)
        const group = world.name("group")
        const settings = { offsetReset: "latest" } as const
        const ledger = new Ledger()
        const first = yield* join(world, { group, topics: [topic], ledger, name: "a", settings })
        yield* world.until("it is assigned", Effect.map(first.assignment, (all) => all.length === 4))
        const second = yield* join(world, { group, topics: [topic], ledger, name: "b", settings })
        yield* world.until(
          "some are given up",
          Effect.gen(function*() {
            const revoked = first.events.findIndex((event) => event._tag === "Revoked")
            if (revoked === -1) return false
            yield* produce(topic, 0, 4, 4)
            return true
          })
        )
        yield* world.until("all are handled", Effect.sync(() => ledger.handled.length >= 4))
        assert.deepStrictEqual(sorted(ledger.values), texts(0, 4))
        yield* second.stop
        yield* first.stop
      }))
  ]
}
