/**
 * Two databases that write the same rows, and a sync each way: whatever order their events arrive in, and whichever of
 * them come again, both end with the same rows. What Debezium would send is noted by a trigger here.
 */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { SqlClient } from "effect/sql/SqlClient"
import { Producer, Topic } from "millrace"
import { ModelSync } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
import { numbersOf } from "../../internal/loop/random.ts"
import { operation } from "../bidirectional/operations.ts"
import { connectTopic, runToEnd } from "../sync/kit.ts"
import { type Event, type Guard, makeSide, noted, rowsOf, type Side } from "./sides.ts"

const guards = ["origin", "column"] as const

class Databases extends Context.Service<Databases, { readonly [G in Guard]: ReadonlyArray<Side> }>()("test/Databases") {
  static readonly layer = Layer.effect(
    Databases,
    Effect.gen(function*() {
      const [origin, column] = yield* Effect.forEach(
        guards,
        (guard) => Effect.forEach([0, 1], (site) => makeSide(guard, site))
      )
      return { origin: origin!, column: column! }
    })
  )
}

/** A database, and its topic. */
interface End extends Side {
  /** What its connector has yet to send. */
  readonly written: Array<Event>
  readonly sent: Array<Event>
  readonly topic: ReturnType<typeof connectTopic>
}

let worlds = 0

/** Empty tables and topics. */
const makeEnds = Effect.fnUntraced(function*(guard: Guard) {
  const world = ++worlds
  const ends = (yield* Databases)[guard].map((side, site): End => ({
    ...side,
    written: [],
    sent: [],
    topic: connectTopic(`world${world}.site${site}`)
  }))
  yield* Topic.ensure(ends.map(({ topic }) => topic), { partitions: 1, replication: 1 })
  for (const { own } of ends) yield* own`TRUNCATE items, log, millrace.deleted`
  return [ends[0]!, ends[1]!] as const
})

const send = ({ topic }: End, events: ReadonlyArray<Event>) =>
  Producer.sendAll(topic, events.map(({ headers, key, value }) => ({ headers, key, value })))

/** Sends what was written, at most so many events of it, and stores it at the other side. */
const deliver = Effect.fnUntraced(function*(from: End, to: End, most = 1_000_000) {
  from.written.push(...yield* noted(from))
  const events = from.written.splice(0, most)
  yield* send(from, events)
  from.sent.push(...events)
  yield* store(from, to)
})

const store = (from: End, to: End) =>
  Effect.gen(function*() {
    const failures = yield* runToEnd(ModelSync.handler(ModelSync.make(from.topic, to.parts)), `of-${from.topic.name}`)
    assert.deepStrictEqual(failures.map(({ error }) => error.message), [])
  }).pipe(Effect.provideService(SqlClient, to.sync))

const nameOf = ({ own }: Side, id: number) =>
  Effect.map(own`SELECT name FROM items WHERE id = ${id}`.values, (rows) => rows.map(([name]) => name))

layer(Layer.mergeAll(InMemoryKafka.layer, Databases.layer, Logger.layer([])), { excludeTestServices: true })(
  "writes on both sides to the same rows",
  (it) => {
    for (const guard of guards) {
      it.effect(`end with the later one, whichever event comes first (${guard})`, () =>
        Effect.gen(function*() {
          const [east, west] = yield* makeEnds(guard)
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

      it.effect(`end with a write that the deletion had not seen, and with the deletion otherwise (${guard})`, () =>
        Effect.gen(function*() {
          const [east, west] = yield* makeEnds(guard)
          yield* east.own`INSERT INTO items VALUES (1, 'a'), (2, 'b')`
          yield* deliver(east, west)
          yield* west.own`UPDATE items SET name = 'kept' WHERE id = 1`
          yield* east.own`DELETE FROM items`
          yield* deliver(east, west)
          yield* deliver(west, east)
          assert.deepStrictEqual([yield* nameOf(east, 1), yield* nameOf(west, 1)], [["kept"], ["kept"]])
          assert.deepStrictEqual([yield* nameOf(east, 2), yield* nameOf(west, 2)], [[], []])
        }))

      it.effect(`are not undone, and no row is brought back, by events that come again (${guard})`, () =>
        Effect.gen(function*() {
          const [east, west] = yield* makeEnds(guard)
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

      it.effect(`bring no row under a key that was deleted later, although one moved there before (${guard})`, () =>
        Effect.gen(function*() {
          const [east, west] = yield* makeEnds(guard)
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

      it.effect(`leave no row under a key that it left, whoever wrote it before (${guard})`, () =>
        Effect.gen(function*() {
          const [east, west] = yield* makeEnds(guard)
          yield* east.own`INSERT INTO items VALUES (1, 'a')`
          yield* deliver(east, west)
          yield* west.own`UPDATE items SET id = 2`
          yield* deliver(west, east)
          assert.deepStrictEqual([yield* nameOf(east, 1), yield* nameOf(east, 2)], [[], ["a"]])
          assert.deepStrictEqual(yield* rowsOf(east), yield* rowsOf(west))
        }))

      it.effect(`end with a write that a deletion or another key had not seen, whoever wrote before (${guard})`, () =>
        Effect.gen(function*() {
          const [east, west] = yield* makeEnds(guard)
          yield* east.own`INSERT INTO items VALUES (1, 'a'), (2, 'b')`
          yield* deliver(east, west)
          yield* east.own`UPDATE items SET name = name || ' kept'`
          yield* Effect.sleep("3 millis")
          // Later by the clock.
          yield* west.own`DELETE FROM items WHERE id = 1`
          yield* west.own`UPDATE items SET id = 3 WHERE id = 2`
          yield* deliver(west, east)
          yield* deliver(east, west)
          for (const side of [east, west]) {
            assert.deepStrictEqual((yield* rowsOf(side)).map(({ name }) => name), ["a kept", "b kept", "b"])
          }
        }))

      for (const seed of [1, 2, 3]) {
        it.effect(`end with the same rows, in a random order with repetitions (${guard}, ${seed})`, () =>
          Effect.gen(function*() {
            const ends = yield* makeEnds(guard)
            const random = numbersOf(seed)
            for (let i = 0; i < 120; i++) {
              const here = ends[random() < 0.5 ? 0 : 1]!
              const there = here === ends[0] ? ends[1] : ends[0]
              const kind = random()
              if (kind < 0.8) yield* operation(here.own, random, 6, String(i))
              else if (kind < 0.95) yield* deliver(here, there, 1 + Math.floor(random() * 8))
              else {
                yield* send(here, here.sent.slice(-1 - Math.floor(random() * 10)))
                yield* store(here, there)
              }
            }
            yield* deliver(ends[0], ends[1])
            yield* deliver(ends[1], ends[0])
            const rows = yield* rowsOf(ends[0])
            assert.isNotEmpty(rows)
            assert.deepStrictEqual(yield* rowsOf(ends[1]), rows)
          }))
      }
    }
  }
)
