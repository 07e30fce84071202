/**
 * The worker of a partition whose records are handled several at once, in order per key or in none.
 *
 * A record that waits for its next attempt holds up only its key: its runner makes room for another one, and when it is
 * due the record is taken like any other.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Chunk, RawRecord } from "../../engine/KafkaEngine.ts"
import type { Outcome } from "../../Outcome.ts"
import type * as Record from "../../Record.ts"
import type { Slot } from "../partition/inWork.ts"
import { KeyLanes } from "../partition/keyLanes.ts"
import type { Ticket } from "../partition/offsetTracker.ts"
import { CallScope } from "./callScope.ts"
import { isOwnFailure, judge, settleCopies, settled } from "./judge.ts"
import { keyText } from "./keyText.ts"
import { callHandler } from "./recordWorker.ts"
import type { Work } from "./workerHost.ts"
import { more, take } from "./workerHost.ts"

type Run = (record: Record.Record<any, any, any>) => Effect.Effect<unknown, unknown>

/** A chunk that is being handled; reported when its last record is done. Only the lanes keep its records. */
interface OpenChunk {
  readonly from: number
  readonly to: number
  readonly records: number
  /** How many records of the partition were delivered before. */
  readonly before: number
  readonly startedAt: number
  readonly exceptions: Array<Outcome>
  /** Offsets of records that are not this handler's: another group's, or finished by an earlier owner. */
  readonly passed: Array<number>
  left: number
  bytesLeft: number
}

interface Item {
  readonly raw: RawRecord
  readonly ticket: Ticket
  readonly open: OpenChunk
}

/** A record in work, and the lane that waits for it. */
interface Taken {
  readonly key: string
  readonly item: Item
}

/** How many records after the first unfinished one may be handled, or wait in their lanes. */
const mostAhead = 100_000

/** Which lane a record queues up in. */
const laneOf = (order: "keys" | "unordered", raw: RawRecord): string => {
  if (order === "unordered") return String(raw.offset)
  const { key } = raw
  return keyText(key)
}

/**
 * Handles up to `limit` lanes at once until the partition is given up or stops. In addition up to `mostWaiting` records
 * may wait for their next attempt.
 */
