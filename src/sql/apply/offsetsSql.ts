/** The tables of offsets and of deleted keys: how far each partition is stored, and who may store it. Pure. */
import { ownTable, type Place } from "../tables/ownTables.ts"

/** Half of each page stays free, so that updates need no new entry in the index. */
export const createOffsets = (place: Place): ReadonlyArray<string> => [
  `CREATE TABLE ${ownTable(place, "offsets")} (
  group_id text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  next bigint,
  owner text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (group_id, topic, partition)
) WITH (fillfactor = 50)`
]

/** Deleted keys with their versions, so that an older event does not bring a row back. */
export const createDeleted = (place: Place): ReadonlyArray<string> => [
  `CREATE TABLE ${ownTable(place, "deleted")} (
  table_name text NOT NULL,
  key text NOT NULL,
  version numeric NOT NULL,
  deleted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (table_name, key)
)`,
  `CREATE INDEX ON ${ownTable(place, "deleted")} (table_name, deleted_at)`
]

/**
 * Gives partitions a new owner and returns where they go on. It waits for a transaction of the former owner,
 * which holds the row, so what is returned is what that one stored.
 */
export const claim = (place: Place): string =>
  `INSERT INTO ${ownTable(place, "offsets")} AS o (group_id, topic, partition, owner)
SELECT $1::text, s.topic, s.partition, gen_random_uuid()::text
FROM unnest($2::text::text[], $3::text::integer[]) AS s(topic, partition)
ON CONFLICT (group_id, topic, partition) DO UPDATE SET owner = excluded.owner, updated_at = now()
RETURNING topic, partition::text, owner, next::text`

/**
 * Ends the session, and its transaction, that waits for its client for a minute: a network may have lost that without
 * a word, and the rows that it has locked are somebody else's to write by then. A term of a SELECT.
 */
export const boundIdle = "set_config('idle_in_transaction_session_timeout', '60000', true)"

/** Stores an offset, if `$5` still owns the partition; `$6` is the owner from here on. Says whether any row waits. */
export const store = (place: Place): string =>
  `UPDATE ${ownTable(place, "offsets")} SET next = $4::text::bigint, owner = $6::text, updated_at = now()
WHERE group_id = $1::text AND topic = $2::text AND partition = $3::text::integer AND owner = $5::text
RETURNING EXISTS (SELECT 1 FROM ${ownTable(place, "waiting")})::text, ${boundIdle}`

/** Who owns a partition. */
export const ownerOf = (place: Place): string =>
  `SELECT owner FROM ${ownTable(place, "offsets")}
WHERE group_id = $1::text AND topic = $2::text AND partition = $3::text::integer`

/** Forgets deleted keys of a table that are older than `$2` seconds. */
export const forget = (place: Place): string =>
  `DELETE FROM ${ownTable(place, "deleted")}
WHERE table_name = $1::text AND deleted_at < now() - make_interval(secs => $2::text::float8)`

/** Fails where the table of deleted keys is missing. */
export const hasDeleted = (place: Place): string => `SELECT 1 FROM ${ownTable(place, "deleted")} LIMIT 0`
