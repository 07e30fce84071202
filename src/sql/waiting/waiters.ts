/** Makes waiters: from the settings of a sync, or from what is kept with a row that another process parked. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { freelySpelled, isSpelledFreely } from "../apply/keys.ts"
import { isKey, makeTarget, type Target } from "../apply/target.ts"
import { SyncError } from "../SyncError.ts"
import { MissingColumn, Unsupported } from "../SyncErrorReason.ts"
import * as Table from "../Table.ts"
import { ownTable, type Place } from "../tables/ownTables.ts"
import {
  constraintsOf,
  type NamedRelation,
  parseSpec,
  type Relation,
  relationOf,
  specOf,
  type Waiter
} from "./relations.ts"
import type { WaitForSettings } from "./settings.ts"

/** How long a row waits for its parents before somebody should look at it. */
const defaultTimeout: Duration.Input = "1 hour"

type Read = (name: string) => Effect.Effect<Table.Table, SyncError, SqlClient>

const relationsOf = Effect.fnUntraced(function*(
  operation: string,
  target: Target,
  named: ReadonlyArray<NamedRelation>,
  read: Read
) {
  const relations: Array<Relation> = []
  for (const one of named) {
    const relation = relationOf(target, yield* read(one.table), one)
    if ("problem" in relation) {
      const { column, problem } = relation
      return yield* new SyncError({ operation, reason: new Unsupported({ table: target.name, column, problem }) })
    }
    relations.push(relation)
  }
  return relations
})

/** The waiter of a table of a sync. */
export const waiterOf = Effect.fnUntraced(function*(
  operation: string,
  target: Target,
  settings: "constraints" | WaitForSettings,
  read: Read
): Effect.fn.Return<Waiter, SyncError, SqlClient> {
  const free = target.key.map((place) => target.columns[place]!).find(isSpelledFreely)
  if (free !== undefined) {
    const problem = `\`waitFor\`: ${freelySpelled}`
    return yield* new SyncError({
      operation,
      reason: new Unsupported({ table: target.name, column: free.name, problem })
    })
  }
  const { parents, timeout = defaultTimeout } = settings === "constraints" ? { parents: settings } : settings
  const named: Array<NamedRelation> = []
  if (parents === "constraints") named.push(...constraintsOf(target.table))
  else {
    for (const { columns, references, table } of parents) {
      const parent = yield* read(table)
      named.push({ columns, table: `${parent.schema}.${parent.name}`, references: references ?? parent.primaryKey })
    }
  }
  const relations = yield* relationsOf(operation, target, named, read)
  const timeoutSeconds = Duration.toSeconds(Duration.fromInputUnsafe(timeout))
  return { target, relations, spec: specOf(target, named), timeoutSeconds }
})

/** Makes waiters from their texts, each once. */
export class Known {
  private readonly made = new Map<string, Waiter>()
  private readonly place: Place

  constructor(place: Place) {
    this.place = place
  }

  /** The tables are read again when they are needed: they may have changed. */
  readonly forget = (): void => this.made.clear()

  readonly of = Effect.fnUntraced({ self: this as Known }, function*(
    spec: string
  ): Effect.fn.Return<Waiter, SyncError, SqlClient> {
    const known = this.made.get(spec)
    if (known !== undefined) return known
    const { key, relations: named, softDelete, table: name, version } = parseSpec(spec)
    const operation = `release rows of ${name} that waited`
    const table = yield* Table.read(name)
    const names = table.columns.map((column) => column.name)
    const lost = [...key, softDelete, version].find((column) => column !== undefined && !names.includes(column))
    if (lost !== undefined) {
      return yield* new SyncError({ operation, reason: new MissingColumn({ table: name, column: lost }) })
    }
    if (!isKey(table, key)) {
      const problem = "it is no key any more"
      return yield* new SyncError({
        operation,
        reason: new Unsupported({ table: name, column: key.join(", "), problem })
      })
    }
    // Whether its versions come from rows is not kept: they may.
    const guard = version === undefined
      ? undefined
      : { column: version, deleted: ownTable(this.place, "deleted"), isOfRows: true }
    const target = makeTarget(table, { key, softDelete, guard })
    const relations = yield* relationsOf(operation, target, named, Table.read)
    const waiter: Waiter = { target, relations, spec, timeoutSeconds: 0 }
    this.made.set(spec, waiter)
    return waiter
  })
}
