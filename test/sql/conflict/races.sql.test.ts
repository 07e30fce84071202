/**
 * A sync and others who write the same keys in transactions that overlap: none sees what the other has not committed.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { SqlClient } from "effect/sql/SqlClient"
import { type Event, makeSide, type Row, rowsOf, type Side, store } from "./sides.ts"

const source = { connector: "postgresql", schema: "public", table: "items", origin: null }

const row = (id: number, version: number, name = `version ${version}`): Row => ({
  id,
  name,
  amount: null,
  row_version: version
})

const event = (op: string, before: Row | null, after: Row | null, headers: Event["headers"] = {}): Event => ({
  key: { id: (after ?? before)!.id },
  value: { op, before, after, source },
  headers,
  synced: false
})

const created = (after: Row) => event("c", null, after)
const deleted = (before: Row) => event("d", before, null)
const moved = (before: Row, id: number) => event("d", before, null, { "__debezium.newkey": JSON.stringify({ id }) })

/** Stores events while a transaction is open that did something before: they are done, or wait for its end. */
const during = (
  side: Side,
  transaction: SqlClient,
  first: Effect.Effect<unknown, unknown>,
  events: ReadonlyArray<Event>
) =>
  Effect.gen(function*() {
    const storing = yield* transaction.withTransaction(Effect.gen(function*() {
      yield* first
      // A fiber of its own has no part in this transaction.
      const fiber = Effect.runFork(store(side, events))
      yield* Effect.repeat(
        Effect.andThen(
          // A transaction sees all sessions as they were when it first looked.
          side.own`SELECT pg_stat_clear_snapshot()`,
          side.own`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
        ),
        { until: (rows) => rows.length > 0 || fiber.pollUnsafe() !== undefined }
      )
      return fiber
    }))
    yield* Fiber.join(storing)
  })

for (const guard of ["origin", "column"] as const) {
  it.live(
    `an older write brings back no row that is being deleted, or is getting another key (${guard})`,
    () =>
      Effect.gen(function*() {
        const side = yield* makeSide(guard, 0)
        const { own, sync } = side
        yield* sync`INSERT INTO items (id, row_version) VALUES (1, 100), (2, 100)`
        yield* during(side, own, own`DELETE FROM items WHERE id = 1`, [created(row(1, 50))])
        assert.deepStrictEqual((yield* rowsOf(side)).map(({ id }) => id), [2])
        yield* during(side, own, own`UPDATE items SET id = 3 WHERE id = 2`, [created(row(2, 50)), created(row(4, 50))])
        assert.deepStrictEqual((yield* rowsOf(side)).map(({ id }) => id), [3, 4])
        // One that the deletion had not seen is stored.
        yield* during(side, own, own`DELETE FROM items WHERE id = 4`, [created(row(4, 80))])
        assert.deepStrictEqual((yield* rowsOf(side)).map(({ id }) => id), [3, 4])
        const passing = Effect.andThen(own`INSERT INTO items VALUES (5)`, own`DELETE FROM items WHERE id = 5`)
        yield* during(side, own, passing, [moved(row(4, 80), 5)])
        assert.deepStrictEqual((yield* rowsOf(side)).map(({ id }) => id), [3])
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    `a row moves under no key that another partition is writing, and deleting, later (${guard})`,
    () =>
      Effect.gen(function*() {
        const side = yield* makeSide(guard, 0)
        const { sync } = side
        yield* sync`INSERT INTO items (id, row_version) VALUES (1, 100)`
        // Both partitions of a source where the row went from 1 to 2, and was deleted there.
        yield* during(side, sync, store(side, [created(row(2, 200)), deleted(row(2, 200))]), [moved(row(1, 100), 2)])
        assert.deepStrictEqual(yield* rowsOf(side), [])
        yield* sync`INSERT INTO items (id, row_version) VALUES (3, 100)`
        yield* during(side, sync, store(side, [moved(row(3, 100), 4)]), [created(row(4, 200)), deleted(row(4, 200))])
        assert.deepStrictEqual(yield* rowsOf(side), [])
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    `a write and a deletion of other sources end the same, whoever is first (${guard})`,
    () =>
      Effect.gen(function*() {
        const side = yield* makeSide(guard, 0)
        const { sync } = side
        yield* during(side, sync, store(side, [created(row(1, 100))]), [deleted(row(1, 200))])
        yield* during(side, sync, store(side, [deleted(row(2, 200))]), [created(row(2, 100))])
        assert.deepStrictEqual(yield* rowsOf(side), [])
      }).pipe(Effect.scoped),
    60_000
  )
}

it.live(
  "a row stays where it was inserted while its deletion, by a clock that goes ahead, was stored",
  () =>
    Effect.gen(function*() {
      const side = yield* makeSide("origin", 0)
      const ahead = 8 * (Date.now() + 3_600_000)
      yield* during(side, side.own, side.own`INSERT INTO items VALUES (1)`, [deleted(row(1, ahead))])
      assert.deepStrictEqual((yield* rowsOf(side)).map(({ id }) => id), [1])
      // Behind the deletion it is later, and stays by right.
      yield* store(side, [deleted(row(2, ahead))])
      yield* side.own`INSERT INTO items VALUES (2)`
      const later = yield* side.own`SELECT id FROM items WHERE row_version > ${ahead} ORDER BY id`
      assert.deepStrictEqual(later, [{ id: 2 }])
    }).pipe(Effect.scoped),
  60_000
)
