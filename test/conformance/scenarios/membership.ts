import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { Consumer, OnFailure, Topic } from "millrace"
import { full } from "../../full.ts"
import type { Group, Member, World } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce, reasonOf, runProgram, share, textTopic } from "../members.ts"

const partitions = 4
const perMember = full ? 2_000 : 200

const isHandled = (ledger: Ledger, count: number) => Effect.sync(() => ledger.distinct >= count)

/** What holds after members came and went in good order. */
const checkCleanly = Effect.fnUntraced(
  function*(world: World, ledger: Ledger, group: string, topic: string, count: number) {
    assert.strictEqual(ledger.distinct, count)
    assert.deepStrictEqual(ledger.duplicates, [])
    assert.deepStrictEqual(ledger.overlaps, [])
    assert.deepStrictEqual(ledger.disorder(), [])
    const committed = yield* world.committed(group, topic)
    assert.strictEqual(committed.reduce((sum, { offset }) => sum + offset, 0), count)
  }
)

/**
 * Members join one after the other under load, and leave the same way: each has its share, nobody does anything twice.
 */
const comeAndGo = (members: number) =>
  Effect.fnUntraced(function*(world: World) {
    const topic = yield* world.topic(partitions)
    const group = world.name("group")
    const ledger = new Ledger()
    let produced = 0
    const more = Effect.suspend(() => produce(topic, produced, produced += perMember, partitions))
    const running: Array<Member> = []
    // No more members get partitions than there are.
    const fair = Effect.suspend(() => share(running.slice(0, partitions), partitions))
    const settled = members <= partitions ? fair : Effect.map(
      Effect.forEach(running, (member) => member.assignment),
      (all) => new Set(all.flat()).size === partitions && all.flat().length === partitions
    )
    for (let i = 0; i < members; i++) {
      yield* more
      running.push(yield* join(world, { group, topics: [topic], ledger, name: `m${i}`, work: () => Effect.sleep(1) }))
      if (i < 2) yield* world.until(`${i + 1} members share`, fair)
    }
    yield* more
    yield* world.until("everybody settled", Effect.suspend(() => settled))
    yield* world.until("all are handled", Effect.suspend(() => isHandled(ledger, produced)))
    for (const leaving of [...running].slice(1)) {
      yield* more
      yield* leaving.stop
      running.splice(running.indexOf(leaving), 1)
    }
    yield* world.until("all are handled", Effect.suspend(() => isHandled(ledger, produced)))
    yield* running[0]!.stop
    yield* checkCleanly(world, ledger, group, topic, produced)
    assert.isAbove(new Set(ledger.handled.map(({ member }) => member)).size, 1)
  })

