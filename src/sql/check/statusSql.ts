/** How far syncs are. */
import { ownTable, type Place } from "../tables/ownTables.ts"

/** How far each partition of these topics is stored: `$1` is an array of names. */
export const offsets = (place: Place): string =>
  `SELECT group_id, topic, partition::text, next::text,
  (extract(epoch FROM now() - updated_at) * 1000)::bigint::text
FROM ${ownTable(place, "offsets")} WHERE topic = ANY($1::text::text[]) ORDER BY group_id, topic, partition`

/** Whether there is a table, by its quoted name. */
export const exists = "SELECT (to_regclass($1::text) IS NOT NULL)::text"

/** How many records wait for others. */
export const waiting = (place: Place): string => `SELECT count(*)::text FROM ${ownTable(place, "waiting")}`
