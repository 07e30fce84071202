/**
 * Whatever is written on two sides, and whatever order its events arrive in, however often, both sides end with the
 * rows that one rule says: of the writes to a key the latest one is there, unless a deletion has seen it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { afterAll, beforeAll } from "vitest"
import { full } from "../../full.ts"
import { type Random, randomOf } from "../../internal/loop/random.ts"
import { type Event, type Guard, makeSide, noted, type Row, rowsOf, type Side, store } from "./sides.ts"

interface World {
  readonly guard: Guard
  /** How many seconds the clock of the second side goes ahead. */
  readonly ahead: number
  /** Whether records have the key of their rows. */
  readonly keyed: boolean
  /** Whether the table has partitions, and a trigger of its own that takes rows from one to another. */
  readonly isParted?: boolean
}

const worlds: { readonly [name: string]: World } = {
  "replication origins": { guard: "origin", ahead: 0, keyed: true },
  "replication origins, another key for records, and clocks that differ": {
    guard: "origin",
    ahead: 3_600,
    keyed: false
  },
  "a column": { guard: "column", ahead: 0, keyed: true },
  "a column, and clocks that differ": { guard: "column", ahead: 3_600, keyed: true },
  "a column, and a trigger that takes rows to other partitions": {
    guard: "column",
    ahead: 0,
    keyed: true,
    isParted: true
  }
}

const seeds = full ? 500 : 25

const scope = Scope.makeUnsafe()
const sidesOf = new Map<World, readonly [Side, Side]>()

beforeAll(() =>
  Effect.gen(function*() {
    for (const world of Object.values(worlds)) {
      const { ahead, guard, isParted } = world
      sidesOf.set(world, [yield* makeSide(guard, 0, 0, isParted), yield* makeSide(guard, 1, ahead, isParted)])
    }
  }).pipe(Scope.provide(scope), Effect.runPromise), 60_000)

afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

/** How many keys both sides write. */
const keys = 4

/** What somebody writes to keys from `first` on. */
const write = (random: Random, first: number, name: string): string => {
  const id = first + random.between(0, keys - 1)
  const other = first + random.between(0, keys - 1)
  switch (random.weighted({ insert: 4, upsert: 2, update: 3, delete: 3, move: 4, there: 1, anew: 1 })) {
    case "insert":
      return `INSERT INTO items VALUES (${id}, '${name}') ON CONFLICT DO NOTHING`
    case "upsert":
      return `INSERT INTO items VALUES (${id}, '${name}') ON CONFLICT (id) DO UPDATE SET name = excluded.name`
    case "update":
      return `UPDATE items SET name = '${name}', amount = ${random.between(0, 99)} WHERE id = ${id}`
    case "delete":
      return `DELETE FROM items WHERE id = ${id}`
    case "move":
      return `UPDATE items SET id = ${other}${random.chance(0.5) ? `, name = '${name}'` : ""} WHERE id = ${id}
        AND NOT EXISTS (SELECT 1 FROM items WHERE id = ${other})`
    case "there":
      return `DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM items WHERE id = ${other}) THEN
        UPDATE items SET id = ${other} WHERE id = ${id}; UPDATE items SET id = ${id} WHERE id = ${other};
        END IF; END $$`
    case "anew":
      return `DO $$ BEGIN DELETE FROM items WHERE id = ${id}; INSERT INTO items VALUES (${id}, '${name}'); END $$`
  }
}

/** What a connector has sent to the partitions of its topic, and how far that is stored at the other side. */
class Sending {
  readonly sent: Array<Event> = []
  private readonly from: Side
  private readonly to: Side
  private readonly keyed: boolean
  private readonly partitions: ReadonlyArray<Array<Event>> = [[], []]

  constructor(from: Side, to: Side, keyed: boolean) {
    this.from = from
    this.to = to
    this.keyed = keyed
  }

  private send(events: ReadonlyArray<Event>): void {
    for (const event of events) this.partitions["id" in event.key ? event.key.id % 2 : 0]!.push(event)
  }

