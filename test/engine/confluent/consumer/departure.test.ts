import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { make as makeConsumer } from "../../../../src/engine/confluent/consumer/consumerClient.ts"
import { assertClosed, assertLetGo, deadline, owner, ownerOf, partition, world } from "../fakeNative.ts"
import { until } from "../mock.ts"

/** What is said while the coordinator is looked for, moves or forms the group: the partitions stay with the member. */
const passing = {
  [-180]: "ERR__WAIT_COORD",
  14: "COORDINATOR_LOAD_IN_PROGRESS",
  15: "COORDINATOR_NOT_AVAILABLE",
  16: "NOT_COORDINATOR",
  22: "ILLEGAL_GENERATION",
  27: "REBALANCE_IN_PROGRESS",
  113: "STALE_MEMBER_EPOCH"
}

describe("the close of a consumer", () => {
  it.live("is not begun while a commit has no answer, and made up for when it comes", () =>
    Effect.scoped(Effect.gen(function*() {
      const { client, native } = yield* owner
      native.brokersGone = true
      yield* Effect.ignore(Effect.timeout(client.commit([{ ...partition, offset: 1 }]), "10 millis"))
      assert.strictEqual((yield* Effect.flip(client.close(deadline))).reason._tag, "Timeout")
      assertLetGo(native)
      native.brokersGone = false
      for (const answer of native.commits) answer()
      yield* until(() => native.disconnects > 0, "the close")
    })))

  it.live("is not begun without a broker, though there is nothing to commit", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, group, made } = yield* world
      const client = yield* makeConsumer(environment, group)
      made[0]!.brokersGone = true
      assert.strictEqual((yield* Effect.flip(client.close(deadline))).reason._tag, "Timeout")
      assertLetGo(made[0]!)
    })))

  it.live("waits for a broker that comes back in time", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, group, made } = yield* world
      const client = yield* makeConsumer(environment, group)
      made[0]!.brokersGone = true
      const closing = yield* Effect.forkChild(client.close(Duration.seconds(10)), { startImmediately: true })
      yield* Effect.yieldNow
      made[0]!.brokersGone = false
      yield* Fiber.join(closing)
      assertClosed(made)
    })))

  it.live("commits what is stored, once, and leaves nothing of it to the native close", () =>
    Effect.scoped(Effect.gen(function*() {
      const { client, events, made } = yield* owner
      client.store({ ...partition, offset: 4 })
      client.store({ ...partition, offset: 5 })
      yield* client.close(deadline)
      assert.deepStrictEqual(events.filter(({ _tag }) => _tag === "Committed"), [
        { _tag: "Committed", positions: [{ ...partition, offset: 5 }] }
      ])
      assert.deepStrictEqual(made[0]!.stored, [{ ...partition, offset: -1001 }])
      assertClosed(made)
    })))

  it.live("commits nothing of what was given up, or lost", () =>
    Effect.scoped(Effect.gen(function*() {
      for (const how of ["given up", "lost"]) {
        const { client, events, made, rebalances } = yield* owner
        client.store({ ...partition, offset: 5 })
        if (how === "lost") made[0]!.assignmentLost = () => true
        made[0]!.rebalance("revoke")
        if (how === "given up") yield* client.answer(rebalances()[1]!.id)
        yield* client.close(deadline)
        assert.deepStrictEqual(events.filter(({ _tag }) => _tag.startsWith("Commit")), [], how)
        assertClosed(made)
      }
    })))

  for (const [code, name] of Object.entries(passing)) {
    it.live(`repeats a commit that is refused with ${name}, and leaves nothing of it to the native close`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { client, committed, made, native } = yield* owner
        client.store({ ...partition, offset: 5 })
        native.refusals = [Number(code), Number(code)]
        yield* client.close(deadline)
        assert.deepStrictEqual(committed(), [["CommitFailed", 5], ["CommitFailed", 5], ["Committed", 5]])
        assert.deepStrictEqual(native.stored, [{ ...partition, offset: -1001 }])
        assertClosed(made)
      })))
  }

  it.live("repeats no commit that is refused for good", () =>
    Effect.scoped(Effect.gen(function*() {
      const { client, committed, made, native } = yield* owner
      client.store({ ...partition, offset: 5 })
      native.refusals = [30]
      yield* client.close(deadline)
      assert.deepStrictEqual(committed(), [["CommitFailed", 5]])
      assertClosed(made)
    })))

  it.live("repeats no commit of what was taken away meanwhile: its next owner may be further", () =>
    Effect.scoped(Effect.gen(function*() {
      const { client, committed, made, native } = yield* owner
      client.store({ ...partition, offset: 5 })
      native.refusals = [27]
      native.onCommit = () => native.rebalance("revoke")
      yield* client.close(deadline)
      assert.deepStrictEqual(committed(), [["CommitFailed", 5]])
      assertClosed(made)
    })))

  for (const how of ["revoked", "lost"]) {
    it.live(`gives up what it has when all is ${how}, also what was given to it meanwhile and it never took`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { client, made, native } = yield* ownerOf("COOPERATIVE")
        assert.deepStrictEqual(native.owned, [partition])
        client.store({ ...partition, offset: 5 })
        const other = { ...partition, partition: 1 }
        native.refusals = [27]
        native.onCommit = () => {
          native.rebalance("assign", [other])
          native.assignmentLost = () => how === "lost"
          native.rebalance("revoke", [partition, other])
          native.assignmentLost = () => false
        }
        yield* client.close(deadline)
        // The native client would wait for this answer for ever, and with it its close.
        assert.deepStrictEqual([native.owned, native.unassigned], [[], 1])
        assertClosed(made)
      })))
  }

  it.live("keeps time for leaving when every commit is refused", () =>
    Effect.scoped(Effect.gen(function*() {
      const { client, made, native } = yield* owner
      client.store({ ...partition, offset: 5 })
      native.refusals = Array.from({ length: 10_000 }, () => 27)
      yield* client.close(deadline)
      assertClosed(made)
    })))

  for (const when of ["before the close", "with the commit"]) {
    it.live(`says what a session that was over ${when} left uncommitted`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { client, committed, made, native } = yield* owner
        client.store({ ...partition, offset: 5 })
        const lose = () => {
          native.assignmentLost = () => true
          native.rebalance("revoke")
          native.assignmentLost = () => false
        }
        if (when === "before the close") native.assignmentLost = () => true
        else native.onCommit = lose
        native.refusals = [22]
        yield* client.close(deadline)
        const expected = [["CommitFailed", 5]]
        assert.deepStrictEqual(committed(), when === "before the close" ? expected : [...expected, ...expected])
        assertClosed(made)
      })))
  }

  it.live("asks another broker when one hangs", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, group, made } = yield* world
      const client = yield* makeConsumer(environment, group)
      const native = made[0]!
      const answer = native.getMetadata
      native.getMetadata = ((options: { readonly timeout: number }, done: any) => {
        native.getMetadata = answer
        setTimeout(() => done({ code: -185, message: "Local: Timed out" }), options.timeout)
      }) as typeof answer
      yield* client.close(Duration.seconds(5))
      assertClosed(made)
    })))

  it.live("wakes nobody afterwards, and tells nothing, also of a consumer that was let go", () =>
    Effect.scoped(Effect.gen(function*() {
      const { client, counts, events, native } = yield* owner
      native.brokersGone = true
      yield* Effect.exit(client.close(deadline))
      assertLetGo(native)
      const before = { events: events.length, wakes: counts.wakes }
      let consumed = 0
      native.consume = (_, done) => {
        consumed++
        const message = {
          ...partition,
          offset: 1,
          size: 1,
          key: null,
          value: Buffer.from("x"),
          timestamp: 1,
          headers: []
        }
        setImmediate(() => done(null, consumed === 1 ? [message] : []))
      }
      native.strand()
      yield* until(() => consumed > 1, "it is still served")
      assert.deepStrictEqual({ events: events.length, wakes: counts.wakes }, before)
      assert.lengthOf(client.poll(10, 1_000_000), 0)
    })))

  it.live("commits and leaves when a client that was taken for stranded answers again", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, group, made, options } = yield* world
      const client = yield* makeConsumer(environment, group)
      options.holdNext = true
      made[0]!.strand()
      yield* until(() => made[1]?.go !== undefined, "the connecting")
      made[0]!.stranded = false
      yield* client.close(deadline)
      assertClosed(made.slice(0, 1))
    })))
})
