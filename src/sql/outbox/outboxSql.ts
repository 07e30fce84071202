/**
 * The statements of the outbox. A writer of a key takes its lock, then a transaction id, then the row's id, and keeps
 * the lock until the commit: so ids of one key are in the order of their commits, and a row whose id is drawn has a
 * transaction that snapshots know.
 */
import { ownTable, type Place } from "../tables/ownTables.ts"
import { shards, strays } from "./shards.ts"
import { walPrefix } from "./walMessages.ts"

const tableOf = (place: Place): string => ownTable(place, "outbox")

/** The first key of the locks of an outbox, and the sequence of its ids. */
const lockSpace = (place: Place): string => `'${tableOf(place)}'::regclass::oid::int4`
const sequenceOf = (place: Place): string => ownTable(place, "outbox_id_seq")

export const createOutbox = (place: Place): ReadonlyArray<string> => [
  `CREATE SEQUENCE ${sequenceOf(place)} AS bigint CACHE 1`,
  `CREATE TABLE ${tableOf(place)} (
  id bigint PRIMARY KEY DEFAULT nextval('${sequenceOf(place)}'),
  shard smallint NOT NULL,
  topic text NOT NULL,
  partition integer,
  key bytea,
  value bytea,
  headers jsonb,
  timestamp bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  parked_at timestamptz,
  problem text
)`,
  `ALTER SEQUENCE ${sequenceOf(place)} OWNED BY ${tableOf(place)}.id`,
  `CREATE INDEX ON ${tableOf(place)} (shard, id) WHERE parked_at IS NULL`,
  `CREATE INDEX ON ${tableOf(place)} (parked_at) WHERE parked_at IS NOT NULL`
]

/** Parameters: see `rows.parametersOf`. Locks are taken in their order, so two writers of several keys do not cross. */
export const insert = (place: Place): string =>
  `WITH locked AS MATERIALIZED (
  SELECT pg_advisory_xact_lock(${lockSpace(place)}, lock) FROM (
    SELECT lock FROM unnest($1::text::int4[]) AS l(lock) ORDER BY lock
  ) AS sorted
), ready AS MATERIALIZED (SELECT count(*) AS n, pg_current_xact_id() AS xid FROM locked)
INSERT INTO ${tableOf(place)} (shard, topic, partition, key, value, headers, timestamp)
SELECT shard, topic, partition, key, value, headers, timestamp FROM (
  SELECT m.* FROM ready, unnest(
    $2::text::int2[], $3::text::text[], $4::text::int4[], $5::text::bytea[], $6::text::bytea[], $7::text::jsonb[],
    $8::text::int8[]
  ) WITH ORDINALITY AS m(shard, topic, partition, key, value, headers, timestamp, place)
  WHERE ready.xid IS NOT NULL ORDER BY m.place
) AS sorted RETURNING id::text`

/** The messages as logical messages of the log, without a table. */
export const emit = `WITH locked AS MATERIALIZED (
  SELECT pg_advisory_xact_lock(hashtext('${walPrefix}'), lock) FROM (
    SELECT lock FROM unnest($1::text::int4[]) AS l(lock) ORDER BY lock
  ) AS sorted
), ready AS MATERIALIZED (SELECT count(*) FROM locked)
SELECT pg_logical_emit_message(true, '${walPrefix}', content)::text
FROM (SELECT m.* FROM ready, unnest($2::text::text[]) WITH ORDINALITY AS m(content, place) ORDER BY m.place) AS sorted`

/** Returns how many were deleted. */
export const remove = (place: Place): string =>
  `WITH gone AS (DELETE FROM ${tableOf(place)} WHERE id = ANY($1::text::int8[]) RETURNING 1)
SELECT count(*)::int4 FROM gone`

/**
 * The transaction that publishes: under another isolation it would see rows that another relay has deleted, and where
 * nothing may be written, what was published could not be deleted.
 */
export const begin = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE"

/** How long a relay whose machine is gone holds its shards, in milliseconds. */
const idleMillis = 600_000

/** How long a statement of a relay may take, in milliseconds. */
export const statementMillis = 60_000

const mayPublish = (place: Place): string =>
  ["SELECT", "DELETE", "UPDATE"].map((right) => `has_table_privilege('${quotedIn(place)}', '${right}')`).join(" AND ")

const quotedIn = (place: Place): string => tableOf(place).replaceAll("'", "''")