export const laneWorker = Effect.fnUntraced(function*(
  work: Work,
  run: Run,
  order: "keys" | "unordered",
  limit: number,
  mostWaiting: number
) {
  const { host, state } = work
  const { progress } = state
  const { tracker } = progress
  // The first record always has room: the position waits for it.
  const lanes = new KeyLanes<Item>(limit + mostWaiting, (open) => !tracker.isFirstBegun || progress.hasRoom(open))
  const runners = new Set<Fiber.Fiber<unknown, unknown>>()
  const opened = new Set<OpenChunk>()
  let delivered = 0
  let isFarAhead = false

  /** A record is done, or nothing is to be done about it. */
  const conclude = (ticket: Ticket, raw: RawRecord, open: OpenChunk): void => {
    if (tracker.finish(ticket)) {
      state.advance(tracker.position!, tracker.leaderEpoch)
      if (isFarAhead || lanes.isHeldBack) state.signal.raise()
    }
    state.finished(raw.offset)
    // What a chunk weighs is for the engine to say; its last record gives back what is left.
    const bytes = --open.left === 0 ? open.bytesLeft : Math.min(raw.size, open.bytesLeft)
    open.bytesLeft -= bytes
    host.release(state, 1, bytes)
  }

  /** Puts the records of a chunk into their lanes; returns it when there is nothing to be done about any of them. */
  const accept = (chunk: Chunk): OpenChunk | undefined => {
    const last = chunk.records.length - 1
    const open: OpenChunk = {
      from: chunk.records[0]!.offset,
      to: chunk.records[last]!.offset,
      records: chunk.records.length,
      before: delivered,
      startedAt: host.clock.currentTimeMillisUnsafe(),
      exceptions: [],
      passed: [],
      left: chunk.records.length,
      bytesLeft: chunk.bytes
    }
    opened.add(open)
    delivered += chunk.records.length
    for (let i = 0; i <= last; i++) {
      const raw = chunk.records[i]!
      const ticket = tracker.deliver(raw.offset, i === last ? chunk.next : raw.offset + 1, raw.leaderEpoch)
      if (work.isPassed?.(raw) === true) {
        open.passed.push(raw.offset)
        conclude(ticket, raw, open)
      } else {
        lanes.offer(laneOf(order, raw), { raw, ticket, open })
      }
    }
    return open.left === 0 ? open : undefined
  }

  /** Makes room for another runner: the record of this one waits. */
  const leave = (slot: Slot): void => {
    state.closeSlot(slot)
    state.signal.raise()
  }

  /** Notes a finished record. Returns its chunk if that is complete now. */
  const finish = (key: string, item: Item): OpenChunk | undefined => {
    lanes.release(key)
    conclude(item.ticket, item.raw, item.open)
    return item.open.left === 0 ? item.open : undefined
  }

  const report = (open: OpenChunk, count: number): Effect.Effect<void> => {
    host.progressed(state)
    opened.delete(open)
    const { from, records } = open
    // The prefix ends within a chunk that is not finished.
    const to = count === records ? open.to : tracker.lastOffset!
    const exceptions = count === records
      ? open.exceptions
      : open.exceptions.filter(({ offset }) => offset <= to)
    return host.emit(state, {
      topic: state.topic,
      partition: state.partition,
      from,
      to,
      handled: count - exceptions.length - open.passed.filter((offset) => offset <= to).length,
      duration: host.clock.currentTimeMillisUnsafe() - open.startedAt,
      exceptions
    })
  }

  /** Reports the finished prefix of chunks that are given up before their end: that part will be committed. */
  const reportRest = Effect.fnUntraced(function*() {
    for (const open of [...opened]) {
      const count = Math.min(tracker.passed - open.before, open.records)
      if (count > 0) yield* report(open, count)
    }
  })

  /**
   * Judges a failed record and does what follows, its wait included. Returns the outcomes when the record is done, or
   * `undefined` when it is not.
   */
  const decide = Effect.fnUntraced(function*(
    { item, key }: Taken,
    slot: Slot,
    cause: Cause.Cause<unknown>
  ): Effect.fn.Return<ReadonlyArray<Outcome> | undefined> {
    const verdict = yield* judge(work, [item.raw], cause, (waits) => waits ? leave(slot) : state.rest(slot))
    if (verdict._tag === "Done") return verdict.outcomes
    if (verdict._tag === "Again") lanes.giveBack(key)
    if (verdict._tag !== "Routed") return undefined
    const { copies } = verdict
    yield* settleCopies(work, copies)
    return copies.every(({ acknowledged }) => acknowledged) ? settled(work, copies) : undefined
  })

  /** Takes one record after the other, of whichever key may go, until there is none. */
  const runner = Effect.fnUntraced(function*(slot: Slot) {
    const scope = new CallScope()
    let taken: Taken | undefined
    let complete: OpenChunk | undefined
    const segment = Effect.whileLoop({
      while: () => {
        if (complete !== undefined || taken !== undefined || !state.mayRun) return false
        taken = lanes.take()
        return taken !== undefined
      },
      body: () => {
        state.begin(taken!.item.raw.offset, slot)
        tracker.begin(taken!.item.ticket)
        progress.began()
        return callHandler(work, run, taken!.item.raw)
      },
      step: () => {
        // The record is handled when what its call acquired is released, too.
        if (!scope.used) handled()
      }
    })
    const handled = () => {
      const { item, key } = taken!
      state.rest(slot)
      complete = finish(key, item)
      taken = undefined
    }
    do {
      const exit = yield* scope.run(segment)
      if (Exit.isSuccess(exit)) {
        if (taken !== undefined) handled()
      } else {
        if (taken === undefined || !isOwnFailure(state, exit.cause)) return
        const failed: Taken = taken
        const verdict = yield* decide(failed, slot, exit.cause)
        if (verdict === undefined) {
          if (state.stopAfter === undefined) return
          state.fail()
          host.failed(state)
          state.wake()
          return
        }
        for (const outcome of verdict) failed.item.open.exceptions.push(outcome)
        handled()
      }
      if (complete !== undefined) {
        const done: OpenChunk = complete
        complete = undefined
        yield* report(done, done.records)
      }
    } while (state.slots.has(slot) && state.mayRun && lanes.available > 0)
  })

  /** As many runners as there are keys that may go, up to the limit; those whose record waits do not count. */
  const startRunners = Effect.fnUntraced(function*() {
    let wanted = Math.min(limit - state.slots.size, lanes.available)
    while (wanted-- > 0) {
      const slot = state.openSlot()
      const fiber: Fiber.Fiber<unknown, unknown> = yield* Effect.forkChild(runner(slot))
      runners.add(fiber)
      fiber.addObserver(() => {
        runners.delete(fiber)
        state.closeSlot(slot)
        state.signal.raise()
      })
    }
  })

  while (state.goesOn) {
    isFarAhead = tracker.pending >= mostAhead
    const chunk = isFarAhead ? undefined : take(work)
    if (chunk !== undefined) {
      if (work.observe !== undefined) yield* work.observe(chunk)
      const complete = accept(chunk)
      if (complete !== undefined) yield* report(complete, complete.records)
    }
    if (!state.suspended) yield* startRunners()
    if (chunk === undefined) yield* more(work)
  }
  yield* Effect.forEach([...runners], Fiber.await, { discard: true })
  state.rest()
  yield* reportRest()
})
