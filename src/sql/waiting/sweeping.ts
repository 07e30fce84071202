/**
 * Looks now and then at the rows of a group that wait: those whose parents came by another way are released, those that
 * waited too long are marked, and how many wait is counted.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { errorOf, messageOf, oneLine } from "../../internal/shared/causes.ts"
import type { Run } from "../../internal/shared/currentRun.ts"
import { inTransaction, textsOf } from "../apply/running.ts"
import { Alarm } from "../outbox/alarm.ts"
import type { SyncError } from "../SyncError.ts"
import { ownTable, type Place } from "../tables/ownTables.ts"
import { shownError } from "../tables/sqlErrors.ts"
import { keysIn, mostKeys, releaseAll } from "./releasing.ts"
import { Known } from "./waiters.ts"
import * as Sql from "./waitingSql.ts"

const waitingRows = Metric.gauge("millrace_waiting_rows", { description: "Rows that wait for their parents" })
const failedRows = Metric.gauge("millrace_waiting_failed", {
  description: "Rows that waited for their parents for too long, or that the database refused when they had come"
})
const oldestRow = Metric.gauge("millrace_waiting_oldest_ms", {
  description: "How long the oldest row has waited for its parents, in milliseconds"
})

/** How long a row may wait without a word, in milliseconds. */
const quietMillis = 300_000

/** How many pages of a parent are released before others have their turn. */
const mostPages = 100

/** How long the end of a run waits for a look that is due, in milliseconds: a database may not answer. */
const endMillis = 2_000

/** How many rows wait, and how long. */
export interface Status {
  /** Rows that wait for their parents. */
  readonly waiting: number
  /** Rows that waited too long. */
  readonly expired: number
  /** Rows that the database refused when their parents had come. */
  readonly refused: number
  /** How long the oldest row has waited, in milliseconds; 0 if none does. */
  readonly oldestMillis: number
}

/** The status of a group, or of all. */
export const statusOf = (
  sql: SqlClient,
  place: Place,
  group: string | null
): Effect.Effect<Status, SqlError> =>
  Effect.map(textsOf(sql, Sql.status(place), [group as string]), ([row]) => {
    const [waiting, expired, refused, oldest] = row!.map(Number)
    return { waiting: waiting!, expired: expired!, refused: refused!, oldestMillis: Math.max(0, oldest!) }
  })

const shownTime = (millis: number): string =>
  millis < 120_000 ? `${Math.round(millis / 1_000)} seconds` : `${Math.round(millis / 60_000)} minutes`

/** What somebody should look at, or `undefined`. */
export const hintOf = ({ expired, oldestMillis, refused, waiting }: Status): string | undefined => {
  const parts = [
    ...(waiting > 0 && oldestMillis >= quietMillis
      ? [`${waiting} rows wait for their parents, the oldest for ${shownTime(oldestMillis)}`]
      : []),
    ...(expired > 0 ? [`${expired} rows waited too long for their parents`] : []),
    ...(refused > 0 ? [`${refused} rows that waited for their parents are refused by the database`] : [])
  ]
  return parts.length === 0 ? undefined : `${parts.join("; ")}; see \`millrace sql waiting ls\``
}

const wordsOf = (cause: Cause.Cause<unknown>): string => {
  const error = errorOf(cause)
  return oneLine(isSqlError(error) ? shownError(error) : messageOf(error))
}

export class Sweeper {
  private readonly alarm = new Alarm()
  private readonly known: Known
  private hint: string | undefined
  private readonly hintName: string
  private isFailing = false
  private isDue = false
  private isLooking = false
  /** Called once no look is due. */
  private rested: (() => void) | undefined
  private readonly place: Place
  private readonly group: string
  private readonly run: Run

  constructor(place: Place, group: string, run: Run) {
    this.place = place
    this.group = group
    this.run = run
    this.known = new Known(place)
    this.hintName = `waiting in ${ownTable(place, "waiting")}`
  }

  /** Looks at once. */
  readonly ring = (): void => {
    this.isDue = true
    this.alarm.ring()
  }

  /** Ends when no look is due. */
  readonly settled: Effect.Effect<void> = Effect.callback((resume) => {
    this.rested = () => resume(Effect.void)
    this.rest()
  })

  private rest(): void {
    if (!this.isDue && !this.isLooking) this.rested?.()
  }

