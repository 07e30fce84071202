/** How a transaction ends, over a client whose records have the fates of a test. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type KafkaEngine, KafkaError } from "millrace"
import { type Outcome, transact } from "../../../src/sql/outbox/transacting.ts"

const unanswered = "no answer"
type Fate = KafkaError.KafkaError | undefined | typeof unanswered

const error = (problem: string) => KafkaError.make("produce", new KafkaError.InvalidRecord({ topic: "t", problem }))
const refused = error("refused")
const takenBack = error("taken back")

/** What records are told at once, and when the transaction is aborted. */
const ended = (
  fates: ReadonlyArray<Fate>,
  atAbort: ReadonlyArray<Fate> = [],
  abort: Effect.Effect<void, KafkaError.KafkaError> = Effect.void
) =>
  Effect.gen(function*() {
    const steps: Array<string> = []
    const told: Array<() => void> = []
    const later: Array<() => void> = []
    let taken = 0
    const client: KafkaEngine.TransactionalClient = {
      produce: (_, done) => {
        const [now, then] = [fates[taken], atAbort[taken]]
        taken++
        const tell = (fate: Fate) => () => fate === unanswered || done(fate, undefined)
        told.push(tell(now))
        later.push(now === unanswered ? tell(then) : () => {})
        if (told.length === fates.length) queueMicrotask(() => told.forEach((one) => one()))
        return true
      },
      whenSpace: Effect.void,
      flush: () => Effect.sync(() => later.forEach((one) => one())),
      sendOffsets: () => Effect.void,
      begin: Effect.sync(() => void steps.push("begin")),
      commit: Effect.sync(() => void steps.push("commit")),
      abort: Effect.andThen(Effect.sync(() => steps.push("abort")), abort)
    }
    const messages = fates.map(() => ({ topic: "t", key: null, value: null }))
    const outcome: Outcome = yield* transact(client, messages, () => {})
    return { steps, outcome }
  })

describe("transact", () => {
  it.effect("commits when all have arrived", () =>
    Effect.gen(function*() {
      const { outcome, steps } = yield* ended([undefined, undefined])
      assert.deepStrictEqual([outcome._tag, steps], ["Committed", ["begin", "commit"]])
    }))

  it.effect("leaves the client for another transaction when nothing was on its way", () =>
    Effect.gen(function*() {
      const { outcome, steps } = yield* ended([undefined, refused])
      assert.deepStrictEqual(steps, ["begin", "abort"])
      assert.deepInclude(outcome, { _tag: "Refused", isOver: true, errors: new Map([[1, refused]]) })
    }))

  it.effect("does not where something was, and knows what that was told then", () =>
    Effect.gen(function*() {
      const { outcome } = yield* ended([takenBack, unanswered], [undefined, refused])
      const all = new Map([[0, takenBack], [1, refused]])
      assert.deepInclude(outcome, { _tag: "Refused", isOver: false, errors: new Map([[0, takenBack]]), all })
    }))

  it.effect("does not where nobody knows whether it is aborted", () =>
    Effect.gen(function*() {
      const { outcome } = yield* ended([undefined, refused], [], Effect.fail(error("no answer")))
      assert.deepInclude(outcome, { _tag: "Refused", isOver: false })
    }))
})
