/** The table of rows that wait for their parents, and its statements. Pure. */
import { boundIdle } from "../apply/offsetsSql.ts"
import { mostBytes, pieceLength } from "../tables/messages.ts"
import { quoted } from "../tables/names.ts"
import { ownTable, type Place } from "../tables/ownTables.ts"
import type { Relation } from "./relations.ts"

const tableOf = (place: Place): string => ownTable(place, "waiting")

/**
 * A record parks at most two rows: `part` 1 is the row that the other takes the place of. `id` is the order of a key.
 * Long keys do not fit into an index, their hashes do.
 */
export const createWaiting = (place: Place): ReadonlyArray<string> => [
  `CREATE TABLE ${tableOf(place)} (
  id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  group_id text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  "offset" bigint NOT NULL,
  part smallint NOT NULL,
  table_name text NOT NULL,
  key text NOT NULL,
  spec text NOT NULL,
  op text NOT NULL,
  parent text NOT NULL,
  parent_key text NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  timeout interval NOT NULL,
  until timestamptz NOT NULL,
  expired_at timestamptz,
  problem text,
  PRIMARY KEY (group_id, topic, partition, "offset", part)
)`,
  `CREATE INDEX ON ${tableOf(place)} (group_id, table_name, hashtextextended(key, 0))`,
  `CREATE INDEX ON ${tableOf(place)} (parent, hashtextextended(parent_key, 0))`
]

/** Whether the table is there. */
export const probe = (place: Place): string => `SELECT 1 FROM ${tableOf(place)} LIMIT 0`

const source = (types: ReadonlyArray<string>, first: number): string =>
  `unnest(${types.map((type, i) => `$${first + i}::text::${type}[]`).join(", ")})`

const names = ({ types }: Pick<Relation, "types">): string => types.map((_, i) => `c${i}`).join(", ")

const keyJson = ({ types }: Pick<Relation, "types">): string =>
  `json_build_array(${types.map((_, i) => `s.c${i}::text`).join(", ")})::text`

const onKey = ({ references }: Relation): string =>
  references.map((name, i) => `p.${quoted(name)} = s.c${i}`).join(" AND ")

/** Which values of each relation have no row: the number of the relation, the place of the values, their key. */
export const missing = (relations: ReadonlyArray<Relation>): string => {
  let first = 1
  return relations.map((relation, number) => {
    const { table, types } = relation
    const from = source(types, first)
    first += types.length
    return `SELECT '${number}', s.place::text, ${keyJson(relation)} FROM ${from} WITH ORDINALITY AS s(${
      names(relation)
    }, place) WHERE NOT EXISTS (SELECT 1 FROM ${table} AS p WHERE ${onKey(relation)})`
  }).join(" UNION ALL ")
}

/** A key of a table, and the types of its columns. */
export interface ParentKey {
  readonly parent: string
  readonly types: ReadonlyArray<string>
}

/** Nothing of a key is released automatically once the database refused a row of it. */
const notRefused = (place: Place): string =>
  `w.problem IS NULL AND NOT EXISTS (SELECT 1 FROM ${tableOf(place)} AS b WHERE b.problem IS NOT NULL`
  + " AND b.group_id = w.group_id AND b.table_name = w.table_name"
  + " AND hashtextextended(b.key, 0) = hashtextextended(w.key, 0) AND b.key = w.key)"

const byParent = (place: Place, key: string, parent: string): string =>
  `JOIN ${tableOf(place)} AS w ON w.parent = ${parent}::text AND hashtextextended(w.parent_key, 0) = `
  + `hashtextextended(${key}, 0) AND w.parent_key = ${key} WHERE ${notRefused(place)}`

/** The keys whose rows wait for these parents: group, table and key. The last parameter is how many at most. */
export const waitingFor = (place: Place, keys: ReadonlyArray<ParentKey>): string => {
  let first = 1
  const parts = keys.map((key) => {
    const from = source(key.types, first + 1)
    const text = `SELECT w.group_id, w.table_name, w.key FROM ${from} AS s(${names(key)}) ${
      byParent(place, keyJson(key), `$${first}`)
    }`
    first += key.types.length + 1
    return text
  })
  return `${parts.join(" UNION ")} LIMIT $${first}::text::integer`
}

/** The keys of a group whose rows wait for parents that are there: all that the parents' tables have. */
export const ready = (place: Place, { references, table, types }: Relation): string => {
  const on = references.map((name, i) => `p.${quoted(name)} = (w.parent_key::json ->> ${i})::${types[i]}`)
  return `SELECT DISTINCT w.group_id, w.table_name, w.key FROM ${tableOf(place)} AS w JOIN ${table} AS p ON ${
    on.join(" AND ")
  } WHERE w.group_id = $1::text AND w.parent = $2::text AND w.expired_at IS NULL AND ${
    notRefused(place)
  } LIMIT $3::text::integer`
}

/** The parents that rows of a group wait for, each with a description of one such row. */
export const parents = (place: Place): string =>
  `SELECT parent, min(spec) FROM ${tableOf(place)}
WHERE group_id = $1::text AND expired_at IS NULL AND problem IS NULL GROUP BY parent`

/** Null where it is large; `opPieces` reads it. */
const narrowOp = `CASE WHEN octet_length(w.op) <= ${mostBytes} THEN w.op END`

