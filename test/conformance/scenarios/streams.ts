import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Consumer } from "millrace"
import type { Group, Member, World } from "../harness.ts"
import { scenario } from "../harness.ts"
import { produce, reasonOf, runProgram, share, sorted, texts, textTopic } from "../members.ts"

const partitions = 4

type One = Consumer.Uncommitted<string | null, string>

const settingsOf = ({ settings }: World) => ({ offsetReset: "earliest", ...settings }) as const

const lastOf = (window: ReadonlyArray<One>) => window[window.length - 1]!

const valuesOf = (window: ReadonlyArray<One>) => window.map(({ record }) => record.value)

/** A member whose readers keep what they get until their partition is given up. */
const keeping = (world: World, group: string, topic: string, flushed: Array<string>, inHand: Set<string>) =>
  runProgram(
    world,
    group,
    Consumer.runPartitions(group, textTopic(topic), settingsOf(world), (_, records) =>
      records.pipe(
        Stream.tap(({ record }) => Effect.sync(() => inHand.add(record.value))),
        Stream.groupedWithin(10_000, "1 hour"),
        Stream.runForEach((window) =>
          Effect.tap(lastOf(window).commit, () => Effect.sync(() => flushed.push(...valuesOf(window))))
        )
      )),
    { name: "a keeping member" }
  )

/** A member that reads all partitions as one stream; `work` has a record in hand. */
const reading = (
  world: World,
  group: string,
  topic: string,
  work: (one: One) => Effect.Effect<unknown>,
  options: Partial<Consumer.Settings> = {},
  name = "a reading member"
): Effect.Effect<Member, never, Scope.Scope> =>
  runProgram(
    world,
    group,
    Consumer.records(group, textTopic(topic), { ...settingsOf(world), ...options }).pipe(
      Stream.runForEach(work),
      Effect.catchTag("Poison", Effect.die)
    ),
    { name }
  )

const isTrue = (condition: () => boolean) => Effect.sync(condition)