/**
 * Whether this transaction is the one that publishes a queue, until it ends, and may delete what it publishes; then
 * what `end` needs to end it. The settings of a server are for others: a transaction that the server ends while the
 * broker has the messages publishes them again and again.
 */
export const tryShard = (place: Place, isReceipted: boolean): string =>
  `SELECT pg_try_advisory_xact_lock(${lockSpace(place)}, -1 - $1::int4), ${mayPublish(place)},
  pg_backend_pid(), extract(epoch FROM now())::text,
  set_config('idle_in_transaction_session_timeout', '${idleMillis}', true),
  set_config('statement_timeout', '${statementMillis}', true), set_config('lock_timeout', '0', true),
  CASE WHEN current_setting('transaction_timeout', true) IS NOT NULL
    THEN set_config('transaction_timeout', '0', true) END${isReceipted ? durably : ""}`

/**
 * A receipt is of one transaction, and the next one replaces it: the deletion that makes it obsolete may not get lost
 * when the server crashes.
 */
const durably = `,
  CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END`

/**
 * Ends a transaction whose connection was lost, with its session: the server may not know yet, and keeps its locks. A
 * role may end what is its own.
 */
export const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid = $1::int4 AND extract(epoch FROM xact_start)::text = $2::text`

/** Whether this role may publish, and as whom. */
export const rights = (place: Place): string => `SELECT ${mayPublish(place)}, quote_ident(current_user)`

/**
 * The first row of queue `n - 1` with these shards. A range, and the order of the index: for one shard, or without an
 * order, the planner may read the whole table by another index, also the rows that were deleted.
 */
const firstRow = (place: Place, ofStrays: boolean, shards: string): string =>
  `(SELECT id, topic, created_at FROM ${tableOf(place)} WHERE n ${ofStrays ? ">" : "<="} ${strays} AND ${shards}
    AND id >= low AND parked_at IS NULL ORDER BY shard, id LIMIT 1)`

/** The first row of each queue, by a parameter of the lowest id that each may have; of the strays up to two. */
const firstRows = (place: Place): string =>
  `unnest($1::text::int8[]) WITH ORDINALITY AS s(low, n), LATERAL (
  ${firstRow(place, false, "shard BETWEEN n - 1 AND n - 1")}
  UNION ALL ${firstRow(place, true, `shard >= ${shards}`)}
  UNION ALL ${firstRow(place, true, "shard < 0")}
) AS first`

/** The queues that have rows. */
export const filledQueues = (place: Place): string => `SELECT DISTINCT n - 1 FROM ${firstRows(place)}`

/** The first rows of all queues: the queue, the id, the topic, and how long it has waited, in milliseconds. */
export const firsts = (place: Place): string =>
  `SELECT n - 1, id::text, topic, (extract(epoch FROM clock_timestamp() - created_at) * 1000)::float8
FROM ${firstRows(place)}`

const inQueue = (queue: number): string => queue === strays ? `(shard >= ${shards} OR shard < 0)` : "shard = $1::int2"

/** Larger rows are read in pieces: a driver takes messages of 16 MiB by default. */
export const pieceBytes = 8 * 1_024 * 1_024

const size = `coalesce(octet_length(key), 0)::int8 + coalesce(octet_length(value), 0)
    + coalesce(octet_length(headers::text), 0)`

/** What `rows.rowOf` reads, without what is too large; then whether it is. */
const narrow = `id::text AS digits, topic, partition, CASE WHEN size <= ${pieceBytes} THEN key END,
  CASE WHEN size <= ${pieceBytes} THEN value END, CASE WHEN size <= ${pieceBytes} THEN headers::text END,
  timestamp::text, size > ${pieceBytes}`

/** The lowest 40 bits of the microseconds at which a row was written; of `infinity`, too. */
const stamp = "('x' || encode(substring(timestamptz_send(o.created_at) FROM 4), 'hex'))::bit(40)::int8"

/**
 * The oldest rows of a queue, not of some topics; bounded by number and bytes, but at least one. The last cells say
 * whether nothing is behind the row, and when it was written, for receipts.
 */
export const select = (place: Place, queue: number, isReceipted: boolean): string =>
  `SELECT ${narrow}, is_last${isReceipted ? ", stamp" : ""} FROM (
  SELECT o.*, size, sum(size) OVER w - size AS before, lead(id) OVER w IS NULL AS is_last${
    isReceipted ? `, ${stamp}::text AS stamp` : ""
  }
  FROM ${tableOf(place)} AS o, LATERAL (SELECT ${size} AS size) AS s
  WHERE ${inQueue(queue)} AND id >= $2::text::int8 AND parked_at IS NULL AND topic <> ALL($4::text::text[])
  WINDOW w AS (ORDER BY id ROWS UNBOUNDED PRECEDING) ORDER BY id LIMIT $3::int4
) AS oldest WHERE before = 0 OR before + size <= $5::int8 ORDER BY id`

/** How many bytes the large columns of a row have. */
export const lengths = (place: Place): string =>
  `SELECT octet_length(key), octet_length(value), octet_length(headers::text) FROM ${tableOf(place)}
