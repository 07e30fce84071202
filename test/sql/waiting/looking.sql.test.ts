/** Rows that wait long, are refused, and what is done about them. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { SqlClient } from "effect/sql/SqlClient"
import { Consumer, Health, OnFailure } from "millrace"
import { ModelSync, Waiting } from "millrace/sql"
import { runToEnd, world } from "../sync/kit.ts"
import { customer, fresh, notes, order, send, statements, synced, until } from "./kit.ts"

layer(world(statements), { excludeTestServices: true })("rows that wait", (it) => {
  it.effect("are released by the sweep when their parent comes by another way, and expire when it does not", () =>
    Effect.gen(function*() {
      yield* fresh
      const sql = yield* SqlClient
      const { sync, topic } = synced("swept.orders")
      yield* send(topic, order(1, 1, "swept"))
      const group = "swept"
      const running = yield* Effect.forkChild(
        Consumer.run(Consumer.make(group, {
          offsetReset: "earliest",
          onFailure: OnFailure.stop,
          handlers: [ModelSync.handler(sync, { sweep: "20 millis" })]
        }))
      )
      yield* until(Effect.map(Waiting.status(), ({ waiting }) => waiting === 1))
      yield* sql`INSERT INTO customers (id) VALUES (1)`
      yield* until(Effect.map(notes, (rows) => rows.length === 1))
      yield* send(topic, order(2, 2, "late"))
      yield* until(Effect.map(Waiting.status(), ({ waiting }) => waiting === 1))
      yield* sql`UPDATE millrace.waiting SET until = now()`
      yield* until(Effect.map(Waiting.status(), ({ expired }) => expired === 1))
      const hints = Effect.map(Health.all, (all) => all.find((one) => one.group === group)!)
      yield* until(Effect.map(hints, (health) => health.hints.length === 1))
      assert.isTrue((yield* hints).healthy)
      assert.match((yield* hints).hints[0]!, /1 rows waited too long/)
      const [expired] = yield* Waiting.list()
      assert.deepInclude(expired, { topic: "swept.orders", partition: 0, offset: 1, key: "2", state: "expired" })
      // An expired row is still the first of its key, and comes when its parent does.
      const customers = synced("swept.customers")
      yield* send(customers.topic, customer(2))
      yield* runToEnd(ModelSync.handler(customers.sync))
      assert.deepStrictEqual(yield* notes, ["1 swept", "2 late"])
      yield* until(Effect.map(hints, (health) => health.hints.length === 0))
      yield* sql`ALTER TABLE millrace.waiting RENAME TO away`
      yield* until(Effect.map(hints, (health) => health.hints.length === 1))
      assert.match((yield* hints).hints[0]!, /cannot be looked at: relation "millrace.waiting" does not exist/)
      yield* sql`ALTER TABLE millrace.away RENAME TO waiting`
      yield* until(Effect.map(hints, (health) => health.hints.length === 0))
      yield* Fiber.interrupt(running)
    }))

  it.effect("are shown, taken up and released though no driver takes them in one message", () =>
    Effect.gen(function*() {
      yield* fresh
      const sql = yield* SqlClient
      yield* sql`ALTER TABLE orders ALTER note TYPE text`
      const [orders, customers] = [synced("wide.orders"), synced("wide.customers")]
      yield* send(orders.topic, order(1, 1, "wide"))
      yield* runToEnd(ModelSync.handler(orders.sync), "wide")
      yield* sql`UPDATE millrace.waiting SET op = replace(op, '"wide"', '"' || repeat('x', 16800000) || '"')`
      assert.strictEqual((yield* Waiting.list())[0]!.cells["note"]!.length, 16_800_000)
      // The column that it leaves out is in the row that waits.
      const { note: _, ...later } = { ...order(1, 1), total: 2 }
      yield* send(orders.topic, later)
      yield* runToEnd(ModelSync.handler(orders.sync), "wide")
      yield* send(customers.topic, customer(1))
      yield* runToEnd(ModelSync.handler(customers.sync))
      assert.deepStrictEqual(yield* sql`SELECT length(note) AS length, total FROM orders`, [
        { length: 16_800_000, total: 2 }
      ])
      yield* sql`TRUNCATE orders`
      yield* sql`ALTER TABLE orders ALTER note TYPE varchar(8)`
    }))

  it.effect("that the database refuses for another reason hold up neither their parent nor other rows", () =>
    Effect.gen(function*() {
      yield* fresh
      const sql = yield* SqlClient
      const orders = synced("poison.orders")
      const customers = synced("poison.customers")
      for (let id = 1; id <= 5; id++) yield* send(orders.topic, order(id, 1, id === 3 ? "far too long" : "ok"))
      yield* runToEnd(ModelSync.handler(orders.sync))
      yield* send(customers.topic, customer(1))
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(customers.sync)), [])
      assert.deepStrictEqual(yield* notes, ["1 ok", "2 ok", "4 ok", "5 ok"])
      const [refused] = yield* Waiting.list()
      assert.deepInclude(refused, { key: "3", state: "refused" })
      assert.include(refused!.problem!, "too long")
      // The table is repaired, then the row may come.
      yield* sql`ALTER TABLE orders ALTER note TYPE text`
      assert.deepStrictEqual(yield* Waiting.retry([refused!.id]), { found: 1, left: 0 })
      assert.strictEqual((yield* notes)[2], "3 far too long")
      yield* sql`ALTER TABLE orders ALTER note TYPE varchar(8) USING left(note, 8)`
    }))

  it.effect("may be dropped, and begin to wait again", () =>
    Effect.gen(function*() {
      yield* fresh
      const sql = yield* SqlClient
      const orders = synced("looked.orders", { waitFor: { parents: "constraints", timeout: "1 day" } })
      for (const id of [1, 2, 3]) yield* send(orders.topic, order(id, id, "x"))
      yield* runToEnd(ModelSync.handler(orders.sync))
      const [first, second, third] = yield* Waiting.list()
      assert.strictEqual(first!.until - first!.since, 86_400_000)
      assert.strictEqual(yield* Waiting.drop([second!.id, "999999"]), 1)
      yield* sql`UPDATE millrace.waiting SET expired_at = now()`
      assert.strictEqual((yield* Waiting.status()).expired, 2)
      yield* sql`INSERT INTO customers (id) VALUES (3)`
      assert.deepStrictEqual(yield* Waiting.retry("all"), { found: 2, left: 1 })
      assert.deepStrictEqual(yield* notes, ["3 x"])
      assert.deepInclude(yield* Waiting.status(), { waiting: 1, expired: 0 })
      assert.deepStrictEqual((yield* Waiting.list()).map(({ id }) => id), [first!.id])
      assert.isFalse([first!.id, second!.id].includes(third!.id))
      for (const ids of [["x"], "17", undefined] as ReadonlyArray<ReadonlyArray<string>>) {
        assert.strictEqual((yield* Effect.flip(Waiting.drop(ids))).reason._tag, "InvalidSetting")
        assert.strictEqual((yield* Effect.flip(Waiting.retry(ids))).reason._tag, "InvalidSetting")
      }
    }))

  it.effect("belong to settings that fit the table", () =>
    Effect.gen(function*() {
      const check = (waitFor: ModelSync.TableSettings["waitFor"]) =>
        Effect.flip(ModelSync.check(synced("wrong.orders", { waitFor }).sync))
      const cases = [
        [{ columns: ["buyer"], table: "public.customers" }, "buyer"],
        [{ columns: ["customer"], table: "public.nope" }, "public.nope"],
        [{ columns: ["customer"], table: "public.customers", references: ["name"] }, "is no key"],
        [{ columns: ["customer"], table: "public.rooms" }, "pairs 1 columns with 2"]
      ] as const
      for (const [parent, words] of cases) assert.include((yield* check({ parents: [parent] })).message, words)
      const bad: ReadonlyArray<readonly [object, RegExp]> = [
        [{ parents: [] }, /parents is empty/],
        [{ timeout: "1 hour" }, /parents is missing/],
        [{ parents: "constraint" }, /parents/],
        [{ parents: [{ column: "a", table: "b" }] }, /column/],
        [{ parents: [{ columns: ["a"], table: "b", references: ["a", "b"] }] }, /cannot refer/]
      ]
      for (const [waitFor, words] of bad) {
        assert.throws(() => synced("wrong.orders", { waitFor: waitFor as any }), words)
      }
    }))
})