export const streams: Group = {
  title: "records as a stream",
  scenarios: [
    scenario("end at the end of each partition, without commits", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        const group = world.name("group")
        yield* produce(topic, 0, 100, partitions)
        const settings = { ...settingsOf(world), until: "end" } as const
        const read = yield* Consumer.records(group, textTopic(topic), settings).pipe(
          Stream.map(({ record }) => record.value),
          Stream.runCollect
        )
        assert.deepStrictEqual(sorted(read), texts(0, 100))
        for (let partition = 0; partition < partitions; partition++) {
          const own = read.filter((value) => Number(value) % partitions === partition)
          assert.deepStrictEqual(own, sorted(own))
        }
        const committed = yield* world.committed(group, topic)
        // At most the beginning, which offsetReset chose.
        assert.deepStrictEqual(committed.filter(({ offset }) => offset > 0), [])
      })),
    scenario("end with what the reader kept, and that is committed", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        const group = world.name("group")
        yield* produce(topic, 0, 100, partitions)
        const settings = { ...settingsOf(world), until: "end" } as const
        const sizes: Array<number> = []
        yield* Consumer.partitioned(group, textTopic(topic), settings).pipe(
          Stream.flatMap(([, records]) => Stream.grouped(records, 10), { concurrency: "unbounded" }),
          Stream.runForEach((window) =>
            Effect.tap(lastOf(window).commit, () => Effect.sync(() => sizes.push(window.length)))
          )
        )
        assert.deepStrictEqual(sizes.sort((a, b) => b - a), [10, 10, 10, 10, 10, 10, 10, 10, 5, 5, 5, 5])
        const committed = yield* world.committed(group, topic)
        assert.deepStrictEqual(committed.map(({ offset }) => offset), [25, 25, 25, 25])
      })),
    scenario(
      "of a revoked partition end first, and what the reader kept is committed then",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(partitions)
          const group = world.name("group")
          const flushed: Array<string> = []
          const inHand = new Set<string>()
          yield* produce(topic, 0, 100, partitions)
          const first = yield* keeping(world, group, topic, flushed, inHand)
          yield* world.until("all are in hand", isTrue(() => inHand.size === 100))
          const second = yield* keeping(world, group, topic, flushed, inHand)
          yield* world.until("both have a share", share([first, second], partitions))
          assert.isAtLeast(flushed.length, 50)
          yield* first.stop
          yield* second.stop
          assert.deepStrictEqual(sorted(flushed), texts(0, 100), "each was in one window, whoever read it")
          const committed = yield* world.committed(group, topic)
          assert.deepStrictEqual(committed.map(({ offset }) => offset), [25, 25, 25, 25])
        })
    ),
    scenario(
      "hand nothing out after the drain budget, and no other reader begins beside the record in hand",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(partitions)
          const group = world.name("group")
          const options = { drainTimeout: "1 second" } as const
          yield* produce(topic, 0, 100, partitions)
          const hanging = yield* Deferred.make<void>()
          const started: Array<string> = []
          const late: Array<string> = []
          const first = yield* reading(world, group, topic, ({ commit, record }) =>
            Effect.gen(function*() {
              started.push(record.value)
              yield* Deferred.await(hanging)
              yield* Effect.catch(commit, (error) => Effect.sync(() => late.push(reasonOf(error)!)))
            }), options)
          yield* world.until("a record is in hand", isTrue(() => started.length === 1))
          const done = new Set<string>()
          const second = yield* reading(
            world,
            group,
            topic,
            ({ commit, record }) => Effect.tap(Effect.orDie(commit), () => Effect.sync(() => done.add(record.value))),
            options,
            "the second member"
          )
          yield* world.until("both have a share", share([first, second], partitions))
          yield* Effect.forkChild((yield* first.control).stop)
          yield* world.until("the second has all partitions", share([second], partitions))
          yield* world.until("the second reads what is free", isTrue(() => done.size === 75))
          assert.isFalse(done.has(started[0]!), "its partition waits for the reader that has it in hand")
          yield* Deferred.succeed(hanging, undefined)
          yield* world.until("all are read", isTrue(() => done.size === 100))
          assert.lengthOf(started, 1)
          assert.deepStrictEqual(late, ["CommitFailed"])
          yield* second.stop
        })
    ),
    scenario("of a lost partition end, and refuse to commit", ["network"], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        const group = world.name("group")
        const network = yield* world.network
        yield* produce(topic, 0, 100, partitions)
        let opened = 0
        let ended = 0
        const held: Array<One> = []
        const program = Consumer.partitioned(group, textTopic(topic), settingsOf(world)).pipe(
          Stream.flatMap(([, records]) =>
            records.pipe(
              Stream.onStart(Effect.sync(() => opened++)),
              Stream.tap((one) => Effect.sync(() => held.push(one))),
              Stream.onEnd(Effect.sync(() => ended++))
            ), { concurrency: "unbounded" }),
          Stream.runDrain,
          Effect.catchTag("Poison", Effect.die)
        )
        const member = yield* runProgram(world, group, program, { engine: network.engine })
        yield* world.until("all are in hand", isTrue(() => held.length === 100))
        yield* world.expire(member)
        yield* world.until("the streams ended", isTrue(() => ended === partitions))
        yield* world.until("they come back", isTrue(() => opened === 2 * partitions))
        const error = yield* Effect.flip(held[0]!.commit)
        assert.strictEqual(reasonOf(error), "CommitFailed")
        yield* world.until("all are read again", isTrue(() => held.length === 200))
        yield* lastOf(held).commit
        yield* member.stop
        const committed = yield* world.committed(group, topic)
        assert.strictEqual(committed.filter(({ offset }) => offset > 0).length, 1)
      })),
    scenario("of a partition with poison end, and the others go on", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        const group = world.name("group")
        yield* produce(topic, 0, 8, partitions)
        yield* world.foreignProduce([{ topic, partition: 1, key: null, value: new Uint8Array([0xff, 0xfe]) }])
        yield* produce(topic, 8, 100, partitions)
        const read: Array<string> = []
        const caught: Array<string> = []
        const program = Consumer.partitioned(group, textTopic(topic), settingsOf(world)).pipe(
          Stream.flatMap(([, records]) =>
            records.pipe(
              Stream.catchTag("Poison", (poison) => {
                caught.push(`${poison.partition}@${poison.offset}`)
                return Stream.empty
              }),
              Stream.tap(({ commit, record }) => Effect.tap(commit, () => Effect.sync(() => read.push(record.value))))
            ), { concurrency: "unbounded" }),
          Stream.runDrain
        )
        const member = yield* runProgram(world, group, program)
        yield* world.until("the others are read", isTrue(() => read.length === 77))
        assert.deepStrictEqual(caught, ["1@2"])
        const health = yield* member.health
        assert.deepStrictEqual(health!.held.map(({ offset, partition }) => [partition, offset]), [[1, 2]])
        assert.isFalse(health!.healthy)
        const control = yield* member.control
        yield* control.seek({ topic, partition: 1, offset: 3 })
        yield* world.until("all are read", isTrue(() => read.length === 100))
        yield* member.stop
      }))
  ]
}
