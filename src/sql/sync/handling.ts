/** What a sync does with the batches of its partitions. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { BatchFailed, FailedAhead } from "../../BatchFailed.ts"
import type { OwnedBatch } from "../../Handler.ts"
import { brief } from "../../internal/shared/causes.ts"
import { CurrentRun } from "../../internal/shared/currentRun.ts"
import type { Undecoded } from "../../internal/shared/undecoded.ts"
import type { TopicPartition } from "../../TopicPartition.ts"
import { type Applied, isConflict } from "../apply/carefully.ts"
import { type Claim, Claims, type Start } from "../apply/claims.ts"
import type { Op } from "../apply/fold.ts"
import * as Offsets from "../apply/offsetsSql.ts"
import { Lost, store } from "../apply/storing.ts"
import { SyncError } from "../SyncError.ts"
import { Fenced, Refused, Unexpected } from "../SyncErrorReason.ts"
import { type Place, shownOwnTable } from "../tables/ownTables.ts"
import { ownTableErrorOf, serverErrorOf, shownError, syncErrorOf } from "../tables/sqlErrors.ts"
import { around } from "../waiting/parking.ts"
import { ring, sweep } from "../waiting/sweeping.ts"
import { Known as Waiters } from "../waiting/waiters.ts"
import { probe } from "../waiting/waitingSql.ts"
import { keepSeconds, type Mapping } from "./mapping.ts"
import { type AnyRecord, type Known as Read, prepare, type Prepared, type Transform } from "./preparing.ts"
import { shownKey } from "./reading.ts"
import { load, type Mappings, type Parts } from "./syncTables.ts"

/** What a handler is made from. */
export interface Options<R> extends Parts {
  /** How errors name the sync. */
  readonly operation: string
  readonly place: Place
  readonly row: Transform<R> | undefined
  readonly suppress: boolean
  readonly retry: Schedule.Schedule<unknown, SyncError>
  readonly conflictWait: Duration.Input
  readonly sweep: Duration.Input
}

/** How often deleted keys are looked for that need not be remembered any more, in milliseconds. */
const forgetMillis = 3_600_000

/** How long a row whose unique value is held elsewhere waits between two tries. */
const conflictPause = Duration.millis(100)

/**
 * Rows whose values nobody gives up would hold the partition one after the other: for this many waits after one that
 * led to nothing, no row waits.
 */
const impatience = 10

/** What is known of one database. */
interface Known {
  mappings: Mappings | undefined
  /** The tables of rows that wait, also those of other syncs. */
  readonly waiters: Waiters
  forgotAt: number
}

/** The records are decoded while they are read: see `Undecoded`. */
interface UndecodedBatch extends Omit<OwnedBatch<never, never>, "records"> {
  readonly records: ReadonlyArray<Undecoded<AnyRecord>>
  /** Ends when the partition is being given up. */
  readonly leaving: Effect.Effect<void>
}

const nothing: Applied = { place: 0, error: undefined }

const placeOf = ({ partition, start, topic }: UndecodedBatch) => ({ topic, partition, offset: start })

/** Those whose rows have versions. */
const guardedOf = ({ byName, main }: Mappings): ReadonlyArray<Mapping> =>
  [main, ...byName.values()].filter(({ target }) => target.guard !== undefined)

const tablesText = ({ byName, main }: Mappings): string =>
  JSON.stringify([main, ...byName.values()].map(({ target }) => target.table))

/** Whether the tables are as they were. */
const isSame = (one: Mappings, other: Mappings): boolean => tablesText(one) === tablesText(other)

/** Whether it is about another row, which an event of another partition may change. */
const mayPass = (error: SqlError, { kind }: Op): boolean =>
  isConflict(error) || (kind !== "Write" && serverErrorOf(error).code === "23503")

const refusedOf = <R>({ operation }: Options<R>, claim: Claim, op: Op, error: SqlError): SyncError => {
  const { code = "", column, constraint } = serverErrorOf(error)
  const { target } = op
  const key = op.kind === "Truncate" ? "(all)" : shownKey(target, op.row)
  const reason = new Refused({ table: target.name, key, code, column, constraint, problem: shownError(error) })
  const { partition, topic } = claim
  return new SyncError({ operation, reason, place: { topic, partition, offset: op.offset }, cause: error })
}

/** The handler of one sync. */
export class Handling<R> {
  private readonly options: Options<R>
  private readonly claims = new Claims()
  private readonly databases = new WeakMap<SqlClient, Known>()
  /** What was read behind a record that is refused. */
  private readonly read = new WeakMap<Claim, { readonly mappings: Mappings; readonly known: Read }>()

  constructor(options: Options<R>) {
    this.options = options
  }

  private known(sql: SqlClient): Known {
    let known = this.databases.get(sql)
    if (known === undefined) {
      known = { mappings: undefined, waiters: new Waiters(this.options.place), forgotAt: 0 }
      this.databases.set(sql, known)
    }
    return known
  }

