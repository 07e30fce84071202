/** The table of offsets: how far each partition is stored, and who may store it. Pure. */
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
