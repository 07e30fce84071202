/** The schema of Millrace's tables, and which migrations were run. Pure. */
import { quoted } from "../tables/names.ts"
import { type Place, schemaOf } from "../tables/ownTables.ts"

export const existingSchema = "SELECT 1 FROM pg_namespace WHERE nspname = $1::text"

/** Under a lock: two that create the schema at once would collide, `IF NOT EXISTS` or not. */
export const createSchema = (place: Place): ReadonlyArray<string> => [
  "SELECT pg_advisory_xact_lock(hashtext('millrace migrations'))",
  `CREATE SCHEMA IF NOT EXISTS ${quoted(schemaOf(place))}`
]

export const ranMigrations = {
  /** Whether there is a table of this name with the columns that a Migrator gives it. */
  exists: `SELECT c.relkind IN ('r', 'p') AND 2 = (
  SELECT count(*) FROM pg_attribute a
  WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attname IN ('migration_id', 'name'))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relname = $2::text`,
  all: (table: string) => `SELECT migration_id::text, name FROM ${table}`
}
