/**
 * Topics into tables and back: tables as the database describes them, and what keeps them like topics, exactly once.
 * Everything runs on Effect's `SqlClient`, over PostgreSQL or PGlite.
 *
 * @stability unstable
 * @since 0.1.0
 */
export * as Change from "./sql/Change.ts"
export * as LoopGuard from "./sql/LoopGuard.ts"
export * as Migrations from "./sql/Migrations.ts"
export * as ModelSync from "./sql/ModelSync.ts"
export * as Outbox from "./sql/Outbox.ts"
export * as OutboxRelay from "./sql/OutboxRelay.ts"
export * as RowVersion from "./sql/RowVersion.ts"
export * as SourceDatabase from "./sql/SourceDatabase.ts"
export * as SqlKeyOffsets from "./sql/SqlKeyOffsets.ts"
export * as SyncCheck from "./sql/SyncCheck.ts"
export * as SyncConnector from "./sql/SyncConnector.ts"
export * as SyncError from "./sql/SyncError.ts"
export * as SyncStatus from "./sql/SyncStatus.ts"
export * as Table from "./sql/Table.ts"
export * as Verify from "./sql/Verify.ts"
export * as Waiting from "./sql/Waiting.ts"
