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
  exists: `SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relname = $2::text`,
  latest: (table: string) => `SELECT coalesce(max(migration_id), 0)::text FROM ${table}`
}
