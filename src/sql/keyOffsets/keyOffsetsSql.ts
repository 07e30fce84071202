/** The table of the latest offset of each key. */
import { ownTable, type Place } from "../tables/ownTables.ts"

const tableOf = (place: Place): string => ownTable(place, "key_offsets")

/** Half of each page stays free, so that updates need no new entry in the index. */
export const createKeyOffsets = (place: Place): ReadonlyArray<string> => [
  `CREATE TABLE ${tableOf(place)} (
  topic text NOT NULL,
  key bytea NOT NULL,
  partition integer NOT NULL,
  "offset" bigint NOT NULL,
  PRIMARY KEY (topic, key)
) WITH (fillfactor = 50)`
]

/** In the order of the keys: two that write the same ones do not cross. */
export const observe = (place: Place): string =>
  `INSERT INTO ${tableOf(place)} AS known (topic, key, partition, "offset")
SELECT * FROM unnest($1::text::text[], $2::text::bytea[], $3::text::int4[], $4::text::int8[])
  AS seen(topic, key, partition, "offset") ORDER BY topic, key
ON CONFLICT (topic, key) DO UPDATE SET partition = excluded.partition, "offset" = excluded."offset"
WHERE known.partition <> excluded.partition OR known."offset" < excluded."offset"`

export const latest = (place: Place): string =>
  `SELECT partition, "offset"::text FROM ${tableOf(place)} WHERE topic = $1::text AND key = $2::text::bytea`

export const forget = (place: Place): string => `DELETE FROM ${tableOf(place)} WHERE topic = $1::text`
