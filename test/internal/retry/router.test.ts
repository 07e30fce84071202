import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import type { DeliveryCallback, RawMessage } from "../../../src/engine/KafkaEngine.ts"
import { Failings } from "../../../src/internal/partition/failings.ts"
import { PartitionState } from "../../../src/internal/partition/partitionState.ts"
import { Progress } from "../../../src/internal/partition/progress.ts"
import { type Copy, Router } from "../../../src/internal/retry/router.ts"
import { none } from "../../../src/internal/retry/tiers.ts"
import * as Signal from "../../../src/internal/shared/signal.ts"
import * as Errors from "../../../src/KafkaError.ts"
import type { Failure } from "../../../src/OnFailure.ts"

const topics = {
  source: "t",
  tiers: [],
  plan: none,
  deadLetter: "g.t.dlt",
  needsDeadLetter: true,
  others: [],
  config: {}
}

const failureOf = (offset: number): Failure<string> => {
  const record = { topic: "t", partition: 5, offset, timestamp: 1, key: null, value: null, size: 1 }
  return {
    kind: "error",
    group: "g",
    topic: "t",
    origin: record,
    record,
    records: [record],
    origins: [record],
    attempts: 1,
    retries: 0,
    firstFailedAt: 1,
    failedAt: 1,
    cause: Cause.fail("no"),
    maxRetries: 0,
    memory: new Map()
  }
}

const unknown = Errors.make("produce", new Errors.UnknownTopic({ topic: "g.t.dlt" }))
const refused = Errors.make("produce", new Errors.BrokerUnreachable({ bootstrapServers: "b", problem: "gone" }))
const tooLarge = Errors.make("produce", new Errors.RecordTooLarge({ topic: "g.t.dlt", sizeBytes: 9 }))

/** A router whose client answers as the test says, `undefined` for no space. */
const routerOf = Effect.fnUntraced(function*(answers: Array<"full" | "ok" | "later" | Errors.KafkaError>) {
  const sent: Array<RawMessage> = []
  const open: Array<DeliveryCallback> = []
  let restored = 0
  const place = { topic: "t", partition: 5 }
  const progress = new Progress(place, new Failings(false), { characters: 0 }, undefined, [])
  const state = new PartitionState(place, 1, yield* Signal.make, progress)
  const router = new Router({
    group: "g",
    producer: {
      produce: (message, done) => {
        const answer = answers.shift() ?? "ok"
        if (answer === "full") return false
        sent.push(message)
        if (answer === "later") open.push(done)
        else done(answer === "ok" ? undefined : answer, undefined)
        return true
      },
      whenSpace: Effect.sleep("1 second"),
      flush: () => Effect.void
    },
    clock: yield* Clock.Clock,
    publish: Schedule.spaced("10 seconds"),
    makeSignal: yield* Signal.maker,
    partitionsOf: () => 3,
    errorFields: true,
    restore: () => Effect.sync(() => void restored++)
  })
  const start = (offset: number): Copy => {
    const failure = failureOf(offset)
    return router.start(failure.record, failure, topics, { _tag: "DeadLetter", topic: topics.deadLetter }, false)
  }
  return { sent, open, state, router, start, restored: () => restored }
})

describe("copies", () => {
  it.effect("wait for space in the client, and keep their order and partition", () =>
    Effect.gen(function*() {
      const { router, sent, start, state } = yield* routerOf(["full", "ok", "full", "ok"])
      const copies = [start(0), start(1)]
      assert.isFalse(copies[0]!.taken)
      const settling = yield* Effect.forkChild(router.settle(state, "t", copies))
      yield* TestClock.adjust("5 seconds")
      assert.isDefined(settling.pollUnsafe())
      assert.isTrue(copies.every(({ acknowledged }) => acknowledged))
      assert.deepStrictEqual(sent.map(({ partition }) => partition), [2, 2])
    }))

  it.effect("that are too large are sent again without message and stack, once", () =>
    Effect.gen(function*() {
      const { router, sent, start, state } = yield* routerOf([tooLarge, tooLarge])
      const copy = start(0)
      const failed = yield* router.settle(state, "t", [copy])
      assert.strictEqual(failed?.error, tooLarge)
      const names = sent.map(({ headers }) => headers!.map(([name]) => name))
      assert.strictEqual(names.length, 2)
      assert.include(names[0]!, "kafka_exception-message")
      assert.notInclude(names[1]!, "kafka_exception-message")
      assert.notInclude(names[1]!, "kafka_exception-stacktrace")
      assert.include(names[1]!, "kafka_original-topic")
    }))

  it.effect("for a topic that vanished are sent again when it is made", () =>
    Effect.gen(function*() {
      const { restored, router, sent, start, state } = yield* routerOf([unknown, "ok"])
      const settling = yield* Effect.forkChild(router.settle(state, "t", [start(0)]))
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(settling.pollUnsafe())
      assert.strictEqual(restored(), 1)
      yield* TestClock.adjust("1 second")
      assert.isDefined(settling.pollUnsafe())
      assert.strictEqual(sent.length, 2)
    }))

  it.effect("are left when the partition is given up, and an answer that comes later changes nothing", () =>
    Effect.gen(function*() {
      const { open, router, start, state } = yield* routerOf([refused, "later"])
      const copies = [start(0), start(1)]
      const settling = yield* Effect.forkChild(router.settle(state, "t", copies))
      yield* TestClock.adjust("1 second")
      state.drain()
      state.wake()
      yield* TestClock.adjust(0)
      assert.isDefined(settling.pollUnsafe())
      assert.strictEqual(state.waits.size, 0)
      for (const done of open) done(undefined, undefined)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(copies.map(({ acknowledged }) => acknowledged), [false, true])
      assert.isUndefined(state.position)
    }))
})
