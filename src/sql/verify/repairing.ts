/** Makes rows of the target those of the source. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { carefully } from "../apply/carefully.ts"
import type { Cell, Op } from "../apply/fold.ts"
import { inTransaction, textsOf } from "../apply/running.ts"
import type { Target } from "../apply/target.ts"
import { SyncError } from "../SyncError.ts"
import { shownError, syncErrorOf } from "../tables/sqlErrors.ts"
import { keyText, type Look, type Part } from "./differences.ts"
import type { Pair } from "./pair.ts"
import { within } from "./patience.ts"
import type { Key } from "./ranges.ts"
import type { Reading } from "./reading.ts"
import * as Sql from "./verifySql.ts"

/** What became of rows. */
export interface Repaired {
  readonly copied: number
  readonly deleted: number
  readonly refused: ReadonlyArray<{ readonly key: Key; readonly problem: string }>
}

const smallStride = 32

const opOf = (
  target: Target,
  kind: Op["kind"],
  key: Key,
  row: ReadonlyArray<Cell | undefined>,
  offset: number
): Op => ({ kind, target, key: keyText(key), row, version: undefined, instead: undefined, offset })

/** A row of the target from the values of the source, under this key. */
const written = (
  { columns, key, mapping, target }: Pair,
  cells: ReadonlyArray<Cell>,
  parts: Key
): ReadonlyArray<Cell | undefined> => {
  const row: Array<Cell | undefined> = target.columns.map(() => undefined)
  columns.forEach(({ place }, i) => row[place] = cells[i])
  key.forEach(({ finding, place }, i) => {
    if (!finding.byValue.target) row[place] = parts[i]
  })
  if (target.softDelete !== undefined) row[target.softDelete] ??= mapping.unmarked
  return row
}

const gone = ({ key, target }: Pair, parts: Key, now: string): ReadonlyArray<Cell | undefined> => {
  const row: Array<Cell | undefined> = target.columns.map(() => undefined)
  key.forEach(({ place }, i) => row[place] = parts[i])
  const { softDelete } = target
  if (softDelete !== undefined) row[softDelete] = target.columns[softDelete]!.kind === "boolean" ? "true" : now
  return row
}

/** How the target has these keys, and those that it takes for the same. */
const ownKeys = (sql: SqlClient, pair: Pair, keys: ReadonlyArray<Key>): Effect.Effect<Map<string, Key>, SqlError> => {
  if (keys.length === 0) return Effect.succeed(new Map())
  const parts = pair.key.length
  const { params, text } = Sql.ownKeys(pair, keys)
  return Effect.map(
    textsOf(sql, text, params),
    (texts) => new Map(texts.map((row) => [keyText(row.slice(0, parts).map(String)), row.slice(parts).map(String)]))
  )
}

/**
 * Copies rows from the source, under a lock that no writer of the target passes: what a sync has written before is in
 * what is read of the source, and what it writes later comes after. Rows that only the target has are deleted if
 * `deletes` is set.
 */
export const copy = (
  operation: string,
  sql: SqlClient,
  reading: Reading,
  part: Part,
  options: {
    readonly deletes: boolean
    readonly lockTimeout: Duration.Input
    readonly timeout: Duration.Duration
  }
): Effect.Effect<Repaired, SyncError> => {
  const { pair } = reading
  const { looks } = part
  // The row's version stays: what is still on its way brings its own.
  const target: Target = { ...pair.target, guard: undefined, texts: new Map() }
  const millis = Duration.toMillis(Duration.fromInputUnsafe(options.lockTimeout))
  const work = Effect.gen(function*() {
    yield* sql.unsafe(Sql.lockTimeout, [`${Math.max(1, Math.round(millis))}ms`])
    yield* sql.unsafe(Sql.session)
    yield* sql.unsafe(Sql.lock(pair))
    const keys = looks.map(({ key }) => key)
    const own = pair.key.every(({ finding }) => finding.byValue.target)
      ? new Map<string, Key>()
      : yield* ownKeys(sql, pair, keys)
    const keysOf = (kind: Look["kind"]) => looks.filter((look) => look.kind === kind).map(({ key }) => key)
    // What is missing, and yet found, is there in another spelling.
    const isRespelled = target.isLoose && (yield* ownKeys(sql, pair, keysOf("missing"))).size > 0
    const there = yield* reading.cells(part)
    const now = new Date(yield* Clock.currentTimeMillis).toISOString()
    const writes = looks.flatMap(({ key, kind }, i): ReadonlyArray<Op> => {
      const text = keyText(key)
      const cells = there.get(text)
      if (cells === undefined) return []
      const row = written(pair, cells, own.get(text) ?? key)
      const write = opOf(target, "Write", key, row, i)
      return isRespelled && kind === "missing" ? [{ ...write, kind: "Move", to: row }, write] : [write]
    })
    const refused: Array<{ readonly key: Key; readonly problem: string }> = []
    const applied = Effect.fnUntraced(function*(ops: ReadonlyArray<Op>) {
      const bad = new Set<number>()
      let from = 0
      while (from < ops.length) {
        const { error, place } = yield* carefully(sql, ops, from, smallStride, true)
        if (error !== undefined) {
          bad.add(place)
          refused.push({ key: looks[ops[place]!.offset]!.key, problem: shownError(error) })
        }
        from = place + 1
      }
      return ops.filter((_, place) => !bad.has(place))
    })
    // The row of another spelling is that of the source by then, and not to be deleted.
    const before = isRespelled ? yield* applied(writes) : []
    const left = options.deletes && target.isLoose ? yield* ownKeys(sql, pair, keysOf("extra")) : undefined
    const removes = looks.flatMap(({ key, kind }, i): ReadonlyArray<Op> => {
      const text = keyText(key)
      // A row that went in the meantime is deleted by its event.
      if (!options.deletes || kind !== "extra" || there.has(text) || left?.has(text) === false) return []
      const row = gone(pair, own.get(text) ?? key, now)
      return [opOf(target, target.softDelete === undefined ? "Remove" : "Mark", key, row, i)]
    })
    const after = isRespelled ? removes : [...writes, ...removes].sort((a, b) => a.offset - b.offset)
    const done = [...before, ...yield* applied(after)]
    const copied = done.filter(({ kind }) => kind === "Write").length
    const deleted = done.filter(({ kind }) => kind === "Remove" || kind === "Mark").length
    return { copied, deleted, refused }
  })
  const where = `${operation}, target ${pair.target.name}`
  // The lock has its own time.
  const timeout = Duration.sum(options.timeout, Duration.millis(millis))
  return Effect.mapError(
    within(where, timeout, inTransaction(sql, work)),
    (error) => error instanceof SyncError ? error : syncErrorOf(where, error)
  )
}