WHERE id = $1::text::int8`

/** A piece of a large column of a row: `$2` is where it begins, from 1. */
export const piece = (place: Place, column: "key" | "value" | "headers"): string => {
  const bytes = column === "headers" ? "convert_to(headers::text, 'UTF8')" : column
  return `SELECT substring(${bytes} FROM $2::int4 FOR ${pieceBytes}) FROM ${tableOf(place)} WHERE id = $1::text::int8`
}

/** Deletes the rows of a receipt that are still there. Returns how many there were, and how many were deleted. */
export const removeReceipted = (place: Place): string =>
  `WITH there AS MATERIALIZED (
  SELECT o.id FROM unnest($1::text::int8[], $2::text::int8[]) AS r(id, stamp)
  JOIN ${tableOf(place)} AS o ON o.id = r.id AND ${stamp} = r.stamp
), gone AS (DELETE FROM ${tableOf(place)} WHERE id IN (SELECT id FROM there) RETURNING 1)
SELECT (SELECT count(*) FROM there)::int4, (SELECT count(*) FROM gone)::int4`

/** Whether the table is there. */
export const probe = (place: Place): string => `SELECT 1 FROM ${tableOf(place)} LIMIT 1`

export const park = (place: Place): string =>
  `UPDATE ${tableOf(place)} AS o SET parked_at = clock_timestamp(), problem = p.problem
FROM unnest($1::text::int8[], $2::text::text[]) AS p(id, problem) WHERE o.id = p.id`

/** To be read one after the other: an id below the first has a transaction that the second knows. */
export const lastId = (place: Place): string => `SELECT last_value::text FROM ${sequenceOf(place)}`
export const running =
  "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, pg_snapshot_xmax(pg_current_snapshot())::text"

/** How many rows wait, since when, and how many are parked. */
export const status = (place: Place): string =>
  `SELECT count(*) FILTER (WHERE parked_at IS NULL)::text, count(*) FILTER (WHERE parked_at IS NOT NULL)::text,
  (extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE parked_at IS NULL)) * 1000)::float8
FROM ${tableOf(place)}`

export const parked = (place: Place): string =>
  `SELECT ${narrow}, (extract(epoch FROM parked_at) * 1000)::float8, problem
FROM ${tableOf(place)}, LATERAL (SELECT ${size} AS size) AS s WHERE parked_at IS NOT NULL ORDER BY id LIMIT $1::int4`

/** Parked rows as they are shown: the values, which are often the problem, are not read. */
export const parkedLines = (place: Place): string =>
  `SELECT id::text AS digits, topic, partition, substring(key FOR 1024), coalesce(octet_length(value), 0)::int4,
  (extract(epoch FROM parked_at) * 1000)::float8, problem
FROM ${tableOf(place)} WHERE parked_at IS NOT NULL ORDER BY id LIMIT $1::int4`

export const parkedIds = (place: Place): string =>
  `SELECT id::text AS digits FROM ${tableOf(place)} WHERE parked_at IS NOT NULL ORDER BY id`

/** A parked row gets a new id: relays no longer look below the ids that they have finished. */
export const unpark = (place: Place): string =>
  `WITH gone AS (DELETE FROM ${tableOf(place)} WHERE parked_at IS NOT NULL AND id = ANY($1::text::int8[]) RETURNING *)
INSERT INTO ${tableOf(place)} (shard, topic, partition, key, value, headers, timestamp)
SELECT shard, topic, partition, key, value, headers, timestamp FROM (SELECT * FROM gone ORDER BY id) AS sorted
RETURNING id::text`

export const drop = (place: Place): string =>
  `DELETE FROM ${tableOf(place)} WHERE parked_at IS NOT NULL AND id = ANY($1::text::int8[]) RETURNING id::text`