/** The operation of a row, in pieces. */
export const opPieces = (place: Place): string =>
  `SELECT substring(w.op FROM n FOR ${pieceLength})
FROM ${tableOf(place)} AS w, generate_series(1, length(w.op), ${pieceLength}) AS n
WHERE w.id = $1::text::bigint ORDER BY n`

const columns = `w.id::text, w.group_id, w.table_name, w.key, w.spec, ${narrowOp}, w."offset"::text`

/** Where the operation is in what `lockLines` and `list` return. */
export const opIn = { lockLines: 5, list: 7 } as const

/** All rows of these keys, in their order, for this transaction alone. */
export const lockLines = (place: Place): string =>
  `SELECT ${columns} FROM ${tableOf(place)} AS w
JOIN (SELECT DISTINCT g, t, k FROM unnest($1::text::text[], $2::text::text[], $3::text::text[]) AS s(g, t, k)) AS s
ON w.group_id = s.g AND w.table_name = s.t AND hashtextextended(w.key, 0) = hashtextextended(s.k, 0) AND w.key = s.k
ORDER BY w.id FOR UPDATE OF w`

/** Parks rows, once each. */
export const park = (place: Place): string =>
  `INSERT INTO ${tableOf(place)}
(group_id, topic, partition, "offset", part, table_name, key, spec, op, parent, parent_key, timeout, until)
SELECT $1::text, $2::text, $3::text::integer, s.o, s.part, s.t, s.k, ($12::text::text[])[s.spec], s.op, s.parent,
  s.parent_key, make_interval(secs => s.secs), now() + make_interval(secs => s.secs)
FROM unnest($4::text::bigint[], $5::text::smallint[], $6::text::text[], $7::text::text[], $8::text::integer[],
  $9::text::text[], $10::text::text[], $11::text::text[], $13::text::float8[])
  WITH ORDINALITY AS s(o, part, t, k, spec, op, parent, parent_key, secs, place)
ORDER BY s.place
ON CONFLICT (group_id, topic, partition, "offset", part) DO NOTHING`

export const remove = (place: Place): string =>
  `DELETE FROM ${tableOf(place)} WHERE id = ANY($1::text::bigint[]) RETURNING id::text`

/** How many of these rows are there. */
export const remaining = (place: Place): string =>
  `SELECT count(*)::text FROM ${tableOf(place)} WHERE id = ANY($1::text::bigint[])`

/** Cancels all rows of a table. */
export const removeTable = (place: Place): string =>
  `DELETE FROM ${tableOf(place)} WHERE group_id = $1::text AND table_name = $2::text`

/** Rows that wait for another parent by now. */
export const moveTo = (place: Place): string =>
  `UPDATE ${tableOf(place)} AS w SET parent = s.parent, parent_key = s.parent_key
FROM unnest($1::text::bigint[], $2::text::text[], $3::text::text[]) AS s(id, parent, parent_key)
WHERE w.id = s.id AND (w.parent <> s.parent OR w.parent_key <> s.parent_key)`

/** Rows that the database refuses. */
export const refuse = (place: Place): string =>
  `UPDATE ${tableOf(place)} AS w SET problem = s.problem
FROM unnest($1::text::bigint[], $2::text::text[]) AS s(id, problem) WHERE w.id = s.id`

/** Rows of a group that waited too long, from now on. */
export const expire = (place: Place): string =>
  `UPDATE ${tableOf(place)} SET expired_at = now()
WHERE group_id = $1::text AND expired_at IS NULL AND problem IS NULL AND until <= now()
RETURNING topic, partition::text, "offset"::text, table_name, key, parent, parent_key`

/** Whether this transaction is the one that sweeps a group. */
export const trySweep = (place: Place): string =>
  `SELECT pg_try_advisory_xact_lock('${tableOf(place)}'::regclass::oid::int4, hashtext($1::text))::text, ${boundIdle}`

const millis = (time: string): string => `(extract(epoch FROM ${time}) * 1000)::float8`

/** How many rows wait, are expired, are refused; how long the oldest that waits has. `$1` is a group, or null. */
export const status = (place: Place): string =>
  `SELECT count(*) FILTER (WHERE expired_at IS NULL AND problem IS NULL)::text,
  count(*) FILTER (WHERE expired_at IS NOT NULL AND problem IS NULL)::text,
  count(*) FILTER (WHERE problem IS NOT NULL)::text,
  ${millis("clock_timestamp() - min(since) FILTER (WHERE expired_at IS NULL AND problem IS NULL)")}::text
FROM ${tableOf(place)} WHERE $1::text IS NULL OR group_id = $1::text`

export const list = (place: Place): string =>
  `SELECT id::text, group_id, topic, partition::text, "offset"::text, table_name, key, ${narrowOp},
  parent, parent_key,
  ${millis("since")}::text, ${millis("until")}::text, (expired_at IS NOT NULL)::text, problem
FROM ${tableOf(place)} AS w ORDER BY w.id LIMIT $1::text::integer`

export const ids = (place: Place): string => `SELECT id::text FROM ${tableOf(place)} ORDER BY id`

/** Rows begin to wait again; returns their keys. */
export const again = (place: Place): string =>
  `WITH changed AS (
  UPDATE ${tableOf(place)} SET expired_at = NULL, problem = NULL, until = now() + timeout
  WHERE $1::text IS NULL OR id = ANY($1::text::bigint[]) RETURNING id, group_id, table_name, key
) SELECT id::text, group_id, table_name, key FROM changed ORDER BY changed.id`
