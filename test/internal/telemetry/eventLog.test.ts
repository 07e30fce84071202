import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { TestClock } from "effect/testing"
import { type ConsumerEvent, HandlerFailed, type Outcome } from "millrace"
import * as EventLog from "../../../src/internal/telemetry/eventLog.ts"

const cause = Cause.fail("no")
const place = { group: "g", topic: "orders", partition: 0 } as const

const retried = (offset: number): ConsumerEvent.ConsumerEvent => {
  const outcome: Outcome.Outcome = {
    _tag: "Retried",
    offset,
    attempts: 1,
    cause,
    topic: "g.orders.retry.1",
    tier: 1,
    due: 0
  }
  return { _tag: "Routed", ...place, outcomes: [outcome] }
}

const deadLettered = (offset: number, why: Cause.Cause<unknown> = cause): ConsumerEvent.ConsumerEvent => ({
  _tag: "Routed",
  ...place,
  outcomes: [{ _tag: "DeadLettered", offset, attempts: 1, cause: why, topic: "g.orders.dlt" }]
})

const skipped = (offset: number): ConsumerEvent.ConsumerEvent => ({ _tag: "Skipped", ...place, offset, cause })

/** What a test logs, and the lines from the level debug on. */
const logging = (
  test: (log: EventLog.EventLog, lines: Array<string>) => Effect.Effect<void>
): Effect.Effect<void> => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
    lines.push(`${logLevel} ${Array.isArray(message) ? message.join(" ") : String(message)}`)
  })
  return Effect.gen(function*() {
    yield* test(EventLog.make("g", yield* Clock.Clock), lines)
  }).pipe(
    Effect.provide(Logger.layer([logger])),
    Effect.provideService(References.MinimumLogLevel, "Debug")
  )
}

describe("the log of a consumer", () => {
  it.effect("says how many lines were left out, though no other line follows", () =>
    logging(Effect.fnUntraced(function*(log, lines) {
      for (let offset = 0; offset < 10; offset++) yield* log.log(deadLettered(offset))
      assert.deepStrictEqual(lines, ["Warn orders/0 offset 0 sent to g.orders.dlt: no"])
      assert.isFalse(log.isDue())
      yield* TestClock.adjust("1 second")
      assert.isTrue(log.isDue())
      yield* log.flush
      assert.deepStrictEqual(lines.slice(1), [
        "Warn orders: 9 more sent to dead letter topics since the last line about this topic"
      ])
      assert.isFalse(log.isDue())
    })))

  it.effect("says it with the last line of a run", () =>
    logging(Effect.fnUntraced(function*(log, lines) {
      for (let offset = 0; offset < 3; offset++) yield* log.log(deadLettered(offset))
      yield* log.log({ _tag: "Stopped", group: "g" })
      assert.deepStrictEqual(lines.slice(1), [
        "Warn orders: 2 more sent to dead letter topics since the last line about this topic",
        "Info consumer stopped"
      ])
    })))

  it.effect("lets no line of a retry hide a dead letter", () =>
    logging(Effect.fnUntraced(function*(log, lines) {
      yield* log.log(retried(0))
      yield* log.log(deadLettered(1))
      assert.deepStrictEqual(lines, [
        "Info orders/0 offset 0 sent to g.orders.retry.1: no",
        "Warn orders/0 offset 1 sent to g.orders.dlt: no"
      ])
    })))

  it.effect("has one line a second about skipped records, with their number", () =>
    logging(Effect.fnUntraced(function*(log, lines) {
      for (let offset = 0; offset < 1_000; offset++) yield* log.log(skipped(offset))
      yield* TestClock.adjust("1 second")
      yield* log.log(skipped(1_000))
      assert.deepStrictEqual(lines, [
        "Warn skipped orders/0 offset 0: no",
        "Warn skipped orders/0 offset 1000: no; 999 more skipped since the last line about this topic"
      ])
    })))

  it.effect("shortens what does not fit in a line, and has the whole of it at the level debug", () =>
    logging(Effect.fnUntraced(function*(log, lines) {
      const long = "x".repeat(5_000_000)
      yield* log.log(deadLettered(0, Cause.fail(long)))
      const error = new HandlerFailed({ ...place, offset: 1, cause: Cause.fail(long) })
      yield* log.log({ _tag: "Held", ...place, error })
      yield* log.log({ _tag: "Failed", group: "g", error })
      const [letter, , held, , failed] = lines
      assert.match(letter!, /^Warn orders\/0 offset 0 sent to g\.orders\.dlt: x+… \(\d+ characters\)$/)
      assert.match(held!, /^Error holding orders\/0 at offset 1: x+… \(\d+ characters\)$/)
      assert.match(failed!, /^Error consumer failed: .*: x+… \(\d+ characters\)$/)
      for (const line of [letter!, held!, failed!]) assert.isBelow(line.length, 2_200)
      for (const i of [1, 3, 5]) assert.match(lines[i]!, /^Debug /)
      assert.isAbove(lines[1]!.length, 5_000_000)
    })))

  it.effect("says why a partition is held", () =>
    logging(Effect.fnUntraced(function*(log, lines) {
      const problem = "the limit of dead letters is reached: 5 in a row"
      const error = new HandlerFailed({ ...place, offset: 7, cause, problem })
      yield* log.log({ _tag: "Held", ...place, error })
      assert.deepStrictEqual(lines, [`Error holding orders/0 at offset 7: no; ${problem}`])
    })))
})
