/** The worker of a partition whose records are handled in batches, with Kafka's offsets or the handler's own. */
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Pending } from "../../Codec.ts"
import type { Chunk, RawRecord } from "../../engine/KafkaEngine.ts"
import type * as Handler from "../../Handler.ts"
import { HandlerFailed } from "../../HandlerFailed.ts"
import type { Outcome } from "../../Outcome.ts"
import type { Poison } from "../../Poison.ts"
import { effectOf } from "../shared/effectOf.ts"
import { monotonicMillis } from "../shared/times.ts"
import { Undecoded } from "../shared/undecoded.ts"
import { type AnyRecord, type Batch, cutAt, emptyBatch, isAhead, type Item, takeOut } from "./batch.ts"
import { type Ahead, failureIn } from "./batchFailure.ts"
import { CallScope } from "./callScope.ts"
import { isOwnFailure, judgeAhead, settleCopies, settled } from "./judge.ts"
import type { Work } from "./workerHost.ts"
import { more, nextChunk, take } from "./workerHost.ts"

type BatchCall = Extract<Handler.Call<never>, { readonly _tag: "Batch" | "Owned" }>

/** Works until the partition is given up or stops. */
export const batchWorker = Effect.fnUntraced(function*(work: Work, call: BatchCall) {
  const { host, state } = work
  const maxWait = Duration.toMillis(Duration.fromInputUnsafe(call.maxWait))
  const scope = new CallScope()
  let chunk: Chunk | undefined
  let i = 0
  const read = call._tag === "Owned" && call.decodes ? (raw: RawRecord): Item => new Undecoded(raw, work) : work.decode
  /** What is collected, or handled. */
  let open: Batch | undefined

  const advance = (batch: Batch, current: Chunk, raw: RawRecord): void => {
    batch.raws.push(raw)
    i++
    batch.next = i === current.records.length ? current.next : raw.offset + 1
  }

  /**
   * Moves records into the batch while their codecs need not wait. Returns the first record whose codec has to.
   */
  const fillAtOnce = (batch: Batch, current: Chunk): Effect.Effect<AnyRecord, Poison> | undefined => {
    const { records } = current
    while (i < records.length && batch.records.length < call.maxSize) {
      const raw = records[i]!
      if (work.isPassed?.(raw) === true) {
        advance(batch, current, raw)
        continue
      }
      let record: Item | Pending<AnyRecord>
      try {
        record = read(raw)
      } catch (poison) {
        return Effect.fail(poison as Poison)
      }
      // `Decode` turns every failure of a pending part into poison.
      if (record instanceof Pending) {
        return state.decoding(raw.offset, record.effect) as Effect.Effect<AnyRecord, Poison>
      }
      batch.records.push(record)
      advance(batch, current, raw)
    }
    return undefined
  }

  /**
   * Judges records and carries the decision out, also for those `ahead` as far as none of them waits or stops. Returns
   * `undefined` when they are not done and the worker ends. With `isPart` the records without an outcome are handled
   * again.
   */
  const consequence = Effect.fnUntraced(function*(
    batch: Batch,
    records: ReadonlyArray<RawRecord>,
    cause: Cause.Cause<unknown>,
    ahead: ReadonlyArray<Ahead> = []
  ): Effect.fn.Return<{ readonly outcomes: ReadonlyArray<Outcome>; readonly isPart: boolean } | undefined> {
    const { raws } = batch
    let places: Map<RawRecord, number> | undefined
    const placeOf = (raw: RawRecord) => {
      if (raw === raws[0]) return 0
      places ??= new Map(raws.map((raw, place) => [raw, place]))
      return places.get(raw)
    }
    // A record that does not decode is not in the batch yet: it comes after all of its records.
    const stepOf = (raw: RawRecord) => state.steps + (placeOf(raw) ?? raws.length)
    const judged = (records: ReadonlyArray<RawRecord>, cause: Cause.Cause<unknown>) =>
      judgeAhead(work, records, cause, () => state.rest(), stepOf)
    const known = batch.ahead?.offset === records[0]!.offset ? batch.ahead.verdict : undefined
    batch.ahead = undefined
    let verdict = known ?? (yield* judged(records, cause))
    if (verdict._tag === "Waits") verdict = yield* verdict.wait
    if (verdict._tag === "Again") return { outcomes: [], isPart: true }
    if (verdict._tag === "Stopped") return undefined
    const verdicts = [verdict]
    for (const { cause, raw } of ahead) {
      if (!state.isActive) break
      const other = yield* judged([raw], cause)
      if (other._tag === "Waits") batch.ahead = { offset: raw.offset, verdict: other }
      if (other._tag !== "Done" && other._tag !== "Routed") break
      verdicts.push(other)
    }
    const { isPart } = verdict
    const copies = verdicts.flatMap((one) => one._tag === "Routed" ? one.copies : [])
    const skipped = verdicts.flatMap((one) => one._tag === "Routed" ? one.skipped : one.outcomes)
    if (copies.length === 0) return { outcomes: skipped, isPart }
    yield* settleCopies(work, copies)
    const arrived = copies.filter(({ acknowledged }) => acknowledged)
    const outcomes = [...skipped, ...settled(work, arrived)].sort((a, b) => a.offset - b.offset)
    if (arrived.length === copies.length) return { outcomes, isPart }
    takeOut(batch, outcomes)
    return undefined
  })

  /** Moves records of the current chunk into the batch; `false` when one of them says stop. */
  const fill = Effect.fnUntraced(function*(batch: Batch, current: Chunk) {
    while (true) {
      const special = fillAtOnce(batch, current)
      if (special === undefined) return true
      const raw = current.records[i]!
      state.begin(raw.offset)
      state.turn()
      const exit = yield* Effect.exit(special)
      if (Exit.isSuccess(exit)) {
        state.rest()
        batch.records.push(exit.value)
      } else {
        if (!isOwnFailure(state, exit.cause)) return false
        const judged = yield* consequence(batch, [raw], exit.cause)
        if (judged === undefined) return false
        if (judged.isPart) continue
        for (const outcome of judged.outcomes) batch.exceptions.push(outcome)
      }
      advance(batch, current, raw)
    }
  })

  /** Collects up to `maxSize` records. Once there is one, it waits up to `maxWait` for more. */
  const gather = Effect.fnUntraced(function*() {
    if (chunk === undefined) {
      chunk = yield* nextChunk(work)
      i = 0
      if (chunk === undefined) return undefined
    }
    const batch = open = emptyBatch(state.position ?? chunk.records[i]!.offset)
    const deadline = monotonicMillis(host.clock) + maxWait
    while (true) {
      if (chunk !== undefined) {
        const current: Chunk = chunk
        const goOn = yield* fill(batch, current)
        if (i < current.records.length) return batch
        batch.bytes += current.bytes
        chunk = undefined
        if (!goOn) return batch
      }
      if (batch.records.length >= call.maxSize || !state.goesOn) return batch
      chunk = take(work)
      i = 0
      if (chunk !== undefined) {
        if (work.observe !== undefined) yield* work.observe(chunk)
        continue
      }
      const rest = deadline - monotonicMillis(host.clock)
      // If the fetch budget is used up no more records can come: the batch is handled as it is.
      if (rest <= 0 || batch.raws.length > 0 && host.isFull(state)) return batch
      state.gather(true)
      yield* more(work, rest)
      state.gather(false)
    }
  })

  /**
   * Gives a batch up. What was skipped of it, or has its copy, is done all the same: the next owner of the partition
   * passes over that. Returns the report, for which an interrupted worker does not wait.
   */
  const leave = (): Effect.Effect<void> => {
    // An owner of offsets says itself where to go on.
    if (open === undefined || open.exceptions.length === 0 || call._tag === "Owned" || !host.owns(state)) {
      return Effect.void
    }
    const { exceptions, next, raws, records } = open
    open = undefined
    const { progress: { tracker }, partition, topic } = state
    const left = new Set(records.map(({ raw }) => raw.offset))
    raws.forEach((raw, place) => {
      const ticket = tracker.deliver(raw.offset, place === raws.length - 1 ? next : raw.offset + 1, raw.leaderEpoch)
      if (left.has(raw.offset)) return
      if (tracker.finish(ticket)) state.advance(tracker.position!, tracker.leaderEpoch)
      state.finished(raw.offset)
    })
    host.progressed(state)
    const reports = exceptions.map((outcome) => {
      const { offset } = outcome
      return host.emit(state, {
        topic,
        partition,
        from: offset,
        to: offset,
        handled: 0,
        duration: 0,
        exceptions: [outcome]
      })
    })
    return Effect.all(reports, { discard: true })
  }

  /** Ends when the partition is being given up. */
  const leaving = Effect.gen(function*() {
    while (state.phase === "active") yield* state.signal.wait
  })

  const callBatch = ({ next, records, start }: Batch): Effect.Effect<unknown, unknown> => {
    const { partition, topic } = state
    const span = { topic, partition, start, next }
    // A handler that decodes gets what it asked for.
    const given = records as ReadonlyArray<AnyRecord>
    const owned = { ...span, records: given, group: host.group, leaving }
    return effectOf(
      call._tag === "Batch" ? call.run(given, span) : call.run(owned),
      "the handler"
    )
  }

  /** The owner of the offsets could not store the position. No record failed, so no policy can help. */
  const notNoted = ({ raws }: Batch, cause: Cause.Cause<unknown>): false => {
    state.stopAt(
      new HandlerFailed<unknown>({
        group: host.group,
        topic: state.topic,
        partition: state.partition,
        offset: raws[0]!.offset,
        cause,
        problem: "the handler failed to note an offset behind records that were skipped, routed or another group's"
      })
    )
    return false
  }

  /** Moves the position behind records that are done, up to `next`, and reports them. */
  const report = (raws: ReadonlyArray<RawRecord>, exceptions: ReadonlyArray<Outcome>, next: number, since: number) => {
    const last = raws[raws.length - 1]!
    state.advance(next, last.leaderEpoch)
    for (const { offset } of raws) state.finished(offset)
    host.progressed(state)
    return host.emit(state, {
      topic: state.topic,
      partition: state.partition,
      from: raws[0]!.offset,
      to: last.offset,
      handled: raws.length - exceptions.length,
      duration: host.clock.currentTimeMillisUnsafe() - since,
      exceptions
    })
  }

  /** The records before `offset` are done: the batch begins at it from here on. */
  const splitAt = (batch: Batch, offset: number): Effect.Effect<void> => {
    const { exceptions, raws, startedAt } = batch
    const place = raws.findIndex((raw) => raw.offset === offset)
    if (place === 0) return Effect.void
    const done = raws.splice(0, place)
    const first = batch.records.findIndex(({ raw }) => raw.offset === offset)
    if (first > 0) {
      // The handler may have kept the list that it was given.
      batch.records = batch.records.slice(first)
      batch.stored = offset
    }
    batch.exceptions = exceptions.filter((outcome) => outcome.offset > offset)
    batch.start = offset
    batch.startedAt = host.clock.currentTimeMillisUnsafe()
    state.rest()
    host.release(state, place, 0)
    return report(done, exceptions.filter((outcome) => outcome.offset < offset), offset, startedAt)
  }

  /** Has the owner of offsets store that what was skipped at the beginning of a batch, or has its copy, is done. */
  const storeBeginning = Effect.fnUntraced(function*(batch: Batch) {
    const { exceptions, stored } = batch
    const first = batch.records[0]?.raw.offset
    const next = first ?? batch.next
    if (call._tag !== "Owned" || !host.owns(state)) return
    if (stored === batch.start && !exceptions.some(({ offset }) => offset < next)) return
    const exit = yield* scope.run(Effect.suspend(() => callBatch({ ...batch, records: [], start: stored, next })))
    if (Exit.isFailure(exit)) return
    yield* first === undefined ? report(batch.raws, exceptions, next, batch.startedAt) : splitAt(batch, first)
  })

  /** Hands a batch to the handler, again if the policy says so. Returns `false` when it is not done. */
  const handle = Effect.fnUntraced(function*(batch: Batch) {
    if (batch.records.length === 0 && call._tag === "Batch") return true
    // The decision covers the records that were handed over; the undecodable ones among them were judged before. An
    // owner of offsets is called without any when all were undecodable: then they are what failed. Those of another
    // group never are.
    // Where it is undefined, it is all that the batch has then: a list of them is made for a failure that needs it.
    let failing = batch.records.length === 0 ? batch.raws.filter((raw) => work.isPassed?.(raw) !== true) : undefined
    while (true) {
      while (state.suspended && state.phase === "active") yield* state.signal.wait
      if (state.phase !== "active" && !(state.phase === "draining" && isAhead(batch))) {
        yield* storeBeginning(batch)
        return false
      }
      state.begin((failing?.[0] ?? batch.records[0]?.raw ?? batch.raws[0]!).offset)
      const exit = yield* scope.run(Effect.suspend(() => callBatch(batch)))
      if (Exit.isSuccess(exit)) break
      if (!isOwnFailure(state, exit.cause)) return false
      if (failing?.length === 0) return notNoted(batch, exit.cause)
      const { ahead, cause, failed } = failureIn(batch.records, exit.cause)
      if (failed !== undefined) yield* splitAt(batch, failed.offset)
      const failures = failed === undefined ? failing ?? batch.records.map(({ raw }) => raw) : [failed]
      const judged = yield* consequence(batch, failures, cause, ahead)
      if (judged !== undefined) takeOut(batch, judged.outcomes)
      const { stopAfter } = state
      if (judged === undefined || (ahead.length > 0 && stopAfter !== undefined)) {
        if (ahead.length > 0 && stopAfter !== undefined && cutAt(batch, stopAfter.offset)) continue
        yield* storeBeginning(batch)
        return false
      }
      if (failed !== undefined && batch.records.length > 0) {
        failing = undefined
        continue
      }
      if (judged.isPart) {
        const gone = new Set(judged.outcomes.map(({ offset }) => offset))
        failing = failures.filter(({ offset }) => !gone.has(offset))
        continue
      }
      batch.records = []
      if (call._tag === "Batch") break
      // All records were routed or skipped: the owner of the offsets still has to store the position.
      const noted = yield* scope.run(Effect.suspend(() => callBatch(batch)))
      if (Exit.isSuccess(noted)) break
      return isOwnFailure(state, noted.cause) && notNoted(batch, noted.cause)
    }
    return true
  })

  const batches = Effect.gen(function*() {
    while (true) {
      const batch = yield* gather()
      if (batch === undefined) return
      while (state.suspended && state.phase === "active") yield* state.signal.wait
      batch.startedAt = host.clock.currentTimeMillisUnsafe()
      if (batch.raws.length === 0 || state.phase !== "active") {
        yield* storeBeginning(batch)
        return yield* leave()
      }
      // Also before a poison record that says stop.
      const done = yield* handle(batch)
      state.rest()
      host.release(state, batch.raws.length, batch.bytes)
      if (!done) return yield* leave()
      open = undefined
      yield* report(batch.raws, batch.exceptions, batch.next, batch.startedAt)
      if (!state.goesOn) return
    }
  })
  yield* Effect.onInterrupt(batches, () => Effect.sync(() => void leave()))
})
