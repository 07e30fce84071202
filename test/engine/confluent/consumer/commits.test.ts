import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { owner, partition } from "../fakeNative.ts"
import { until } from "../mock.ts"

const position = { ...partition, offset: 5 }

/** How often a client commits. */
const counted = (native: { onCommit: () => void }) => {
  const count = { times: 0 }
  native.onCommit = () => count.times++
  return count
}

/**
 * The group forms; it has formed without the commit, by the classic protocol and by that of KIP-848; nobody knows its
 * coordinator.
 */
const overtaken = [27, 22, 113, -180]

describe("a commit that a rebalance or the loss of the coordinator has overtaken", () => {
  for (const code of overtaken) {
    it.live(`is repeated while its partition stays (${code})`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { client, native } = yield* owner
        const commits = counted(native)
        native.refusals = [code, code]
        yield* client.commit([position])
        assert.strictEqual(commits.times, 3)
      })))

    it.live(`is not repeated once its partition is taken away, nor when it comes back (${code})`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { client, native, rebalances } = yield* owner
        const commits = counted(native)
        native.refusals = Array.from({ length: 100 }, () => code)
        const commit = yield* Effect.forkChild(Effect.flip(client.commit([position])), { startImmediately: true })
        yield* until(() => commits.times > 1, "it is repeated")
        native.rebalance("revoke")
        yield* client.answer(rebalances()[1]!.id)
        native.rebalance("assign")
        yield* client.answer(rebalances()[2]!.id)
        assert.strictEqual((yield* Fiber.join(commit)).reason._tag, "BrokerError")
        native.refusals = []
        commits.times = 0
        yield* client.commit([position])
        assert.strictEqual(commits.times, 1)
      })))
  }

  it.live("is not repeated when something later of its partition was committed meanwhile", () =>
    Effect.scoped(Effect.gen(function*() {
      const { client, committed, native } = yield* owner
      native.refusals = [22]
      // The client's own timer, after the refusal.
      native.onCommit = () => {
        native.onCommit = () => {}
        setImmediate(() => setImmediate(() => native.commit([{ ...partition, offset: 10 }])))
      }
      yield* client.commit([position])
      assert.deepStrictEqual(committed(), [["CommitFailed", 5], ["Committed", 10]])
    })))

  it.live("is not repeated for a partition of others", () =>
    Effect.scoped(Effect.gen(function*() {
      const { client, native } = yield* owner
      const commits = counted(native)
      native.refusals = [22]
      yield* Effect.flip(client.commit([{ topic: "t", partition: 1, offset: 5 }]))
      assert.strictEqual(commits.times, 1)
    })))
})
