/** Relays that die at a step of theirs, as a process does that is killed: nothing of it is done after that. */
import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { SqlClient } from "effect/sql/SqlClient"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import { Codec, KafkaEngine, KafkaError, Topic } from "millrace"
import { Outbox, OutboxRelay } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
import { client, type Place } from "../../services/database.ts"
import { startProxy } from "../../services/proxy.ts"
import { emptied, until } from "./kit.ts"

/**
 * Where a relay dies: at a step, counted from 1, or when something is done for this many times. `fails`: it lives on,
 * and is told that the step failed, be it done or not.
 */
export type Death = number | { readonly at: string; readonly time: number; readonly fails?: boolean }

/** Counts the steps of a relay, until the one at which it dies. */
class Life {
  isOver = false
  readonly died = Deferred.makeUnsafe<string>()
  private readonly again = Deferred.makeUnsafe<void>()
  private steps = 0
  private times = 0
  private readonly death: Death

  constructor(death: Death) {
    this.death = death
  }

  step(what: string): boolean {
    const { death } = this
    this.steps++
    if (typeof death === "object" && what === death.at) this.times++
    const hasDied = Deferred.isDoneUnsafe(this.died)
    if (!hasDied && (typeof death === "number" ? this.steps >= death : this.times >= death.time)) {
      this.isOver = true
      Deferred.doneUnsafe(this.died, Effect.succeed(what))
    }
    return !this.isOver
  }

  /** It was not dead, but stood still. */
  goOn(): void {
    this.isOver = false
    Deferred.doneUnsafe(this.again, Effect.void)
  }

  /** It may die before it, and before it knows what came of it. */
  around<A, E, R>(what: string, effect: Effect.Effect<A, E, R>, lost: E): Effect.Effect<A, E, R> {
    const pass = (what: string): Effect.Effect<void, E> =>
      Effect.suspend(() => {
        if (this.step(what)) return Effect.void
        if (typeof this.death === "number" || this.death.fails !== true) return Deferred.await(this.again)
        this.goOn()
        return Effect.fail(lost)
      })
    return Effect.tap(Effect.andThen(pass(`before ${what}`), effect), () => pass(`after ${what}`))
  }
}

const noAnswer = KafkaError.make(
  "commit",
  new KafkaError.TransactionFailed({ transactionalId: "?", problem: "no answer", retryable: true })
)

const noAnswerOfSql = new SqlError({ reason: new ConnectionError({ cause: "no answer" }) })

const mortalEngine = (engine: KafkaEngine.Service["Service"], life: Life): KafkaEngine.Service["Service"] => ({
  ...engine,
  consumer: (options) => life.around("a look at the receipts", engine.consumer(options), noAnswer),
  transactional: (id) =>
    Effect.map(life.around("taking a queue", engine.transactional(id), noAnswer), (inner) => ({
      produce: (message, done) => {
        // What was handed over, and not acknowledged, may arrive all the same.
        if (!life.step("a record")) return true
        return inner.produce(message, (error, delivery) => life.isOver || done(error, delivery))
      },
      whenSpace: Effect.suspend(() => inner.whenSpace),
      flush: (timeout) => inner.flush(timeout),
      sendOffsets: (positions, group) => inner.sendOffsets(positions, group),
      begin: life.around("begin", inner.begin, noAnswer),
      commit: life.around("commit", inner.commit, noAnswer),
      abort: life.around("abort", inner.abort, noAnswer)
    }))
})

const shown = (text: string): string =>
  text.includes("pg_try_advisory")
    ? "the lock"
    : text.includes("is_last")
    ? "the rows"
    : text.includes("r(id, stamp)")
    ? "the deletion of a receipt's rows"
    : text.includes("DELETE FROM")
    ? "the deletion"
    : text.split(/\s/)[0]!

