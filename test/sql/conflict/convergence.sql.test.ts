/**
 * Two databases that write the same rows, and a sync each way: whatever order their events arrive in, and whichever of
 * them come again, both end with the same rows. What Debezium would send is noted by a trigger here.
 */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { Producer, Topic } from "millrace"
import { Change, LoopGuard, Migrations, ModelSync, RowVersion } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
import { client, makeDatabase } from "../../services/database.ts"
import { operation, randomFrom } from "../bidirectional/operations.ts"
import { connectTopic, runToEnd } from "../sync/kit.ts"

const noting = [
  "CREATE TABLE items (id int PRIMARY KEY, name text, amount numeric(10, 2))",
  "CREATE TABLE log (n int GENERATED ALWAYS AS IDENTITY, before jsonb, after jsonb)",
  `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO log (before, after) VALUES (
      CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END
    );
    RETURN NULL; END $$`,
  `CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON items FOR EACH ROW
    WHEN (coalesce(current_setting('millrace.sync', true), '') <> 'on') EXECUTE FUNCTION note()`
]

interface Row {
  readonly id: number
}

/** A record of Debezium's. */
interface Event {
  readonly key: Row
  readonly value: unknown
  readonly headers: { readonly [name: string]: string }
}

/** The events of a write: a change of a key is a deletion and a creation. */
const eventsOf = (before: Row | null, after: Row | null): ReadonlyArray<Event> => {
  const source = { connector: "postgresql", schema: "public", table: "items" }
  const event = (op: string, from: Row | null, to: Row | null, headers: Event["headers"] = {}): Event => ({
    key: { id: (to ?? from)!.id },
    value: { op, before: from, after: to, source },
    headers
  })
  if (before === null || after === null) return [event(after === null ? "d" : "c", before, after)]
  if (before.id === after.id) return [event("u", before, after)]
  return [
    event("d", before, null, { "__debezium.newkey": JSON.stringify({ id: after.id }) }),
    event("c", null, after, { "__debezium.oldkey": JSON.stringify({ id: before.id }) })
  ]
}

/** A database, and what was sent of it. */
interface Side {
  readonly own: SqlClient
  readonly sync: SqlClient
  readonly sent: Array<Event>
  readonly topic: ReturnType<typeof connectTopic>
  noted: number
}

class Databases extends Context.Service<Databases, ReadonlyArray<Pick<Side, "own" | "sync">>>()("test/Databases") {
  static readonly layer = Layer.effect(
    Databases,
    Effect.forEach([0, 1], (site) =>
      Effect.gen(function*() {
        const connections = client(yield* makeDatabase, { maxConnections: 2 })
        const own = Context.get(yield* Layer.build(connections), SqlClient)
        const marked = LoopGuard.marked.pipe(Layer.provide(Layer.succeed(SqlClient, own)))
        const sync = Context.get(yield* Layer.build(marked), SqlClient)
        yield* Effect.gen(function*() {
          for (const statement of noting) yield* own.unsafe(statement)
          yield* Migrations.run()
          yield* RowVersion.add("public.items", { site })
        }).pipe(Effect.provideService(SqlClient, own))
        return { own, sync }
      }))
  )
}

let worlds = 0

/** Empty tables and topics. */
const makeSides = Effect.gen(function*() {
  const world = ++worlds
  const sides = (yield* Databases).map(({ own, sync }, site): Side => ({
    own,
    sync,
    sent: [],
    topic: connectTopic(`world${world}.site${site}`),
    noted: 0
  }))
  yield* Topic.ensure(sides.map(({ topic }) => topic), { partitions: 1, replication: 1 })
  for (const { own } of sides) yield* own`TRUNCATE items, log, millrace.deleted RESTART IDENTITY`
  return [sides[0]!, sides[1]!] as const
})

const send = ({ topic }: Side, events: ReadonlyArray<Event>) => Producer.sendAll(topic, [...events])

/** Sends what was noted, at most so many writes of it, and stores it at the other side. */
const deliver = (from: Side, to: Side, most = 1_000_000) =>
  Effect.gen(function*() {
    const rows = yield* from.own`SELECT n, before::text, after::text FROM log WHERE n > ${from.noted}
      ORDER BY n LIMIT ${most}`.values
    for (const [n, before, after] of rows) {
      const parsed = [before, after].map((text) => text === null ? null : JSON.parse(String(text)) as Row)
      const events = eventsOf(parsed[0]!, parsed[1]!)
      yield* send(from, events)
      from.sent.push(...events)
      from.noted = Number(n)
    }
    yield* store(from, to)
  })

const store = (from: Side, to: Side) =>
  Effect.gen(function*() {
    const sync = ModelSync.make(from.topic, {
      table: "public.items",
      format: Change.envelope({ replicaIdentity: "full" }),
      version: { column: "row_version", from: { field: "row_version" } }
    })
    const failures = yield* runToEnd(ModelSync.handler(sync), `of-${from.topic.name}`)
    assert.deepStrictEqual(failures.map(({ error }) => error.message), [])
  }).pipe(Effect.provideService(SqlClient, to.sync))

