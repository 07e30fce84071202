import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Consumer, OnFailure, Producer, Topic } from "millrace"
import type { KafkaError } from "millrace"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import type { Position } from "../../../src/engine/KafkaEngine.ts"
import type { Group, World } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, produce, runMember, textTopic } from "../members.ts"

const adminOf = Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)

/** What is no offset: librdkafka's special places, what has no integer, what drivers of databases return. */
const bad: ReadonlyArray<number> = [-1, -2, 1.5, Number.NaN, Infinity, "1" as any, 1n, undefined]

/** The error names what was called, and where. */
const refusedAs = (setting: string, topic: string, error: unknown): void => {
  const { reason } = error as KafkaError.KafkaError
  assert.strictEqual(reason._tag, "InvalidSetting")
  assert.include(reason, { setting })
  assert.include(reason.message, `${topic}/0`)
}

/** Every call with every bad offset fails. */
const refused = (setting: string, topic: string, call: (position: Position) => Effect.Effect<unknown, unknown, any>) =>
  Effect.forEach(
    bad,
    (offset) =>
      Effect.map(Effect.flip(call({ topic, partition: 0, offset })), (error) => refusedAs(setting, topic, error))
  )

/** At most the beginning, which `offsetReset` chose. */
const nothingCommitted = Effect.fnUntraced(function*(world: World, group: string, topic: string) {
  const committed = yield* world.committed(group, topic)
  assert.deepStrictEqual(committed.filter(({ offset }) => offset !== 0), [])
})

export const badOffsets: Group = {
  title: "what is no offset",
  scenarios: [
    scenario("is refused by seek, and the member goes on", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(4)
        const ledger = new Ledger()
        const member = yield* join(world, { group: world.name("group"), topics: [topic], ledger })
        yield* world.until("it is assigned", Effect.map(member.assignment, (all) => all.length === 4))
        const control = yield* member.control
        yield* refused("seek", topic, control.seek)
        yield* produce(topic, 0, 8, 4)
        yield* world.until("all are handled", Effect.sync(() => ledger.values.length === 8))
        yield* member.stop
      })),
    scenario(
      "is refused when a handler's startOffsets returns it, and nothing is committed",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          yield* produce(topic, 0, 8, 4)
          let handled = 0
          for (const offset of [-1, 1.5, Number.NaN, "1" as unknown as number]) {
            const group = world.name("group")
            const handler = Topic.handleOwningOffsets(
              textTopic(topic),
              () => Effect.sync(() => void handled++),
              { startOffsets: (partitions) => Effect.succeed(partitions.map((one) => ({ ...one, offset }))) }
            )
            const member = yield* runMember(
              world,
              Consumer.make(group, {
                ...world.settings,
                offsetReset: "earliest",
                onFailure: OnFailure.stop,
                handlers: [handler]
              })
            )
            const error = yield* member.ended
            assert.strictEqual((error as KafkaError.KafkaError).reason._tag, "InvalidSetting")
            assert.match((error as KafkaError.KafkaError).message, new RegExp(`startOffsets.*${topic}/\\d`))
            yield* nothingCommitted(world, group, topic)
          }
          assert.strictEqual(handled, 0)
        })
    ),
    scenario(
      "is refused by sendOffsets, and the transaction commits nothing",
      ["transactions"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const group = world.name("group")
          yield* produce(topic, 0, 1, 4)
          const errors: Array<unknown> = []
          const attempt = (position: Position) =>
            Effect.sandbox(Producer.transaction(world.name("tx"), Producer.sendOffsets([position]))).pipe(
              Effect.match({
                onFailure: (cause) => errors.push(Cause.squash(cause)),
                onSuccess: () => errors.push(undefined)
              })
            )
          const member = yield* join(world, {
            group,
            topics: [topic],
            ledger: new Ledger(),
            work: () =>
              Effect.andThen(
                Effect.forEach(bad, (offset) => attempt({ topic, partition: 0, offset })),
                Effect.fail("stop here")
              ).pipe(Effect.provide(world.engine))
          })
          yield* member.ended
          assert.lengthOf(errors, bad.length)
          for (const error of errors) refusedAs("sendOffsets", topic, error)
          yield* nothingCommitted(world, group, topic)
        })
    ),
    scenario("is refused by a client's commit, and nothing is committed", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(4)
        const group = world.name("group")
        const client = yield* (yield* KafkaEngine.Service).consumer({
          subscription: { _tag: "Group", groupId: group, topics: [topic], patterns: [] },
          offsetReset: "earliest",
          config: {},
          signalEnd: false,
          onReady: () => {},
          onEvent: () => {}
        })
        yield* refused("commit", topic, (position) => client.commit([position]))
        yield* client.close(Duration.seconds(5))
        yield* nothingCommitted(world, group, topic)
      })),
    scenario("is refused as the start of fixed partitions", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(4)
        const engine = yield* KafkaEngine.Service
        yield* refused("positions", topic, (position) =>
          Effect.scoped(engine.consumer({
            subscription: { _tag: "Manual", positions: [position] },
            offsetReset: "earliest",
            config: {},
            signalEnd: false,
            onReady: () => {},
            onEvent: () => {}
          })))
      })),
    scenario(
      "is refused by the admin client: offsets of groups, deleted records, times",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const group = world.name("group")
          yield* produce(topic, 0, 8, 4)
          const admin = yield* adminOf
          yield* refused("alterGroupOffsets", topic, (position) => admin.alterGroupOffsets(group, [position]))
          yield* refused("deleteRecords", topic, (position) => admin.deleteRecords([position]))
          yield* refused(
            "listOffsets",
            topic,
            ({ offset, ...partition }) => admin.listOffsets([partition], { timestamp: offset })
          )
          yield* nothingCommitted(world, group, topic)
          const [first] = yield* admin.listOffsets([{ topic, partition: 0 }], "earliest")
          assert.strictEqual(first!.offset, 0)
        })
    )
  ]
}
