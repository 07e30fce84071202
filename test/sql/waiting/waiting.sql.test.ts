/** Rows that wait for their parents, at a real PostgreSQL. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Producer, Topic } from "millrace"
import { Change, ModelSync, Waiting } from "millrace/sql"
import { connectTopic, rowsOf, runToEnd, world } from "../sync/kit.ts"
import {
  bury,
  country,
  customer,
  format,
  fresh,
  notes,
  order,
  send,
  statements,
  synced,
  waitingOffsets
} from "./kit.ts"

layer(world(statements), { excludeTestServices: true })("rows that wait for their parents", (it) => {
  it.effect("come in one chunk with their parents, whichever is first, and none of them waits", () =>
    Effect.gen(function*() {
      yield* fresh
      const topic = connectTopic("merged")
      const sync = ModelSync.make(topic, {
        table: "public.orders",
        format,
        waitFor: "constraints",
        tables: { "public.orders": {}, "public.customers": "public.customers", "public.countries": "public.countries" }
      })
      const put = (table: string, value: { readonly id: number }) => {
        const named = { __dbz__physicalTableIdentifier: `shop.public.${table}` }
        return Producer.send(topic, { key: { id: value.id, ...named }, value: { ...value, ...named }, partition: 0 })
      }
      yield* put("orders", order(1, 1, "one"))
      yield* put("customers", customer(1, 7))
      yield* put("countries", country(7))
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync)), [])
      assert.deepStrictEqual(yield* notes, ["1 one"])
      assert.deepStrictEqual(yield* waitingOffsets, [])
    }))

  it.effect("of one table refer to each other in any order, in one chunk and in several", () =>
    Effect.gen(function*() {
      yield* fresh
      const { sync, topic } = synced("chunks.parts")
      const part = (id: number, whole: number | null) => ({ id, whole, name: `p${id}` })
      for (const [id, whole] of [[3, 2], [2, 1], [4, 3], [1, null], [5, 5]] as const) {
        yield* send(topic, part(id, whole))
      }
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync, { maxSize: 1 }), "parts one by one"), [])
      assert.deepStrictEqual((yield* rowsOf("parts")).length, 5)
      yield* fresh
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync), "parts at once"), [])
      assert.deepStrictEqual((yield* rowsOf("parts")).length, 5)
      assert.deepStrictEqual(yield* waitingOffsets, [])
    }))

  it.effect("wait over chunks and topics, for grandparents too, and come in the transaction of the parent", () =>
    Effect.gen(function*() {
      yield* fresh
      const orders = synced("three.orders")
      const customers = synced("three.customers")
      const countries = synced("three.countries", { waitFor: undefined })
      yield* send(orders.topic, order(1, 1, "first"))
      yield* send(orders.topic, order(2, 1, "second"))
      yield* send(orders.topic, order(3, null, "alone"))
      yield* send(orders.topic, order(1, 1, "changed"))
      yield* send(customers.topic, customer(1, 7))
      yield* runToEnd(ModelSync.handler(orders.sync, { maxSize: 2 }))
      assert.deepStrictEqual(yield* notes, ["3 alone"])
      const waiting = yield* Waiting.list()
      assert.deepStrictEqual(waiting.map(({ key, offset, parent, state }) => [key, offset, parent, state]), [
        ["1", 0, "public.customers(id) = [\"1\"]", "waiting"],
        ["2", 1, "public.customers(id) = [\"1\"]", "waiting"],
        ["1", 3, "public.customers(id) = [\"1\"]", "waiting"]
      ])
      yield* runToEnd(ModelSync.handler(customers.sync))
      assert.strictEqual((yield* Waiting.status()).waiting, 4)
      yield* send(countries.topic, country(7))
      // The one who writes the countries knows nothing of the others.
      yield* runToEnd(ModelSync.handler(countries.sync))
      assert.deepStrictEqual(yield* notes, ["1 changed", "2 second", "3 alone"])
      assert.deepStrictEqual(yield* Waiting.status(), { waiting: 0, expired: 0, refused: 0, oldestMillis: 0 })
    }))

  it.effect("wait over the partitions of a topic, each for the parent that it lacks", () =>
    Effect.gen(function*() {
      yield* fresh
      const { sync, topic } = synced("partitions.parts")
      yield* Topic.ensure([topic], { partitions: 2, replication: 1 })
      yield* send(topic, { id: 2, whole: 1, name: "two" } as { id: number }, 0)
      yield* send(topic, { id: 3, whole: 2, name: "three" } as { id: number }, 1)
      yield* send(topic, { id: 1, whole: null, name: "one" } as { id: number }, 1)
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync, { maxSize: 1 })), [])
      assert.strictEqual((yield* rowsOf("parts")).length, 3)
      assert.deepStrictEqual(yield* waitingOffsets, [])
    }))

  it.effect("do not wait for the next run when their parents came as they began to wait", () =>
    Effect.gen(function*() {
      yield* fresh
      const sql = yield* SqlClient
      const { sync, topic } = synced("meanwhile.parts")
      yield* sql.unsafe(`CREATE FUNCTION meanwhile() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO parts (id, name) VALUES (1, 'one'); RETURN NULL; END $$`)
      yield* sql.unsafe(`CREATE TRIGGER meanwhile AFTER INSERT ON millrace.waiting EXECUTE FUNCTION meanwhile()`)
      yield* send(topic, { id: 2, whole: 1, name: "two" } as { id: number })
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync)), [])
      yield* sql.unsafe(`DROP FUNCTION meanwhile() CASCADE`)
      assert.strictEqual((yield* rowsOf("parts")).length, 2)
      assert.deepStrictEqual(yield* waitingOffsets, [])
    }))

  it.effect("with two parents wait for both, and with a null for none", () =>
    Effect.gen(function*() {
      yield* fresh
      const orders = synced("two.orders")
      const customers = synced("two.customers")
      yield* send(orders.topic, order(1, 1, "both", 2))
      yield* send(orders.topic, order(2, null, "none", null))
      yield* runToEnd(ModelSync.handler(orders.sync))
      assert.deepStrictEqual(yield* notes, ["2 none"])
      const group = "two parents"
      yield* send(customers.topic, customer(1))
      yield* runToEnd(ModelSync.handler(customers.sync), group)
      assert.deepStrictEqual((yield* Waiting.list()).map(({ parent }) => parent), ["public.customers(id) = [\"2\"]"])
      yield* send(customers.topic, customer(2))
      yield* runToEnd(ModelSync.handler(customers.sync), group)
      assert.deepStrictEqual(yield* notes, ["1 both", "2 none"])
    }))

  it.effect("are cancelled by the deletion of their key, and what comes behind it is a new row", () =>
    Effect.gen(function*() {
      yield* fresh
      const orders = synced("cancels.orders")
      const customers = synced("cancels.customers")
      const group = "cancelled"
      const run = runToEnd(ModelSync.handler(orders.sync), group)
      yield* send(orders.topic, order(1, 1, "old"))
      yield* send(orders.topic, order(2, 1, "kept"))
      yield* send(orders.topic, order(3, 1, "old"))
      yield* run
      yield* bury(orders.topic, 1)
      yield* bury(orders.topic, 3)
      yield* send(orders.topic, order(3, 1, "new"))
      assert.deepStrictEqual(yield* run, [])
      assert.deepStrictEqual(yield* waitingOffsets, ["public.orders 1", "public.orders 5"])
      yield* send(customers.topic, customer(1))
      yield* runToEnd(ModelSync.handler(customers.sync))
      assert.deepStrictEqual(yield* notes, ["2 kept", "3 new"])
    }))

  it.effect("take later records of their key along, which can also do without the parent", () =>
    Effect.gen(function*() {
      yield* fresh
      const sql = yield* SqlClient
      const orders = synced("later.orders")
      const group = "later"
      const run = runToEnd(ModelSync.handler(orders.sync), group)
      yield* sql`INSERT INTO customers (id) VALUES (5)`
      yield* send(orders.topic, order(1, 1, "a"))
      yield* send(orders.topic, order(2, 5, "b"))
      yield* run
      // The first one leaves out what it does not change; the second has a state that stays while the next one waits.
      yield* send(orders.topic, { id: 1, total: 9 } as { id: number })
      yield* send(orders.topic, order(2, 1, "c"))
      yield* run
      assert.deepStrictEqual(yield* notes, ["2 b"])
      yield* send(orders.topic, { id: 1, customer: 5 } as { id: number })
      yield* run
      assert.deepStrictEqual(yield* rowsOf("orders"), [
        { ...order(1, 5, "a"), total: 9 },
        order(2, 5, "b")
      ])
      assert.deepStrictEqual(yield* waitingOffsets, ["public.orders 3"])
    }))

  it.effect("that change their key give the old row up and wait under the new key", () =>
    Effect.gen(function*() {
      yield* fresh
      const sql = yield* SqlClient
      const topic = connectTopic("moved.orders")
      const sync = ModelSync.make(topic, {
        table: "public.orders",
        format: Change.envelope(),
        waitFor: "constraints",
        truncates: "apply"
      })
      const group = "moved"
      const run = runToEnd(ModelSync.handler(sync), group)
      const source = { schema: "public", table: "orders", lsn: 1, ts_ms: 1_700_000_000_000 }
      const put = (op: string, before: object | null, after: { readonly id: number } | null) =>
        Producer.send(topic, { key: after && { id: after.id }, value: { op, before, after, source }, partition: 0 })
      yield* sql`INSERT INTO customers (id) VALUES (5)`
      yield* put("c", null, order(1, 5, "a"))
      yield* put("c", null, order(2, 1, "b"))
      yield* run
      yield* put("u", order(1, 5, "a"), order(11, 1, "a"))
      yield* put("u", order(2, 1, "b"), order(12, 1, "b"))
      assert.deepStrictEqual(yield* run, [])
      assert.deepStrictEqual(yield* notes, [])
      assert.deepStrictEqual(yield* waitingOffsets, ["public.orders 2", "public.orders 3"])
      yield* put("t", null, null)
      yield* put("c", null, order(13, 1, "c"))
      assert.deepStrictEqual(yield* run, [])
      assert.deepStrictEqual(yield* waitingOffsets, ["public.orders 5"])
    }))

  it.effect("move with all that they have when Debezium changes their key and sends only a part again", () =>
    Effect.gen(function*() {
      yield* fresh
      const topic = connectTopic("rekeyed.orders")
      const sync = ModelSync.make(topic, { table: "public.orders", format: Change.envelope(), waitFor: "constraints" })
      const customers = synced("rekeyed.customers")
      const source = { schema: "public", table: "orders", lsn: 1, ts_ms: 1_700_000_000_000 }
      const put = (id: number, value: object | null, headers: { readonly [name: string]: string } = {}) =>
        Producer.send(topic, { key: { id }, value: value && { ...value, source }, headers, partition: 0 })
      const unsent = "__debezium_unavailable_value"
      yield* put(1, { op: "c", before: null, after: order(1, 1, "kept") })
      yield* runToEnd(ModelSync.handler(sync), "rekeyed")
      const there = { "__debezium.newkey": JSON.stringify({ id: 11 }) }
      yield* put(1, { op: "d", before: { id: 1 }, after: null }, there)
      yield* put(1, null, there)
      yield* put(11, { op: "c", before: null, after: { ...order(11, 1), note: unsent, total: 5 } }, {
        "__debezium.oldkey": JSON.stringify({ id: 1 })
      })
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync), "rekeyed"), [])
      assert.deepStrictEqual((yield* Waiting.list()).map(({ key, offset }) => [key, offset]), [["11", 1], ["11", 3]])
      yield* send(customers.topic, customer(1))
      yield* runToEnd(ModelSync.handler(customers.sync))
      assert.deepStrictEqual(yield* rowsOf("orders"), [{ ...order(11, 1, "kept"), total: 5 }])
    }))

  it.effect("wait too when their parent goes between the look for it and the write", () =>
    Effect.gen(function*() {
      yield* fresh
      const sql = yield* SqlClient
      const orders = synced("raced.orders")
      yield* sql`INSERT INTO customers (id) VALUES (1), (2)`
      // What another transaction may do at this moment.
      yield* sql.unsafe(`CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        DELETE FROM customers WHERE id = 1;
        RETURN NULL;
      END $$`)
      yield* sql.unsafe("CREATE TRIGGER gone BEFORE INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION gone()")
      yield* send(orders.topic, order(1, 1, "raced"))
      yield* send(orders.topic, order(2, 2, "other"))
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(orders.sync)), [])
      yield* sql.unsafe("DROP TRIGGER gone ON orders")
      assert.deepStrictEqual(yield* notes, ["2 other"])
      assert.deepStrictEqual((yield* Waiting.list()).map(({ parent }) => parent), ["public.customers(id) = [\"1\"]"])
    }))

  it.effect("are marked as deleted where deletions mark, once they are there", () =>
    Effect.gen(function*() {
      yield* fresh
      const sql = yield* SqlClient
      const orders = synced("marks.orders", { deletes: { softDelete: "gone_at" }, fields: { exclude: ["gone_at"] } })
      yield* send(orders.topic, order(1, 1, "a"))
      yield* bury(orders.topic, 1)
      yield* runToEnd(ModelSync.handler(orders.sync, { maxSize: 1 }))
      assert.deepStrictEqual((yield* Waiting.list()).map(({ kind }) => kind), ["Write", "Mark"])
      yield* sql`INSERT INTO customers (id) VALUES (1)`
      yield* Waiting.retry("all")
      assert.deepStrictEqual(yield* rowsOf("(SELECT id, note, gone_at IS NULL AS here FROM orders)"), [
        { id: 1, note: "a", here: false }
      ])
    }))

  it.effect("have composite keys in any order of their columns, and parents without a foreign key", () =>
    Effect.gen(function*() {
      yield* fresh
      const guests = synced("composite.guests")
      const rooms = synced("composite.rooms", { waitFor: undefined, key: ["nr", "house"] })
      const loose = synced("composite.loose", {
        waitFor: { parents: [{ columns: ["customer"], table: "public.customers" }] }
      })
      const customers = synced("composite.customers")
      yield* send(guests.topic, { id: 1, room: 7, house: "a, \"b\"" } as { id: number })
      yield* send(guests.topic, { id: 2, room: null, house: "a" } as { id: number })
      yield* send(loose.topic, { id: 1, customer: 1 } as { id: number })
      yield* runToEnd(ModelSync.handler(guests.sync))
      yield* runToEnd(ModelSync.handler(loose.sync))
      assert.deepStrictEqual((yield* Waiting.list()).map(({ parent }) => parent), [
        "public.rooms(house, nr) = [\"a, \\\"b\\\"\", \"7\"]",
        "public.customers(id) = [\"1\"]"
      ])
      const key = { nr: 7, house: "a, \"b\"" }
      yield* Producer.send(rooms.topic, { key, value: key, partition: 0 })
      yield* runToEnd(ModelSync.handler(rooms.sync))
      yield* send(customers.topic, customer(1))
      yield* runToEnd(ModelSync.handler(customers.sync))
      assert.strictEqual((yield* rowsOf("guests")).length, 2)
      assert.strictEqual((yield* rowsOf("loose")).length, 1)
      assert.deepStrictEqual(yield* waitingOffsets, [])
    }))

  it.effect("leave bad records to the policy, and wait for nothing behind them twice", () =>
    Effect.gen(function*() {
      yield* fresh
      const orders = synced("bad.orders")
      yield* send(orders.topic, order(1, 1, "waits"))
      yield* send(orders.topic, order(2, null, "far too long"))
      yield* send(orders.topic, order(3, 1, "waits"))
      yield* send(orders.topic, { ...order(4, null, "x"), customer: "no number" } as { id: number })
      yield* send(orders.topic, order(5, 1, "waits"))
      const failed = yield* runToEnd(ModelSync.handler(orders.sync))
      assert.deepStrictEqual(failed.map(({ offset }) => offset), [1, 3])
      assert.deepStrictEqual(yield* waitingOffsets, ["public.orders 0", "public.orders 2", "public.orders 4"])
    }))

  it.effect("are parked once, when their records are read again", () =>
    Effect.gen(function*() {
      yield* fresh
      const sql = yield* SqlClient
      const orders = synced("again.orders")
      const run = runToEnd(ModelSync.handler(orders.sync), "again")
      yield* send(orders.topic, order(1, 1, "a"))
      yield* send(orders.topic, order(1, 1, "b"))
      yield* run
      const before = yield* Waiting.list()
      // As if Kafka's and the database's positions were lost.
      yield* sql`UPDATE millrace.offsets SET next = 0 WHERE group_id = 'again'`
      yield* run
      assert.deepStrictEqual(yield* Waiting.list(), before)
    }))
})