  /**
   * Tries again for as long as the schedule says, and says so once. Interrupts itself between two tries when `leaving`
   * ends: nothing was begun then, and the next owner of the partition does it.
   */
  private retrying<A, E, R2>(
    effect: Effect.Effect<A, E | SyncError, R2>,
    isRetried: (error: SyncError) => boolean,
    leaving: Effect.Effect<void> = Effect.never
  ): Effect.Effect<A, E | SyncError, R2> {
    let failures = 0
    let isPaused = false
    let hasLeft = false
    const isOurs = (error: E | SyncError): error is SyncError => error instanceof SyncError && isRetried(error)
    const said = (error: E | SyncError) =>
      isOurs(error) && failures++ === 0
        ? Effect.logWarning(`${error.message}; trying again until that has passed`)
        : Effect.void
    const over = Effect.suspend(() =>
      failures > 0 ? Effect.logInfo(`${this.options.operation}: goes on after ${failures} failures`) : Effect.void
    )
    const attempt = Effect.suspend(() => {
      isPaused = false
      return Effect.tapError(effect, (error) =>
        Effect.andThen(
          said(error),
          Effect.suspend(() => {
            isPaused = isOurs(error)
            return hasLeft && isPaused ? Effect.interrupt : Effect.void
          })
        ))
    })
    const left = Effect.andThen(
      leaving,
      Effect.suspend(() => {
        hasLeft = true
        return isPaused ? Effect.interrupt : Effect.never
      })
    )
    return Effect.catchIf(attempt, isOurs, (error) => {
      let next: Effect.Effect<A, E | SyncError, R2> = Effect.fail(error)
      const again = Effect.retry(
        Effect.suspend(() => {
          const now = next
          next = attempt
          return now
        }),
        // Only errors of syncs get as far as the schedule.
        { schedule: this.options.retry as Schedule.Schedule<unknown, any>, while: isOurs }
      )
      return Effect.raceFirst(again, left)
    }).pipe(Effect.tap(over))
  }

  private mappings(sql: SqlClient): Effect.Effect<Mappings, SyncError, SqlClient> {
    const known = this.known(sql)
    if (known.mappings !== undefined) return Effect.succeed(known.mappings)
    return Effect.tap(load(this.options.operation, this.options, this.options.place), (mappings) =>
      Effect.sync(() => {
        known.mappings = mappings
      }))
  }

  /** Checks the tables, claims the partitions, and returns where they go on. */
  readonly start = (
    partitions: ReadonlyArray<TopicPartition>,
    group: string
  ): Effect.Effect<ReadonlyArray<Start>, SyncError, SqlClient> =>
    this.retrying(
      Effect.gen({ self: this as Handling<R> }, function*() {
        const { operation, place } = this.options
        const sql = yield* SqlClient
        this.known(sql).mappings = undefined
        const mappings = yield* this.mappings(sql)
        const ours = <A, E extends SqlError>(name: string, effect: Effect.Effect<A, E>) =>
          Effect.mapError(effect, (error) => ownTableErrorOf(operation, shownOwnTable(place, name), error))
        if (guardedOf(mappings).length > 0) yield* ours("deleted", sql.unsafe(Offsets.hasDeleted(place)))
        const starts = yield* ours("offsets", this.claims.take(sql, place, group, partitions))
        // Each transaction asks it whether anything waits.
        yield* ours("waiting", sql.unsafe(probe(place)))
        const run = yield* CurrentRun
        const every = Duration.toMillis(Duration.fromInputUnsafe(this.options.sweep))
        if (run !== undefined && mappings.waiters.size > 0) yield* sweep(run, place, group, every)
        return starts
      }),
      (error) => error.isRetryable
    )

  /** Stores a batch. Fails with `BatchFailed` at the first record that cannot be stored; those before it are. */
  readonly handle = Effect.fnUntraced(
    { self: this as Handling<R> },
    function*(
      batch: UndecodedBatch
    ): Effect.fn.Return<void, SyncError | BatchFailed<unknown>, SqlClient | R> {
      const patience = Duration.toMillis(Duration.fromInputUnsafe(this.options.conflictWait))
      const sql = yield* SqlClient
      const claim = yield* this.claims.of(batch.group, batch)
      if (claim === undefined) return yield* Effect.die(new Error(`${batch.topic}/${batch.partition} was not claimed`))
      const { records } = batch
      let from = 0
      let waiting: { readonly offset: number; readonly until: number } | undefined
      while (true) {
        const { applied, prepared } = yield* this.storing(sql, claim, batch, from, waiting !== undefined)
        const [refusal, ...ahead] = prepared.refusals
        if (applied.error === undefined) {
          yield* this.forgetting(sql)
          if (refusal !== undefined) return yield* new FailedAhead(refusal, ahead)
          return
        }
        const op = prepared.ops[applied.place]!
        const now = yield* Clock.currentTimeMillis
        if (waiting?.offset !== op.offset) {
          const waits = mayPass(applied.error, op) && now - claim.waitedOutAt >= impatience * patience
          waiting = waits ? { offset: op.offset, until: now + patience } : undefined
        }
        if (waiting !== undefined && now >= waiting.until) claim.waitedOutAt = now
        if (waiting === undefined || now >= waiting.until) {
          return yield* new BatchFailed({
            offset: op.offset,
            cause: Cause.fail(refusedOf(this.options, claim, op, applied.error))
          })
        }
        from = records.findIndex(({ raw }) => raw.offset === op.offset)
        // What precedes is stored, and the next owner of the partition waits for the rest.
        const left = Effect.andThen(batch.leaving, Effect.interrupt)
        yield* Effect.raceFirst(Effect.sleep(conflictPause), left)
      }
    }
  )

