/** The worker of a partition whose records are handed to a stream, and which are done when the reader says so. */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { Pending } from "../../Codec.ts"
import type { RawRecord } from "../../engine/KafkaEngine.ts"
import type { Accept, Uncommitted } from "../../Handler.ts"
import type { Poison } from "../../Poison.ts"
import type * as Record from "../../Record.ts"
import { nextChunk } from "./workerHost.ts"
import type { Work } from "./workerHost.ts"

/** Reads ahead of the reader within the fetch budget; ends the stream when the partition is given up. */
export const streamWorker = Effect.fnUntraced(function*(work: Work, accept: Accept) {
  const { host, state } = work
  const queue = yield* Queue.unbounded<Uncommitted, Poison | Cause.Done>()
  const closed = yield* Deferred.make<void>()
  let opened = false
  /** Delivered and not committed, oldest first: what a commit gives back to the budget. */
  const open: Array<RawRecord> = []

  const commit = (raw: RawRecord, position: number): Effect.Effect<void> =>
    Effect.sync(() => {
      if (state.position !== undefined && state.position >= position) return
      let records = 0
      let bytes = 0
      while (open.length > records && open[records]!.offset <= raw.offset) bytes += open[records++]!.size
      open.splice(0, records)
      state.advance(position, raw.leaderEpoch)
      state.finished(raw.offset)
      host.release(state, records, bytes)
      host.progressed(state)
    })

  const decode = Effect.fnUntraced(function*(raw: RawRecord) {
    const record = yield* Effect.try({ try: () => work.decode(raw), catch: (poison) => poison as Poison })
    return record instanceof Pending
      ? yield* record.effect as Effect.Effect<Record.Record<any, any, any>, Poison>
      : record
  })

  yield* accept(
    { topic: state.topic, partition: state.partition },
    Stream.fromQueue(queue).pipe(
      Stream.onStart(Effect.sync(() => {
        opened = true
      })),
      Stream.ensuring(Deferred.succeed(closed, undefined))
    )
  )
  reading: while (true) {
    const chunk = yield* nextChunk(work)
    if (chunk === undefined) break
    const last = chunk.records.length - 1
    for (let i = 0; i <= last; i++) {
      const raw = chunk.records[i]!
      const decoded = yield* Effect.result(decode(raw))
      if (decoded._tag === "Failure") {
        // What was read before is still handed out; the reader decides what the poison means to it.
        yield* Queue.fail(queue, decoded.failure)
        break reading
      }
      open.push(raw)
      Queue.offerUnsafe(queue, {
        record: decoded.success,
        commit: commit(raw, i === last ? chunk.next : raw.offset + 1)
      })
    }
  }
  yield* Queue.end(queue)
  // Only a reader that began can finish: waiting for another one would use up the whole drain budget.
  if (opened) yield* Deferred.await(closed)
})
