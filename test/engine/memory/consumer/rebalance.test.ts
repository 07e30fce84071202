import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { InMemoryKafka } from "../../../../src/engine/InMemoryKafka.ts"
import * as KafkaEngine from "../../../../src/engine/KafkaEngine.ts"
import { bytes, open, settle, until, values } from "../owner.ts"

const createTopic = Effect.fnUntraced(function*(name: string, partitions: number) {
  yield* (yield* (yield* KafkaEngine.Service).admin).createTopic({ name, partitions })
})

describe("a rebalance", () => {
  it.effect("moves only what must move, after the owner gave it up", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* createTopic("t", 4)
      const first = yield* open()
      yield* first.answer("assign")
      for (let partition = 0; partition < 4; partition++) {
        yield* kafka.produce({ topic: "t", partition, value: bytes(`${partition}`) })
      }
      const second = yield* open()
      yield* until(() => first.due.length === 1)
      const [revoke] = first.due
      assert.strictEqual(revoke!.kind, "revoke")
      assert.deepStrictEqual(revoke!.partitions.map(({ partition }) => partition), [2, 3])
      // What is to be given up is not handed out any more, the rest is.
      assert.deepStrictEqual(values(first.drain()), ["0", "1"])
      yield* settle
      assert.deepStrictEqual(second.events, [])
      // What is stored before the answer is committed with it.
      assert.isTrue(first.client.store({ topic: "t", partition: 2, offset: 1 }))
      yield* first.answer("revoke")
      assert.deepInclude((yield* kafka.committed("g"))[0], { partition: 2, offset: 1 })
      assert.isFalse(first.client.store({ topic: "t", partition: 2, offset: 1 }))
      const assign = yield* second.answer("assign")
      assert.deepStrictEqual(assign.partitions, revoke!.partitions)
      assert.deepStrictEqual(values(second.drain()), ["3"])
      const members = yield* kafka.members("g")
      assert.deepStrictEqual(members.map(({ assignment }) => assignment.length), [2, 2])
      assert.lengthOf(first.find("Rebalance"), 2)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("takes everything first in an eager group", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* createTopic("t", 4)
      const config = { assignor: "range" } as const
      const first = yield* open({ config })
      yield* first.answer("assign")
      const second = yield* open({ config })
      const revoke = yield* first.answer("revoke")
      assert.lengthOf(revoke.partitions, 4)
      assert.lengthOf((yield* first.answer("assign")).partitions, 2)
      assert.lengthOf((yield* second.answer("assign")).partitions, 2)
      yield* kafka.rebalance("g")
      for (const owner of [first, second]) assert.lengthOf((yield* owner.answer("revoke")).partitions, 2)
      for (const owner of [first, second]) assert.lengthOf((yield* owner.answer("assign")).partitions, 2)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("starts where the owner says, else at the committed offset, else where offsetReset says", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const admin = yield* (yield* KafkaEngine.Service).admin
      for (let partition = 0; partition < 3; partition++) {
        for (const text of ["a", "b", "c"]) {
          yield* kafka.produce({ topic: "t", partition, value: bytes(text + partition) })
        }
      }
      yield* admin.alterGroupOffsets("g", [{ topic: "t", partition: 1, offset: 2 }])
      const owner = yield* open()
      yield* until(() => owner.due.length === 1)
      yield* owner.client.answer(owner.due[0]!.id, [{ topic: "t", partition: 0, offset: 1 }])
      assert.deepStrictEqual(values(owner.drain()).sort(), ["a2", "b0", "b2", "c0", "c1", "c2"])
      yield* settle
      assert.deepStrictEqual(owner.find("OffsetReset").map(({ partition }) => partition), [2])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("loses a member that is expired, which comes back by itself", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* createTopic("t", 2)
      const owner = yield* open()
      yield* owner.answer("assign")
      owner.client.store({ topic: "t", partition: 0, offset: 7 })
      yield* kafka.expire("g")
      assert.deepStrictEqual(yield* kafka.members("g"), [])
      assert.isFalse(owner.client.store({ topic: "t", partition: 0, offset: 8 }))
      const refused = yield* Effect.flip(owner.client.commit([{ topic: "t", partition: 0, offset: 8 }]))
      assert.strictEqual(refused.reason._tag, "CommitFailed")
      assert.isFalse(refused.isRetryable)
      assert.lengthOf((yield* owner.answer("lost")).partitions, 2)
      assert.lengthOf((yield* owner.answer("assign")).partitions, 2)
      assert.deepStrictEqual(yield* kafka.committed("g"), [])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("ignores the late answer of a member that was thrown out meanwhile", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* createTopic("t", 2)
      const owner = yield* open()
      yield* until(() => owner.due.length === 1)
      yield* kafka.expire("g")
      yield* until(() => owner.due.length === 2)
      yield* owner.answer("assign")
      assert.isFalse(owner.client.store({ topic: "t", partition: 0, offset: 1 }))
      yield* owner.answer("lost")
      yield* owner.answer("assign")
      assert.isTrue(owner.client.store({ topic: "t", partition: 0, offset: 1 }))
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("throws out who does not poll, until it polls again", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* createTopic("t", 2)
      const config = { maxPollInterval: "1 minute" } as const
      const owner = yield* open({ config })
      yield* owner.answer("assign")
      yield* TestClock.adjust("50 seconds")
      owner.client.poll(0, 0)
      yield* TestClock.adjust("50 seconds")
      assert.lengthOf(yield* kafka.members("g"), 1)
      yield* TestClock.adjust("10 seconds")
      assert.lengthOf(yield* kafka.members("g"), 0)
      assert.strictEqual(owner.find("Disturbed")[0]!.error.reason._tag, "Timeout")
      yield* owner.answer("lost")
      yield* settle
      assert.lengthOf(yield* kafka.members("g"), 0)
      owner.client.poll(0, 0)
      yield* owner.answer("assign")
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("throws out who polls but does not answer, and goes on without it", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* createTopic("t", 2)
      const config = { maxPollInterval: "1 minute" } as const
      const first = yield* open({ config })
      yield* first.answer("assign")
      const second = yield* open({ config })
      for (let time = 0; time < 6; time++) {
        assert.deepStrictEqual(second.events, [])
        yield* TestClock.adjust("10 seconds")
        first.client.poll(10, 1_000)
        second.client.poll(10, 1_000)
      }
      assert.deepStrictEqual(first.due.map(({ kind }) => kind), ["revoke", "lost"])
      assert.lengthOf((yield* second.answer("assign")).partitions, 2)
      yield* first.answer("revoke")
      yield* first.answer("lost")
      yield* second.answer("revoke")
      assert.lengthOf((yield* first.answer("assign")).partitions, 1)
      assert.lengthOf(yield* kafka.members("g"), 2)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("gives the partitions of a killed client away when its session is over", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* createTopic("t", 2)
      const dead = yield* open()
      yield* dead.answer("assign")
      dead.client.store({ topic: "t", partition: 0, offset: 1 })
      const [member] = yield* kafka.members("g")
      yield* kafka.kill("g", member!.memberId)
      const alive = yield* open()
      yield* kafka.produce({ topic: "t", partition: 0, value: bytes("a") })
      yield* TestClock.adjust("44 seconds")
      assert.deepStrictEqual(alive.events, [])
      assert.deepStrictEqual(dead.client.poll(10, 1_000), [])
      yield* TestClock.adjust("1 second")
      assert.lengthOf((yield* alive.answer("assign")).partitions, 2)
      assert.deepStrictEqual(values(alive.drain()), ["a"])
      assert.lengthOf(dead.find("Rebalance"), 1)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("lets foreign members take and give back partitions", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* createTopic("t", 2)
      const owner = yield* open()
      yield* owner.answer("assign")
      const foreign = yield* kafka.join("g", ["t"])
      assert.lengthOf((yield* owner.answer("revoke")).partitions, 1)
      const members = yield* kafka.members("g")
      assert.lengthOf(members.find(({ memberId }) => memberId === foreign)!.assignment, 1)
      yield* kafka.leave("g", foreign)
      assert.lengthOf((yield* owner.answer("assign")).partitions, 1)
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})

describe("a static member", () => {
  const config = { groupInstanceId: "one" }

  it.effect("takes its place again within its session, without a rebalance of the others", () =>
    Effect.gen(function*() {
      yield* createTopic("t", 2)
      const first = yield* open({ config })
      yield* first.answer("assign")
      const other = yield* open()
      yield* first.answer("revoke")
      yield* other.answer("assign")
      yield* first.client.close(Duration.seconds(1))
      yield* TestClock.adjust("40 seconds")
      const again = yield* open({ config })
      assert.lengthOf((yield* again.answer("assign")).partitions, 1)
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(other.find("Rebalance"), 1)
      assert.lengthOf(again.find("Rebalance"), 1)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("is out when its session is over", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* createTopic("t", 2)
      const first = yield* open({ config })
      yield* first.answer("assign")
      yield* first.client.close(Duration.seconds(1))
      assert.lengthOf(yield* kafka.members("g"), 1)
      yield* TestClock.adjust("45 seconds")
      assert.lengthOf(yield* kafka.members("g"), 0)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("fences an older instance that is still running", () =>
    Effect.gen(function*() {
      yield* createTopic("t", 2)
      const first = yield* open({ config })
      yield* first.answer("assign")
      const second = yield* open({ config })
      yield* until(() => first.find("Failed").length === 1)
      assert.strictEqual(first.find("Failed")[0]!.error.reason._tag, "Fenced")
      assert.lengthOf((yield* second.answer("assign")).partitions, 2)
      const refused = yield* Effect.flip(first.client.commit([{ topic: "t", partition: 0, offset: 8 }]))
      assert.strictEqual(refused.reason._tag, "Closed")
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})

describe("a subscription", () => {
  it.effect("follows topics that match a pattern, whole names only and never internal ones", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const admin = yield* (yield* KafkaEngine.Service).admin
      const owner = yield* open({ subscription: { _tag: "Group", groupId: "g", topics: [], patterns: [/a+|__.*/] } })
      for (const name of ["ab", "__a", "aa"]) yield* createTopic(name, 1)
      const assign = yield* owner.answer("assign")
      assert.deepStrictEqual(assign.partitions, [{ topic: "aa", partition: 0 }])
      yield* kafka.produce({ topic: "aa", value: bytes("1") })
      assert.deepStrictEqual(values(owner.drain()), ["1"])
      yield* admin.createPartitions("aa", 2)
      assert.deepStrictEqual((yield* owner.answer("assign")).partitions, [{ topic: "aa", partition: 1 }])
      yield* admin.deleteTopic("aa")
      owner.client.poll(1, 1)
      yield* TestClock.adjust("30 seconds")
      assert.lengthOf((yield* owner.answer("revoke")).partitions, 2)
      assert.strictEqual(owner.find("Disturbed")[0]!.error.reason._tag, "UnknownTopic")
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("refuses a group without a name, and a mix of eager and cooperative assignors", () =>
    Effect.gen(function*() {
      const refused = yield* Effect.flip(open({ group: "" }))
      assert.strictEqual(refused.reason._tag, "InvalidSetting")
      yield* createTopic("t", 2)
      yield* open()
      const eager = yield* open({ config: { assignor: "roundrobin" } })
      yield* until(() => eager.find("Failed").length === 1)
      const { reason } = eager.find("Failed")[0]!.error
      assert.strictEqual(reason._tag === "BrokerError" && reason.name, "INCONSISTENT_GROUP_PROTOCOL")
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})
