/**
 * PostgreSQL within the process, by PGlite. Needs `@electric-sql/pglite` and `@effect/sql-pg`.
 *
 * @stability unstable
 * @since 0.1.0
 */
export * as PgliteClient from "./sql/PgliteClient.ts"
