/** Relays that take shards from each other, at a real PostgreSQL and the engine in memory. */
import { assert, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Codec, Health, KafkaEngine, KafkaError, Producer, Topic } from "millrace"
import { OutboxRelay } from "millrace/sql"
import { assertOnce, committed, dying, inMemory, Writer } from "./crashing.ts"
import { emptied, loggedCauses, ownDatabase, under, until } from "./kit.ts"

const queues = 17

const { place, prepared } = ownDatabase()

const id = "once"
const exactlyOnce = { transactionalId: id }

const kafka = inMemory(id)

layer(prepared, { excludeTestServices: true })("relays that take shards from each other", (it) => {
  it.effect("waits for the end of what may hide a receipt", () =>
    Effect.gen(function*() {
      const engine = yield* KafkaEngine.Service
      const writer = new Writer(id)
      const topic = `${id}.receipts`
      yield* Topic.ensure([{ name: topic }], { partitions: queues, config: { "cleanup.policy": "compact" } })
      const another = yield* engine.transactional("another")
      const opened = Effect.gen(function*() {
        yield* another.begin
        for (let partition = 0; partition < queues; partition++) {
          another.produce({ topic, partition, key: Buffer.from("another"), value: null }, () => {})
        }
        yield* another.flush(Duration.seconds(1))
      })
      // Before the first receipt, once the relay has its shard.
      const opening = {
        ...engine,
        transactional: (id: string) =>
          Effect.map(engine.transactional(id), (inner) =>
            Object.create(inner, { begin: { value: Effect.andThen(opened, inner.begin) } }) as typeof inner)
      }
      yield* writer.write(1, 3)
      yield* dying(place(), { at: "after commit", time: 1 }, { exactlyOnce, concurrency: 1 }).pipe(under(opening))
      const { layer, lines } = loggedCauses()
      yield* Effect.forkScoped(Effect.provide(OutboxRelay.run({ exactlyOnce }), layer))
      const isSaid = Effect.sync(() =>
        lines.some((line) => line.includes("another producer has a transaction open"))
      )
      yield* Effect.raceFirst(until(isSaid), emptied)
      yield* another.abort
      yield* emptied
      assertOnce(yield* committed(id), writer.expected)
      assert.isTrue(yield* isSaid)
    }).pipe(Effect.scoped, kafka), 60_000)

  it.effect(
    "publishes from each shard that it takes, however long that takes, and takes none that is empty",
    () =>
      Effect.gen(function*() {
        const engine = yield* KafkaEngine.Service
        const writer = new Writer(id)
        yield* writer.write(60, 3)
        const taken: Array<string> = []
        const slow = {
          ...engine,
          transactional: (id: string) =>
            Effect.gen(function*() {
              yield* Effect.sleep("300 millis")
              taken.push(id)
              return yield* engine.transactional(id)
            })
        }
        const relay = under(slow)(OutboxRelay.run({ exactlyOnce }))
        yield* Effect.scoped(Effect.gen(function*() {
          for (let i = 0; i < 3; i++) yield* Effect.forkScoped(relay)
          yield* emptied
        }))
        assertOnce(yield* committed(id), writer.expected)
        assert.deepStrictEqual(taken.toSorted(), Array.from(new Set(taken)).sort())
      }).pipe(Effect.scoped, kafka),
    60_000
  )

  it.effect("says that its transactions are fenced, and what that may be", () =>
    Effect.gen(function*() {
      const engine = yield* KafkaEngine.Service
      const fenced = KafkaError.make("commit", new KafkaError.Fenced({ problem: "transactional id" }))
      // As a broker does whose transactionTimeout they exceed.
      const ending = {
        ...engine,
        transactional: (id: string) =>
          Effect.map(engine.transactional(id), (inner) =>
            Object.create(inner, {
              commit: { value: Effect.andThen(Effect.sleep("1100 millis"), Effect.fail(fenced)) }
            }) as typeof inner)
      }
      yield* new Writer(id).write(1, 1)
      const { layer, lines } = loggedCauses()
      yield* Effect.forkScoped(Effect.provide(under(ending)(OutboxRelay.run({ exactlyOnce })), layer))
      yield* until(Effect.map(Health.services, (all) =>
        all.some(({ problems }) =>
          problems.some((problem) =>
            /^shard \d+ is fenced by another relay/.test(problem)
          )
        )))
      assert.isFalse(yield* Health.ready)
      assert.match(lines[0]!, /another relay of "once", or its transaction, 1 s long, was over the producer's trans/)
    }).pipe(Effect.scoped, kafka), 60_000)

  it.effect("finds a receipt behind many records of others", () =>
    Effect.gen(function*() {
      const writer = new Writer(id)
      yield* writer.write(1, 3)
      yield* dying(place(), { at: "after commit", time: 1 }, { exactlyOnce, concurrency: 1 })
      const Receipts = Topic.make(`${id}.receipts`, { key: Codec.string, value: Codec.string })
      for (let partition = 0; partition < queues; partition++) {
        const others = Array.from({ length: 300 }, (_, i) => ({ key: `other ${i}`, value: "x", partition }))
        yield* Producer.sendAll(Receipts, others)
      }
      yield* Effect.forkScoped(OutboxRelay.run({ exactlyOnce }))
      yield* emptied
      assertOnce(yield* committed(id), writer.expected)
    }).pipe(Effect.scoped, kafka), 60_000)

  it.effect(
    "takes a shard again whose transaction was refused while records of it were on their way",
    () =>
      Effect.gen(function*() {
        const engine = yield* KafkaEngine.Service
        const writer = new Writer(id)
        let taken = 0
        const refused = KafkaError.make("produce", new KafkaError.Timeout({ operation: "produce", timeoutMs: 1 }))
        const once = {
          ...engine,
          transactional: (id: string) =>
            Effect.map(engine.transactional(id), (inner) => {
              if (taken++ > 0) return inner
              let sent = 0
              return Object.create(inner, {
                // The first record is refused, and of the others nothing is known.
                produce: {
                  value: (_: unknown, done: KafkaEngine.DeliveryCallback) => {
                    if (sent++ === 0) queueMicrotask(() => done(refused, undefined))
                    return true
                  }
                }
              }) as typeof inner
            })
        }
        yield* writer.write(1, 3)
        yield* Effect.forkScoped(under(once)(OutboxRelay.run({ exactlyOnce })))
        yield* emptied
        assertOnce(yield* committed(id), writer.expected)
        assert.strictEqual(taken, 2)
      }).pipe(Effect.scoped, kafka),
    60_000
  )

  it.effect("publishes less at once where the topic takes no larger receipt", () =>
    Effect.gen(function*() {
      const config = { "cleanup.policy": "compact", "max.message.bytes": "400" }
      yield* Topic.ensure([{ name: `${id}.receipts` }], { partitions: queues, config })
      const writer = new Writer(id)
      yield* writer.write(1, 300)
      yield* Effect.forkScoped(OutboxRelay.run({ exactlyOnce }))
      yield* emptied
      assertOnce(yield* committed(id), writer.expected)
    }).pipe(Effect.scoped, kafka), 60_000)

  it.effect("names the topic of its receipts where that takes none at all", () =>
    Effect.gen(function*() {
      const config = { "cleanup.policy": "compact", "max.message.bytes": "10" }
      yield* Topic.ensure([{ name: `${id}.receipts` }], { partitions: queues, config })
      yield* new Writer(id).write(1, 3)
      const { layer, lines } = loggedCauses()
      yield* Effect.forkScoped(Effect.provide(OutboxRelay.run({ exactlyOnce }), layer))
      const isSaid = (line: string) => /shard \d+ of the outbox cannot be published.*topic "once.receipts"/.test(line)
      yield* until(Effect.sync(() => lines.some(isSaid)))
      assertOnce(yield* committed(id), new Map())
    }).pipe(Effect.scoped, kafka), 60_000)
})