  /** For ever, with this many milliseconds between two looks. */
  loop(every: number): Effect.Effect<never, never, SqlClient> {
    const turn = Effect.catchCause(this.turn, (cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause as Cause.Cause<never>)
      this.known.forget()
      this.run.hint(this.hintName, `rows that wait for their parents cannot be looked at: ${wordsOf(cause)}`)
      if (this.isFailing) return Effect.void
      this.isFailing = true
      return Effect.logWarning(`rows of group "${this.group}" that wait for their parents cannot be looked at`, cause)
    })
    const look = Effect.suspend(() => {
      this.isDue = false
      this.isLooking = true
      return Effect.ensuring(
        turn,
        Effect.sync(() => {
          this.isLooking = false
          this.rest()
        })
      )
    })
    return Effect.forever(Effect.andThen(look, this.alarm.wait(every)))
  }

  private readonly turn: Effect.Effect<void, SqlError | SyncError, SqlClient> = Effect.gen(
    { self: this as Sweeper },
    function*() {
      const { group, place } = this
      const sql = yield* SqlClient
      let status = yield* statusOf(sql, place, group)
      if (status.waiting > 0) {
        yield* this.expire(sql)
        yield* this.release(sql)
        status = yield* statusOf(sql, place, group)
      }
      this.isFailing = false
      yield* this.tell(status)
    }
  )

  private readonly expire = Effect.fnUntraced({ self: this as Sweeper }, function*(sql: SqlClient) {
    const rows = yield* textsOf(sql, Sql.expire(this.place), [this.group])
    const [first] = rows
    if (first === undefined) return
    const [topic, partition, offset, table, key, parent, parentKey] = first
    yield* Effect.logError(
      `${rows.length} rows of group "${this.group}" waited too long for their parents; the first is the row `
        + `${key!.replaceAll("\u001F", " ")} of ${table}, from ${topic}/${partition} at offset ${offset}, which needs `
        + `${parent} = ${parentKey}. They stay in ${ownTable(this.place, "waiting")}; see \`millrace sql waiting\``
    )
  })

  /** Releases what can be, page by page, one process at a time. */
  private readonly release = Effect.fnUntraced({ self: this as Sweeper }, function*(sql: SqlClient) {
    const { group, known, place } = this
    for (const [parent, spec] of yield* textsOf(sql, Sql.parents(place), [group])) {
      const waiter = yield* known.of(spec!)
      const relation = waiter.relations.find((one) => one.parent === parent)
      if (relation === undefined) continue
      const page = Effect.gen(function*() {
        const [lock] = yield* textsOf(sql, Sql.trySweep(place), [group])
        if (lock?.[0] !== "true") return 0
        const keys = keysIn(yield* textsOf(sql, Sql.ready(place, relation), [group, parent!, String(mostKeys)]))
        if (keys.length === 0) return 0
        const count = yield* releaseAll({ sql, place, waiting: { known } }, keys)
        return keys.length < mostKeys ? 0 : count
      })
      for (let i = 0; i < mostPages; i++) if ((yield* inTransaction(sql, page)) === 0) break
    }
  })

  private readonly tell = Effect.fnUntraced({ self: this as Sweeper }, function*(status: Status) {
    const attributes = { group: this.group }
    yield* Metric.update(Metric.withAttributes(waitingRows, attributes), status.waiting)
    yield* Metric.update(Metric.withAttributes(failedRows, attributes), status.expired + status.refused)
    yield* Metric.update(Metric.withAttributes(oldestRow, attributes), status.oldestMillis)
    const hint = hintOf(status)
    this.run.hint(this.hintName, hint)
    // Once, not at each look; the metrics tell the rest.
    if (hint !== undefined && this.hint === undefined) yield* Effect.logWarning(`group "${this.group}": ${hint}`)
    else if (hint === undefined && this.hint !== undefined) {
      yield* Effect.logInfo(`group "${this.group}": no row waits long for its parent any more`)
    }
    this.hint = hint
  })
}

/** The sweepers of each run: handlers that share a table share one. */
const sweepers = new WeakMap<Run, Map<string, Sweeper>>()

const nameOf = (place: Place): string => ownTable(place, "waiting")

/** Looks at once, if something does at all. */
export const ring = (run: Run | undefined, place: Place): void => {
  if (run !== undefined) sweepers.get(run)?.get(nameOf(place))?.ring()
}

/** Sweeps until the run ends. */
export const sweep = Effect.fnUntraced(function*(run: Run, place: Place, group: string, every: number) {
  let known = sweepers.get(run)
  if (known === undefined) sweepers.set(run, known = new Map())
  if (known.has(nameOf(place))) return
  const sweeper = new Sweeper(place, group, run)
  known.set(nameOf(place), sweeper)
  const fiber = yield* Effect.forkDetach(sweeper.loop(every))
  // Rows whose parents came meanwhile would wait for the next run otherwise.
  const last = Effect.timeoutOption(Effect.interruptible(sweeper.settled), endMillis)
  yield* Scope.addFinalizer(run.scope, Effect.andThen(last, Effect.sync(() => fiber.interruptUnsafe())))
})
