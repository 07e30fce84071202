/** Which rows wait for which: from the settings and the catalog, and as texts that another process reads. Pure. */
import type { Target } from "../apply/target.ts"
import type { Column, Table } from "../TableModel.ts"
import { quotedTable, shownTable } from "../tables/names.ts"

/** A parent of rows by name, as it is kept with each row that waits. */
export interface NamedRelation {
  readonly columns: ReadonlyArray<string>
  readonly table: string
  readonly references: ReadonlyArray<string>
}

/** Rows of a table that refer to rows of another one, or of the same. */
export interface Relation {
  /** The places of the columns that refer, and their names. */
  readonly columns: ReadonlyArray<number>
  readonly names: ReadonlyArray<string>
  /** The key that they refer to, as `schema.table(column, …)`. */
  readonly parent: string
  /** The parent's table, quoted, its columns and their types. */
  readonly table: string
  readonly references: ReadonlyArray<string>
  readonly types: ReadonlyArray<string>
  /** The foreign keys of the database that say the same. */
  readonly constraints: ReadonlyArray<string>
}

/** A table whose rows wait for their parents. */
export interface Waiter {
  readonly target: Target
  readonly relations: ReadonlyArray<Relation>
  /** All of it as a text: another process makes the waiter again from it, to release a row. */
  readonly spec: string
  readonly timeoutSeconds: number
}

/** What a waiter is made again from. */
export interface Spec {
  readonly table: string
  readonly key: ReadonlyArray<string>
  readonly softDelete: string | undefined
  readonly version: string | undefined
  readonly relations: ReadonlyArray<NamedRelation>
}

/** How a key of a table is named, the same for all orders of its columns. */
export const parentName = (table: { readonly schema: string; readonly name: string }, key: ReadonlyArray<string>) =>
  `${shownTable(table)}(${[...key].sort().join(", ")})`

const sorted = (relation: NamedRelation): NamedRelation => {
  const order = relation.references.map((_, i) => i).sort((a, b) =>
    relation.references[a]! < relation.references[b]! ? -1 : 1
  )
  return {
    table: relation.table,
    columns: order.map((i) => relation.columns[i]!),
    references: order.map((i) => relation.references[i]!)
  }
}

const has = (table: Table, name: string): Column | undefined => table.columns.find((column) => column.name === name)

/** What is wrong with a relation, or the relation. */
export const relationOf = (
  target: Target,
  parent: Table,
  named: NamedRelation
): Relation | { readonly column: string; readonly problem: string } => {
  const shown = shownTable(parent)
  const [first = "*"] = named.columns
  if (named.columns.length !== named.references.length || first === "*") {
    const counts = `${named.columns.length} columns with ${named.references.length}`
    return { column: first, problem: `\`waitFor\` pairs ${counts} of ${shown}; give as many` }
  }
  const { columns: names, references } = sorted(named)
  const columns = names.map((name) => target.columns.findIndex((column) => column.name === name))
  const types: Array<string> = []
  for (let i = 0; i < names.length; i++) {
    const column = names[i]!
    const own = target.columns[columns[i]!]
    const other = has(parent, references[i]!)
    if (own === undefined) return { column, problem: "`waitFor` names it, and the table has no such column to write" }
    if (other === undefined) {
      return { column, problem: `\`waitFor\` refers to ${shown}.${references[i]}: no such column` }
    }
    if (own.kind === "array" || other.kind === "array") return { column, problem: "arrays cannot be waited for" }
    types.push(other.type)
  }
  const isKey = parent.uniques.some((index) =>
    !index.isExclusion && !index.isExpression && !index.isPartial && index.columns.length === references.length
    && index.columns.every((column) => references.includes(column))
  )
  if (!isKey) {
    const problem = `\`waitFor\` refers to ${shown} by ${references.join(", ")}, which is no key of it`
    return { column: first, problem }
  }
  const constraints = target.table.foreignKeys.filter((key) =>
    key.columns.length === names.length && key.columns.every((column) => names.includes(column))
  )
  return {
    columns,
    names,
    parent: parentName(parent, references),
    table: quotedTable(parent),
    references,
    types,
    constraints: constraints.map(({ name }) => name)
  }
}

/** The foreign keys of a table, as relations by name. */
export const constraintsOf = ({ foreignKeys }: Table): ReadonlyArray<NamedRelation> =>
  foreignKeys.map(({ columns, references }) => ({
    columns,
    table: `${references.schema}.${references.table}`,
    references: references.columns
  }))

const nameOf = ({ columns }: Target, place: number | undefined): string | undefined =>
  place === undefined ? undefined : columns[place]!.name

export const specOf = (target: Target, relations: ReadonlyArray<NamedRelation>): string => {
  const spec: Spec = {
    table: target.name,
    key: target.key.map((place) => target.columns[place]!.name),
    softDelete: nameOf(target, target.softDelete),
    version: nameOf(target, target.guard?.column),
    relations: relations.map(sorted)
  }
  return JSON.stringify(spec)
}

export const parseSpec = (text: string): Spec => {
  const { softDelete, version, ...rest } = JSON.parse(text)
  return { softDelete, version, ...rest }
}
