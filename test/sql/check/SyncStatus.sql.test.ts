import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import { SqlClient } from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import { Producer } from "millrace"
import { Change, type Migrations, ModelSync, SourceDatabase, SyncStatus } from "millrace/sql"
import { database } from "../../services/database.ts"
import { runToEnd, world } from "../sync/kit.ts"
import { debeziumTopic } from "../verify/kit.ts"

const table = "CREATE TABLE public.users (id int PRIMARY KEY, name text)"
const Users = debeziumTopic("public.users")
const users = ModelSync.make(Users, { table: "public.users", format: Change.envelope() })

const record = (id: number) => ({ key: { id }, value: { op: "c", before: null, after: { id, name: "a" }, source: {} } })

layer(Layer.merge(world([table]), SourceDatabase.layer(database([table]))))("SyncStatus.read", (it) => {
  it.effect("tells how far each partition is stored, and what slots keep, also as metrics", () =>
    Effect.gen(function*() {
      yield* Producer.sendAll(Users, [record(1), record(2)])
      yield* runToEnd(ModelSync.handler(users), "status")
      yield* Producer.sendAll(Users, [record(3), record(4), record(5)])
      const source = yield* SourceDatabase.Service
      const slot = "status_slot"
      yield* source.unsafe(`SELECT slot_name::text FROM pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
      yield* Effect.gen(function*() {
        const { outbox, partitions, slots } = yield* SyncStatus.read([users])
        // A partition whose records were never stored lags behind by all of them.
        const sum = (of: "next" | "end" | "lag") => partitions.reduce((total, one) => total + (one[of] ?? 0), 0)
        assert.deepStrictEqual([sum("next"), sum("end"), sum("lag")], [2, 5, 3])
        assert.isTrue(partitions.every(({ group, topic }) => group === "status" && topic === "shop.public.users"))
        assert.deepStrictEqual([outbox?.waiting, outbox?.parked], [0, 0])
        assert.deepStrictEqual(slots.map(({ isActive, name, walStatus }) => [name, isActive, walStatus]), [
          [slot, false, "reserved"]
        ])
        assert.isAtLeast(slots[0]!.retainedBytes!, slots[0]!.lagBytes!)
        const metrics = yield* Metric.snapshot
        const named = (name: string) => metrics.filter(({ id }) => id === name)
        assert.deepStrictEqual(named("millrace_slot_active").map(({ attributes }) => attributes), [{ slot }])
        assert.isAbove(named("millrace_sync_lag").length, 0)
        assert.strictEqual(named("millrace_slot_retained_bytes").length, 1)
      }).pipe(Effect.ensuring(Effect.ignore(source.unsafe(`SELECT pg_drop_replication_slot('${slot}')`))))
    }))

  it.effect("is read again after a bug of a client ended a look", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      let asked = 0
      const broken = Object.assign((...args: Parameters<typeof sql>) => sql(...args), sql, {
        unsafe: () => {
          asked++
          throw new Error("a bug")
        }
      })
      yield* Effect.forkScoped(
        Layer.launch(SyncStatus.layer([users], { every: "1 minute" })).pipe(Effect.provideService(SqlClient, broken))
      )
      while (asked < 2) {
        yield* TestClock.adjust("1 minute")
        yield* TestClock.withLive(Effect.sleep("1 millis"))
      }
    }), 10_000)

  it.effect("says which of Millrace's tables is missing, and refuses options that it does not have", () =>
    Effect.gen(function*() {
      const { reason } = yield* Effect.flip(SyncStatus.read([users], { prefix: "none_" }))
      assert.strictEqual(reason._tag, "NotMigrated")
      assert.throws(() => SyncStatus.read([users], { prefx: "a" } as Migrations.Options), /did you mean "prefix"/)
    }))
})
