/** Millrace's own tables at the target, as a sync needs them. Pure. */
import { quoted, quotedTable } from "../tables/names.ts"
import { type Place, schemaOf, shownOwnTable } from "../tables/ownTables.ts"
import type { Problem } from "./problems.ts"

/** A table that syncs use, and the rights that they need there. */
export interface Needed {
  readonly name: string
  readonly rights: ReadonlyArray<string>
}

const all = ["SELECT", "INSERT", "UPDATE", "DELETE"]

/** What syncs use: `versions` where rows have them, `waits` where rows wait for their parents. */
export const neededFor = (versions: boolean, waits: boolean): ReadonlyArray<Needed> => [
  { name: "offsets", rights: ["SELECT", "INSERT", "UPDATE"] },
  ...(versions ? [{ name: "deleted", rights: all }] : []),
  // Each transaction looks whether anything waits.
  { name: "waiting", rights: waits ? all : ["SELECT"] }
]

/** What is there. */
export interface OwnTables {
  readonly role: string
  readonly hasSchema: boolean
  readonly hasUsage: boolean
  /** Of those that are needed, and of `migrations`. */
  readonly tables: ReadonlyArray<{ readonly name: string; readonly denied: ReadonlyArray<string> }>
}

/** `$1` is the schema, `$2` the names of tables, `$3` the rights that are asked for, each with its place in `$4`. */
export const ownTables = `SELECT json_build_object(
  'role', current_user,
  'hasSchema', n.oid IS NOT NULL,
  'hasUsage', coalesce(has_schema_privilege(n.oid, 'USAGE'), false),
  'tables', (SELECT coalesce(json_agg(json_build_object(
      'name', s.name,
      'denied', (SELECT coalesce(json_agg(r.right_name), '[]')
        FROM unnest($3::text::text[], $4::text::integer[]) AS r(right_name, place)
        WHERE r.place = s.place AND NOT has_table_privilege(c.oid, r.right_name)))), '[]')
    FROM unnest($2::text::text[]) WITH ORDINALITY AS s(name, place)
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.name AND c.relkind IN ('r', 'p'))
)::text FROM (SELECT 1) AS one LEFT JOIN pg_namespace n ON n.nspname = $1::text`

const migrate = "millrace sql migrate (or Migrations.run), with a role that may create tables"

/** What is wrong with Millrace's own tables; `notRun` are migrations that were not run, where that is known. */
export const ownProblems = (
  place: Place,
  needed: ReadonlyArray<Needed>,
  { hasSchema, hasUsage, role, tables }: OwnTables,
  notRun: ReadonlyArray<string>
): ReadonlyArray<Problem> => {
  const schema = schemaOf(place)
  const nameOf = ({ name }: Needed) => `${place.prefix ?? ""}${name}`
  const missing = needed.filter((table) => !tables.some(({ name }) => name === nameOf(table)))
  const problems: Array<Problem> = []
  const add = (subject: string, problem: Omit<Problem, "side" | "subject">): void => {
    problems.push({ side: "target", subject, ...problem })
  }
  if (!hasSchema || missing.length === needed.length) {
    const there = hasSchema ? `it has none of Millrace's tables` : "there is none, nor Millrace's tables in it"
    const breaks = "no sync starts, unless its handler names another `schema` or `prefix`"
    return [{ side: "target", subject: `schema ${schema}`, severity: "error", problem: there, breaks, mend: migrate }]
  }
  for (const { name } of missing) {
    add(shownOwnTable(place, name), {
      severity: "error",
      problem: "it is missing: Millrace's tables are of an older version",
      breaks: "no sync starts",
      mend: migrate
    })
  }
  if (missing.length === 0 && notRun.length > 0) {
    add(shownOwnTable(place, "migrations"), {
      severity: "warning",
      problem: `Millrace's tables are of an older version: without ${notRun.join(", ")}`,
      breaks: "what needs these migrations does not start",
      mend: migrate
    })
  }
  if (!hasUsage) {
    add(`schema ${schema}`, {
      severity: "error",
      problem: `${role} lacks USAGE`,
      breaks: "no sync starts until the right is granted",
      mend: `GRANT USAGE ON SCHEMA ${quoted(schema)} TO ${quoted(role)}`
    })
  }
  for (const table of needed) {
    const denied = tables.find(({ name }) => name === nameOf(table))?.denied ?? []
    if (denied.length === 0) continue
    const rights = denied.join(", ")
    add(shownOwnTable(place, table.name), {
      severity: "error",
      problem: `${role} lacks ${rights}`,
      breaks: "syncs wait until the right is granted",
      mend: `GRANT ${rights} ON ${quotedTable({ schema, name: nameOf(table) })} TO ${quoted(role)}`
    })
  }
  return problems
}