  /** Sends what was written. */
  readonly follow = Effect.gen({ self: this as Sending }, function*() {
    const events = yield* noted(this.from, this.keyed)
    this.sent.push(...events)
    this.send(events)
  })

  /** A connector that was killed sends the last events once more. */
  readonly repeat = Effect.fnUntraced({ self: this as Sending }, function*(count: number) {
    yield* this.follow
    this.send(this.sent.slice(-count))
  })

  /** Somebody sends a dead letter: behind all others, or once more. */
  late(random: Random): void {
    const partition = this.partitions[random.between(0, 1)]!
    if (random.chance(0.5)) this.send(partition.splice(random.between(0, 3), 1))
    else if (this.sent.length > 0) this.send([random.pick(this.sent)])
  }

  /** Stores some events of a partition at the other side, in one transaction. */
  readonly deliver = Effect.fnUntraced({ self: this as Sending }, function*(partition: number, most: number) {
    yield* this.follow
    yield* store(this.to, this.partitions[partition]!.splice(0, most))
  })

  readonly deliverAll = Effect.forEach([0, 1], (partition) => this.deliver(partition, 1_000))
}

/** The rows that are to be there after all that programs have written. */
const expected = (events: ReadonlyArray<Event>): ReadonlyArray<Row> => {
  const latest = new Map<number, Row>()
  const deleted = new Map<number, number>()
  for (const { synced, value: { after, before } } of events) {
    if (synced) continue
    // A row that got another key is gone under its own.
    if (before !== null && before.id !== after?.id) {
      deleted.set(before.id, Math.max(deleted.get(before.id) ?? 0, before.row_version))
    }
    if (after === null || (latest.get(after.id)?.row_version ?? 0) >= after.row_version) continue
    const { kafka_skip: _, ...row } = after
    latest.set(row.id, row)
  }
  return [...latest.values()]
    .filter(({ id, row_version }) => row_version > (deleted.get(id) ?? 0))
    .sort((a, b) => a.id - b.id)
}

let runs = 0

const run = Effect.fnUntraced(function*({ guard, keyed }: World, [east, west]: readonly [Side, Side], seed: number) {
  const first = 10 * ++runs
  const random = randomOf(seed)
  const sendings = [new Sending(east, west, keyed), new Sending(west, east, keyed)] as const
  const story = [`seed ${seed}`]
  for (let i = 0; i < 40; i++) {
    const at = random.between(0, 1)
    const sending = sendings[at]!
    const what = random.weighted({ write: 11, deliver: 7, repeat: 1, late: 3 })
    if (what === "write") {
      const statement = write(random, first, `${at} ${i}`)
      story.push(`${at} ${statement}`)
      yield* [east, west][at]!.own.unsafe(statement)
    } else if (what === "deliver") {
      const [partition, most] = [random.between(0, 1), random.between(1, 4)]
      story.push(`${at} has ${most} of ${partition} stored`)
      yield* sending.deliver(partition, most)
    } else if (what === "late") {
      story.push(`${at} has a dead letter`)
      sending.late(random)
    } else {
      const count = random.between(1, 12)
      story.push(`${at} repeats ${count}`)
      yield* sending.repeat(count)
    }
  }
  for (const sending of [...sendings, ...sendings]) yield* sending.deliverAll
  const events = sendings.flatMap(({ sent }) => sent)
  const rows = expected(events)
  for (const side of [east, west]) {
    assert.deepStrictEqual(yield* rowsOf(side, first, first + keys - 1), rows, story.join("\n"))
  }
  if (guard === "origin") return
  for (const { synced, value: { after, before, op } } of events) {
    assert.strictEqual((op === "d" ? before : after)!.kafka_skip, synced, story.join("\n"))
  }
})

describe("writes on two sides end with the same rows on both, and with a mark in each event of a sync", () => {
  for (const [name, world] of Object.entries(worlds)) {
    it.effect(`whatever order their events arrive in, however often, with ${name}`, () =>
      Effect.gen(function*() {
        for (let seed = 1; seed <= seeds; seed++) yield* run(world, sidesOf.get(world)!, seed)
      }), 600_000)
  }
})