  /** Reads and stores records from place `from` on, until the database takes the transaction. */
  private storing(
    sql: SqlClient,
    claim: Claim,
    batch: UndecodedBatch,
    from: number,
    isParked: boolean
  ): Effect.Effect<{ readonly applied: Applied; readonly prepared: Prepared }, SyncError, SqlClient | R> {
    const { operation, place } = this.options
    const records: ReadonlyArray<Undecoded<AnyRecord>> = batch.records
    let read: { readonly mappings: Mappings; readonly prepared: Prepared } | undefined
    const once = Effect.gen({ self: this as Handling<R> }, function*() {
      const mappings = yield* this.mappings(sql)
      let prepared: Prepared
      if (read !== undefined && read.mappings === mappings) prepared = read.prepared
      else {
        const before = this.read.get(claim)
        const known = before?.mappings === mappings ? before.known : undefined
        prepared = yield* prepare(operation, this.options, mappings, records, from, known)
        if (prepared.mayBeStale) prepared = yield* this.again(sql, mappings, prepared, records, from)
        read = { mappings: yield* this.mappings(sql), prepared }
        if (prepared.known !== undefined) this.read.set(claim, { mappings: read.mappings, known: prepared.known })
        else if (before !== undefined) this.read.delete(claim)
      }
      // There is nothing to store before the record that is refused.
      const [refusal] = prepared.refusals
      if (prepared.ops.length === 0 && refusal !== undefined) return { applied: nothing, prepared }
      const next = refusal?.offset ?? batch.next
      const waiting = { waiters: mappings.waiters, known: this.known(sql).waiters }
      const chunk = { sql, place, claim, ops: prepared.ops }
      const applied = yield* store({
        ...chunk,
        next,
        around: (ops, ...how) => around({ ...chunk, ops, waiting }, ...how)
      }, isParked)
      // Its parent may have come meanwhile, in a transaction that could not see it.
      if (applied.parked > 0) ring(yield* CurrentRun, place)
      return { applied, prepared }
    })
    // A mistake of this package is no record's fault either.
    const safe = Effect.catchDefect(once, (defect) => {
      const reason = new Unexpected({ problem: brief(Cause.fail(defect)) })
      return Effect.fail(new SyncError({ operation, reason, place: placeOf(batch), cause: defect }))
    })
    const typed = Effect.catchIf(
      safe,
      (error): error is SqlError => !(error instanceof Lost) && !(error instanceof SyncError),
      (error) => {
        // A table that changed is read again.
        const found = syncErrorOf(operation, error, placeOf(batch))
        if (!found.isRetryable) {
          const known = this.known(sql)
          known.mappings = undefined
          known.waiters.forget()
        }
        return Effect.fail(found)
      }
    )
    // None of these is about a record, so none of them may send one to the dead letters.
    return Effect.catchIf(
      this.retrying(typed, () => true, batch.leaving),
      (error): error is Lost => error instanceof Lost,
      () => this.fenced(claim)
    )
  }

  /**
   * Reads the tables again: a field without a column may have one by now, and a column another type. Then the records
   * are read again, too.
   */
  private readonly again = Effect.fnUntraced({ self: this as Handling<R> }, function*(
    sql: SqlClient,
    before: Mappings,
    prepared: Prepared,
    records: ReadonlyArray<Undecoded<AnyRecord>>,
    from: number
  ) {
    const known = this.known(sql)
    known.mappings = undefined
    const mappings = yield* this.mappings(sql)
    if (isSame(mappings, before)) {
      // What was worked out for these tables is kept.
      known.mappings = before
      return prepared
    }
    return yield* prepare(this.options.operation, this.options, mappings, records, from)
  })

  /** Another member has the partition. Kafka takes it from this one, which does nothing until then. */
  private fenced({ group, partition, topic }: Claim): Effect.Effect<never> {
    const reason = new Fenced({ group, topic, partition })
    const error = new SyncError({ operation: this.options.operation, reason })
    return Effect.andThen(
      Effect.logError(`${error.message}; nothing was written, and it waits until Kafka takes the partition away`),
      Effect.never
    )
  }

  /** Forgets deleted keys now and then. A failure costs nothing but their space. */
  private forgetting(sql: SqlClient): Effect.Effect<void> {
    const known = this.known(sql)
    const guarded = known.mappings === undefined ? [] : guardedOf(known.mappings)
    if (guarded.length === 0) return Effect.void
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now - known.forgotAt < forgetMillis) return Effect.void
      known.forgotAt = now
      return Effect.ignore(
        Effect.forEach(
          guarded,
          (mapping) =>
            sql.unsafe(Offsets.forget(this.options.place), [mapping.target.name, String(keepSeconds(mapping))]),
          {
            discard: true
          }
        )
      )
    })
  }
}