export const membership: Group = {
  title: "members of a group",
  scenarios: [
    scenario("two come and go under load: nothing is lost, doubled, or out of order", [], comeAndGo(2)),
    scenario("five come and go under load: nothing is lost, doubled, or out of order", ["crowds"], comeAndGo(5)),
    scenario(
      "join during a slow handler: the partition moves when it finished, and only then",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(partitions)
          const group = world.name("group")
          const ledger = new Ledger()
          yield* produce(topic, 0, 40, partitions)
          const gate = yield* Deferred.make<void>()
          const work = ({ offset }: { readonly offset: number }) => offset === 3 ? Deferred.await(gate) : Effect.void
          const first = yield* join(world, { group, topics: [topic], ledger, work })
          yield* world.until("every partition is in the middle", Effect.sync(() => ledger.started.length === 16))
          const second = yield* join(world, { group, topics: [topic], ledger, name: "b" })
          yield* world.advance(world.slowMillis)
          assert.deepStrictEqual(yield* second.assignment, [])
          assert.strictEqual(ledger.handled.length, 12)
          yield* Deferred.succeed(gate, undefined)
          yield* world.until("they share", share([first, second], partitions))
          yield* world.until("all are handled", isHandled(ledger, 40))
          yield* first.stop
          yield* second.stop
          yield* checkCleanly(world, ledger, group, topic, 40)
        })
    ),
    scenario(
      "join during a handler without an end: interrupted after the drain budget, its record goes with the partition",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(partitions)
          const group = world.name("group")
          const ledger = new Ledger()
          yield* produce(topic, 0, 40, partitions)
          const first = yield* join(world, {
            group,
            topics: [topic],
            ledger,
            settings: { drainTimeout: world.slowMillis },
            work: ({ offset }) => offset === 3 ? Effect.never : Effect.void
          })
          yield* world.until("every partition is stuck", Effect.sync(() => ledger.started.length === 16))
          const second = yield* join(world, { group, topics: [topic], ledger, name: "b" })
          yield* world.until("they share", share([first, second], partitions))
          yield* world.until("the moved ones are handled", Effect.sync(() => ledger.of("b").length >= 14))
          yield* first.stop
          yield* world.until("all are handled", isHandled(ledger, 40))
          yield* second.stop
          assert.deepStrictEqual(ledger.duplicates, [])
          assert.deepStrictEqual(ledger.overlaps, [])
          assert.deepStrictEqual(ledger.of("a").map(({ offset }) => offset).sort(), [
            0,
            0,
            0,
            0,
            1,
            1,
            1,
            1,
            2,
            2,
            2,
            2
          ])
        })
    ),
    scenario("are replaced after a crash when their session is over", ["network"], (world) =>
      Effect.gen(function*() {
        const network = yield* world.network
        const topic = yield* world.topic(partitions)
        const group = world.name("group")
        const ledger = new Ledger()
        const mortal = { drainTimeout: 100, closeTimeout: 100 }
        const first = yield* join(world, { group, topics: [topic], ledger, engine: network.engine, settings: mortal })
        const second = yield* join(world, { group, topics: [topic], ledger, name: "b" })
        yield* world.until("they share", share([first, second], partitions))
        yield* first.kill
        yield* produce(topic, 0, 40, partitions)
        yield* world.until("all are handled by the other", Effect.sync(() => ledger.of("b").length === 40))
        yield* second.stop
        yield* checkCleanly(world, ledger, group, topic, 40)
      })),
    scenario(
      "lose their partitions with their session, say so, and come back",
      ["network"],
      (world) =>
        Effect.gen(function*() {
          const network = yield* world.network
          const topic = yield* world.topic(partitions)
          const group = world.name("group")
          const ledger = new Ledger()
          yield* produce(topic, 0, 400, partitions)
          const first = yield* join(world, {
            group,
            topics: [topic],
            ledger,
            engine: network.engine,
            work: () => Effect.sleep(20)
          })
          yield* world.until("some are handled", Effect.sync(() => ledger.handled.length >= 40))
          yield* world.expire(first)
          yield* world.until("all are handled", isHandled(ledger, 400))
          yield* world.until(
            "it is back",
            Effect.sync(() => first.events.filter(({ _tag }) => _tag === "Assigned").length > 1)
          )
          yield* world.until(
            "all are committed",
            Effect.map(world.committed(group, topic), (all) => all.reduce((sum, { offset }) => sum + offset, 0) === 400)
          )
          yield* first.stop
          assert.isTrue(first.events.some(({ _tag }) => _tag === "Lost"))
          assert.deepStrictEqual(ledger.overlaps, [])
          assert.deepStrictEqual(ledger.disorder(), [])
        })
    ),
    scenario(
      "with an assignor that does not fit is refused, and says what to set",
      ["classic groups"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const group = world.name("group")
          const classic = (assignor: "range" | "cooperative-sticky") =>
            ({ groupProtocol: "classic", assignor }) as const
          const first = yield* join(world, { group, topics: [topic], ledger: new Ledger(), settings: classic("range") })
          yield* world.until("it is assigned", Effect.map(first.assignment, (all) => all.length === 4))
          const second = yield* join(world, {
            group,
            topics: [topic],
            ledger: new Ledger(),
            name: "b",
            settings: classic("cooperative-sticky")
          })
          const error = yield* second.ended
          assert.strictEqual(reasonOf(error), "BrokerError")
          assert.include((error as Error).message, "INCONSISTENT_GROUP_PROTOCOL")
          assert.include((error as Error).message, "set `assignor`")
          assert.lengthOf(yield* first.assignment, 4)
          yield* first.stop
        })
    ),
    scenario(
      "with an assignor that does not fit are red for as long as they try",
      ["classic groups"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const group = world.name("group")
          const settings = { ...world.settings, groupProtocol: "classic", assignor: "range" } as const
          const first = yield* join(world, { group, topics: [topic], ledger: new Ledger(), settings })
          yield* world.until("it is assigned", Effect.map(first.assignment, (all) => all.length === 4))
          const consumer = Consumer.make(group, {
            offsetReset: "earliest",
            ...settings,
            assignor: "cooperative-sticky",
            restart: Schedule.spaced(200),
            onFailure: OnFailure.stop,
            handlers: [Topic.handle(textTopic(topic), () => Effect.void)]
          })
          const second = yield* runProgram(
            world,
            group,
            Effect.scoped(Effect.andThen(Layer.build(Consumer.layer(consumer)), Effect.never)),
            { name: "b" }
          )
          const failures = () => second.events.filter(({ _tag }) => _tag === "Failed").length
          const seen = new Set<string>()
          yield* world.until(
            "it tried again and again",
            Effect.map(second.health, (health) => {
              if (failures() > 0 && health !== undefined) seen.add(`${health.healthy}: ${health.status}`)
              return failures() === 3
            })
          )
          assert.isTrue([...seen].every((health) => health.startsWith("false")), [...seen].join())
          assert.include((yield* second.health)?.lastError?.message, "set `assignor`")
          yield* first.stop
          // The group is its own from now on.
          yield* world.until("it is well", Effect.map(second.health, (health) => health?.healthy === true))
          yield* second.stop
        })
    )
  ]
}
