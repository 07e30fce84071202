/**
 * Two databases that are written on both sides, and a sync each way, without Kafka: what a connector would send is
 * noted by a trigger, and is stored as a sync stores it, in whatever order a test wants.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { Headers, Record } from "millrace"
import { Change, LoopGuard, Migrations, RowVersion } from "millrace/sql"
import { optimistically } from "../../../src/sql/apply/carefully.ts"
import { prepare } from "../../../src/sql/sync/preparing.ts"
import { load, type Mappings, type Parts } from "../../../src/sql/sync/syncTables.ts"
import { client, makeDatabase } from "../../services/database.ts"

/** How what a sync writes is told from what others write. */
export type Guard = "origin" | "column"

const whole = ["CREATE TABLE items (id int PRIMARY KEY, name text, amount numeric(10, 2))"]

/** Partitions, and a trigger by which a program's update gives rows another key, and with it another partition. */
const parted = [
  `${whole[0]} PARTITION BY HASH (id)`,
  ...[0, 1, 2].map((part) =>
    `CREATE TABLE items_${part} PARTITION OF items FOR VALUES WITH (MODULUS 3, REMAINDER ${part})`
  ),
  `CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NOT EXISTS (SELECT FROM items WHERE id = OLD.id / 10 * 10 + 3) THEN NEW.id := OLD.id / 10 * 10 + 3; END IF;
    RETURN NEW; END $$`,
  `CREATE TRIGGER zzz BEFORE UPDATE ON items FOR EACH ROW WHEN (NEW.amount IS DISTINCT FROM OLD.amount
    AND coalesce(current_setting('millrace.sync', true), '') <> 'on') EXECUTE FUNCTION away()`
]

const noting = [
  "CREATE TABLE log (n int GENERATED ALWAYS AS IDENTITY, before jsonb, after jsonb, synced boolean)",
  `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO log (before, after, synced) VALUES (
      CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END,
      coalesce(current_setting('millrace.sync', true), '') = 'on'
    );
    RETURN NULL; END $$`,
  "CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON items FOR EACH ROW EXECUTE FUNCTION note()"
]

/** A row of the table. */
export interface Row {
  readonly id: number
  readonly name: string | null
  readonly amount: number | null
  readonly row_version: number
  readonly kafka_skip?: boolean
}

/** A record of Debezium's. */
export interface Event {
  readonly key: { readonly id: number } | { readonly shop: number }
  readonly value: {
    readonly op: string
    readonly before: Row | null
    readonly after: Row | null
    readonly source: unknown
  }
  readonly headers: { readonly [name: string]: string }
  /** Whether a sync has written it. */
  readonly synced: boolean
}

/**
 * The events of a write: a change of a key is a deletion and a creation. `keyed`: whether records have the key of rows,
 * and not a column that has the same value in all of them.
 */
const eventsOf = (
  { before, after, synced }: { readonly before: Row | null; readonly after: Row | null; readonly synced: boolean },
  keyed: boolean
): ReadonlyArray<Event> => {
  const origin = synced ? "millrace_test_1" : null
  const source = { connector: "postgresql", schema: "public", table: "items", origin }
  const event = (op: string, from: Row | null, to: Row | null, headers: Event["headers"] = {}): Event => ({
    key: keyed ? { id: (to ?? from)!.id } : { shop: 1 },
    value: { op, before: from, after: to, source },
    headers,
    synced
  })
  if (before === null || after === null) return [event(after === null ? "d" : "c", before, after)]
  if (before.id === after.id || !keyed) return [event("u", before, after)]
  return [
    event("d", before, null, { "__debezium.newkey": JSON.stringify({ id: after.id }) }),
    event("c", null, after, { "__debezium.oldkey": JSON.stringify({ id: before.id }) })
  ]
}

/** A database. */
export interface Side {
  /** Writes as programs and people do. */
  readonly own: SqlClient
  /** Writes as a sync. */
  readonly sync: SqlClient
  readonly parts: Parts
  readonly mappings: Mappings
}

const partsOf = (guard: Guard): Parts => ({
  table: "public.items",
  format: Change.envelope({
    replicaIdentity: "full",
    ...(guard === "origin" ? { ignoreOrigins: ["millrace_*"] } : { skipField: "kafka_skip" })
  }),
  version: { column: "row_version", from: { field: "row_version" } }
})

/** A database whose clock goes ahead by so many seconds. */
export const makeSide = Effect.fnUntraced(function*(guard: Guard, site: number, ahead = 0, isParted = false) {
  const connections = client(yield* makeDatabase, { maxConnections: 4 })
  const own = Context.get(yield* Layer.build(connections), SqlClient)
  const marked = LoopGuard.marked.pipe(Layer.provide(Layer.succeed(SqlClient, own)))
  const sync = Context.get(yield* Layer.build(marked), SqlClient)
  const parts = partsOf(guard)
  const mappings = yield* Effect.gen(function*() {
    for (const statement of [...(isParted ? parted : whole), ...noting]) yield* own.unsafe(statement)
    yield* Migrations.run()
    yield* RowVersion.add("public.items", { site })
    if (guard === "column") yield* LoopGuard.addSkipColumn("public.items")
    if (ahead !== 0) {
      const [row] = yield* own`SELECT pg_get_functiondef('millrace_version_items'::regproc)`.values
      yield* own.unsafe(
        String(row![0]).replaceAll("clock_timestamp()", `(clock_timestamp() + interval '${ahead} seconds')`)
      )
    }
    return yield* load("test", parts, {})
  }).pipe(Effect.provideService(SqlClient, own))
  return { own, sync, parts, mappings } satisfies Side
})

/** The events of what was written since the last time. */
export const noted = ({ own }: Side, keyed = true) =>
  Effect.map(
    own`WITH gone AS (DELETE FROM log RETURNING *) SELECT before::text, after::text, synced FROM gone ORDER BY n`
      .values,
    (rows) =>
      rows.flatMap(([before, after, synced]) => {
        const [from, to] = [before, after].map((text) => text === null ? null : JSON.parse(String(text)) as Row)
        return eventsOf({ before: from!, after: to!, synced: synced === true }, keyed)
      })
  )

/** Stores events at a side in one transaction, as a sync does. */
export const store = Effect.fnUntraced(function*({ mappings, parts, sync }: Side, events: ReadonlyArray<Event>) {
  const records = events.map(({ headers, key, value }, offset) => {
    const place = { topic: "t", partition: 0, offset, timestamp: 0, timestampType: undefined, leaderEpoch: undefined }
    const raw = { ...place, size: 0, key: null, value: null, headers: Headers.fromInput(headers) }
    const record = Record.fromRaw(raw, key, value, undefined)
    return { raw, decoded: () => record }
  })
  const { ops, refusals: [refusal] } = yield* prepare<never>("test", { ...parts, suppress: true }, mappings, records, 0)
  if (refusal !== undefined) return yield* Effect.die(Cause.squash(refusal.cause))
  if (ops.length > 0) yield* sync.withTransaction(optimistically(sync, ops, 0))
})

/** The rows of a side with keys of a range, without what differs from side to side. */
export const rowsOf = ({ own }: Side, from = 0, to = 2_147_483_647) =>
  Effect.map(
    own`SELECT (to_jsonb(t) - 'kafka_skip')::text FROM items t WHERE id BETWEEN ${from} AND ${to} ORDER BY id`.values,
    (rows) => rows.map(([row]) => JSON.parse(String(row)) as Row)
  )