const mortalSql = (sql: SqlClient, life: Life): SqlClient =>
  Object.create(sql, {
    reserve: {
      value: Effect.map(sql.reserve, (connection) =>
        Object.create(connection, {
          executeUnprepared: {
            value: (...args: Parameters<typeof connection.executeUnprepared>) =>
              life.around(shown(args[0]), connection.executeUnprepared(...args), noAnswerOfSql)
          }
        }) as typeof connection)
    },
    unsafe: {
      value: (text: string, parameters: ReadonlyArray<unknown>) => ({
        values: life.around(shown(text), sql.unsafe(text, parameters).values, noAnswerOfSql)
      })
    }
  }) as SqlClient

let named = 0

/** The sessions of a relay are ended without its doing, as by the server that notices. */
const gone = (name: string) =>
  until(Effect.gen(function*() {
    const sql = yield* SqlClient
    const rows = yield* sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ${name}`
    return rows.length === 0
  }))

/** A relay over a database connection of its own that can be cut. */
const relayOf = (place: Place, life: Life, options: OutboxRelay.Options) =>
  Effect.gen(function*() {
    const engine = yield* KafkaEngine.Service
    const applicationName = `relay ${++named}`
    const proxy = yield* Effect.promise(() => startProxy({ upstream: place.port }))
    const mortal = Layer.effect(SqlClient, Effect.map(SqlClient, (sql) => mortalSql(sql, life))).pipe(
      Layer.provide(client({ ...place, port: proxy.port }, { applicationName, maxConnections: 4 }))
    )
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    const fiber = yield* Effect.forkDetach(
      OutboxRelay.run(options).pipe(
        Effect.provideService(KafkaEngine.Service, mortalEngine(engine, life)),
        Effect.provide(Layer.merge(mortal, Logger.layer([logger])))
      )
    )
    return { applicationName, fiber, lines, proxy }
  })

/** Runs a relay until it dies, and returns at which step; `undefined` if it had published all before. */
export const dying = (place: Place, death: Death, options: OutboxRelay.Options) =>
  Effect.gen(function*() {
    const life = new Life(death)
    const { applicationName, fiber, proxy } = yield* relayOf(place, life, options)
    const step = yield* Effect.raceFirst(
      Effect.raceFirst(Deferred.await(life.died), Fiber.join(fiber)),
      Effect.as(emptied, undefined)
    )
    yield* Effect.promise(() => proxy.close())
    yield* gone(applicationName)
    // It waits for some seconds for what cannot end: it is gone, nobody waits for it.
    yield* Effect.forkDetach(Fiber.interrupt(fiber))
    return step
  })

/** Runs a relay, one step of which fails, until it has published all. */
export const failing = (place: Place, at: string, options: OutboxRelay.Options) =>
  Effect.gen(function*() {
    const life = new Life({ at, time: 1, fails: true })
    const { fiber, proxy } = yield* relayOf(place, life, options)
    yield* Effect.raceFirst(Fiber.join(fiber), emptied)
    yield* Fiber.interrupt(fiber)
    yield* Effect.promise(() => proxy.close())
    return Deferred.isDoneUnsafe(life.died)
  })

/** A relay that stands still at a step, whose database is gone; it knows neither. */
export const heldAt = (place: Place, transactionalId: string, at: string) =>
  Effect.gen(function*() {
    const life = new Life({ at, time: 1 })
    const options = { exactlyOnce: { transactionalId }, concurrency: 1 }
    const { applicationName, fiber, lines, proxy } = yield* relayOf(place, life, options)
    yield* Effect.raceFirst(Deferred.await(life.died), Fiber.join(fiber))
    yield* Effect.promise(() => proxy.refuse())
    proxy.cut()
    yield* gone(applicationName)
    yield* Effect.addFinalizer(() => Effect.andThen(Fiber.interrupt(fiber), Effect.promise(() => proxy.close())))
    return {
      goOn: Effect.sync(() => life.goOn()),
      hasFailed: until(Effect.sync(() => lines.some((line) => line.includes("was taken by another relay")))),
      reconnect: Effect.promise(() => proxy.heal())
    }
  })

export const notesOf = (id: string) => Topic.make(`${id}-notes`, { key: Codec.string, value: Codec.string })

/** An empty outbox, and a Kafka of its own in memory with a topic of notes. */
export const inMemory = (id: string) =>
  Effect.provide(Layer.provideMerge(
    Layer.effectDiscard(Topic.ensure([notesOf(id)], { partitions: 2, replication: 1 })),
    Layer.merge(
      InMemoryKafka.layerWith({ autoCreateTopics: false }),
      Layer.effectDiscard(Effect.flatMap(SqlClient, (sql) => sql`TRUNCATE millrace.outbox`))
    )
  ))

/**
 * What readers of committed records get of a topic, once nothing of it is open: brokers answer a commit before they
 * have noted it in each partition.
 */
export const readCommitted = (topic: ReturnType<typeof notesOf>) =>
  Effect.gen(function*() {
    const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
    const [description] = yield* admin.describeTopics([topic.name])
    const partitions = description!.partitions.map(({ partition }) => ({ topic: topic.name, partition }))
    const endsOf = (isolation: "read_committed" | "read_uncommitted") =>
      Effect.map(
        admin.listOffsets(partitions, "latest", isolation),
        (ends) => ends.reduce((sum, { offset }) => sum + offset, 0)
      )
    yield* until(Effect.gen(function*() {
      return (yield* endsOf("read_committed")) === (yield* endsOf("read_uncommitted"))
    }))
    return yield* Stream.runCollect(Topic.read(topic, { from: "earliest", until: "end", isolation: "read_committed" }))
  })

/** The same, by key. */
export const committed = (id: string) =>
  Effect.map(
    readCommitted(notesOf(id)),
    (records) => {
      const byKey = new Map<string, Array<number>>()
      for (const { key, value } of [...records].sort((a, b) => a.offset - b.offset)) {
        byKey.set(key, [...byKey.get(key) ?? [], Number(value)])
      }
      return byKey
    }
  )

export const assertOnce = (
  found: ReadonlyMap<string, ReadonlyArray<number>>,
  expected: ReadonlyMap<string, ReadonlyArray<number>>,
  hint = ""
): void => assert.deepStrictEqual([...found].sort(), [...expected].sort(), hint)

/** Messages whose values count up per key. */
export class Writer {
  private readonly counts = new Map<string, number>()
  private readonly id: string

  constructor(id: string) {
    this.id = id
  }

  write(keys: number, perKey: number) {
    const messages: Array<{ readonly key: string; readonly value: string }> = []
    for (let i = 0; i < perKey; i++) {
      for (let key = 0; key < keys; key++) {
        const name = `key ${key}`
        const count = this.counts.get(name) ?? 0
        this.counts.set(name, count + 1)
        messages.push({ key: name, value: String(count) })
      }
    }
    return Outbox.sendAll(notesOf(this.id), messages)
  }

  /** All of them, once each, in order. */
  get expected(): ReadonlyMap<string, ReadonlyArray<number>> {
    return new Map([...this.counts].map(([key, count]) => [key, Array.from({ length: count }, (_, i) => i)]))
  }
}

/** A sequence of numbers that a seed determines (mulberry32), each of 0 to `below` - 1. */
export const numbersOf = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/** Relays that die one after the other while messages are written, then one that lives on. */
export const dyingInTurn = (place: Place, id: string, seed: number, deaths: number) =>
  Effect.gen(function*() {
    const exactlyOnce = { transactionalId: id }
    const next = numbersOf(seed)
    const writer = new Writer(id)
    const steps: Array<string | undefined> = []
    for (let i = 0; i < deaths; i++) {
      yield* writer.write(3, 1 + next(4))
      const options = { batchSize: 1 + next(6), concurrency: 1 + next(2), exactlyOnce }
      steps.push(yield* dying(place, 8 + next(60), options))
    }
    const last = yield* Effect.forkChild(Effect.provide(OutboxRelay.run({ exactlyOnce }), client(place)))
    yield* emptied
    yield* Fiber.interrupt(last)
    return { found: yield* committed(id), expected: writer.expected, steps }
  })