const rowsOf = ({ own }: Side) =>
  Effect.map(own`SELECT to_jsonb(t)::text FROM items t ORDER BY id`.values, (rows) => rows.map(([row]) => String(row)))

const nameOf = ({ own }: Side, id: number) =>
  Effect.map(own`SELECT name FROM items WHERE id = ${id}`.values, (rows) => rows.map(([name]) => name))

layer(Layer.merge(InMemoryKafka.layer, Databases.layer), { excludeTestServices: true })(
  "writes on both sides to the same rows",
  (it) => {
    it.effect("end with the later one, whichever event comes first", () =>
      Effect.gen(function*() {
        const [east, west] = yield* makeSides
        yield* east.own`INSERT INTO items VALUES (1, 'first')`
        yield* deliver(east, west)
        yield* west.own`UPDATE items SET name = 'earlier' WHERE id = 1`
        // Two transactions within a millisecond would be told by their sites.
        yield* Effect.sleep("3 millis")
        yield* east.own`UPDATE items SET name = 'later' WHERE id = 1`
        yield* deliver(west, east)
        yield* deliver(east, west)
        assert.deepStrictEqual([yield* nameOf(east, 1), yield* nameOf(west, 1)], [["later"], ["later"]])
      }))

    it.effect("end with the write, where the deletion had not seen it, and with the deletion otherwise", () =>
      Effect.gen(function*() {
        const [east, west] = yield* makeSides
        yield* east.own`INSERT INTO items VALUES (1, 'a'), (2, 'b')`
        yield* deliver(east, west)
        yield* west.own`UPDATE items SET name = 'kept' WHERE id = 1`
        yield* east.own`DELETE FROM items`
        yield* deliver(east, west)
        yield* deliver(west, east)
        assert.deepStrictEqual([yield* nameOf(east, 1), yield* nameOf(west, 1)], [["kept"], ["kept"]])
        assert.deepStrictEqual([yield* nameOf(east, 2), yield* nameOf(west, 2)], [[], []])
      }))

    it.effect("are not undone, and no row is brought back, by events that come again", () =>
      Effect.gen(function*() {
        const [east, west] = yield* makeSides
        yield* west.own`INSERT INTO items VALUES (1, 'a'), (2, 'b')`
        yield* deliver(west, east)
        yield* east.own`DELETE FROM items WHERE id = 1`
        yield* east.own`UPDATE items SET name = 'c' WHERE id = 2`
        yield* deliver(east, west)
        // What the sync writes at the west is left out there, so no deletion follows these.
        yield* send(west, west.sent)
        yield* store(west, east)
        assert.deepStrictEqual([yield* nameOf(east, 1), yield* nameOf(east, 2)], [[], ["c"]])
        assert.deepStrictEqual(yield* rowsOf(east), yield* rowsOf(west))
      }))

    it.effect("bring no row under a key that was deleted later, although another row moved there before", () =>
      Effect.gen(function*() {
        const [east, west] = yield* makeSides
        yield* east.own`INSERT INTO items VALUES (1, 'a'), (2, 'b')`
        yield* deliver(east, west)
        yield* east.own`DELETE FROM items WHERE id = 2`
        yield* east.own`UPDATE items SET id = 2 WHERE id = 1`
        yield* Effect.sleep("3 millis")
        yield* west.own`UPDATE items SET name = 'later' WHERE id = 2`
        yield* west.own`DELETE FROM items WHERE id = 2`
        yield* deliver(east, west)
        yield* deliver(west, east)
        assert.deepStrictEqual([yield* rowsOf(east), yield* rowsOf(west)], [[], []])
      }))

    for (const seed of [1, 2, 3, 4, 5, 6]) {
      it.effect(`end with the same rows, in a random order with repetitions (${seed})`, () =>
        Effect.gen(function*() {
          const sides = yield* makeSides
          const random = randomFrom(seed)
          for (let i = 0; i < 120; i++) {
            const here = sides[random() < 0.5 ? 0 : 1]!
            const there = here === sides[0] ? sides[1] : sides[0]
            const kind = random()
            if (kind < 0.8) yield* operation(here.own, random, 6, String(i))
            else if (kind < 0.95) yield* deliver(here, there, 1 + Math.floor(random() * 8))
            else {
              yield* send(here, here.sent.slice(-1 - Math.floor(random() * 10)))
              yield* store(here, there)
            }
          }
          yield* deliver(sides[0], sides[1])
          yield* deliver(sides[1], sides[0])
          const rows = yield* rowsOf(sides[0])
          assert.isNotEmpty(rows)
          assert.deepStrictEqual(yield* rowsOf(sides[1]), rows)
        }))
    }
  }
)
