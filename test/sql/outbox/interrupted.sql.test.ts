/** Relays that are stopped as they are asked to, in any moment, while others go on. */
import { layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { KafkaEngine } from "millrace"
import { OutboxRelay } from "millrace/sql"
import { assertOnce, committed, inMemory, numbersOf, Writer } from "./crashing.ts"
import { emptied, ownDatabase, under } from "./kit.ts"

const { prepared } = ownDatabase()

const id = "once"

const kafka = inMemory(id)

/** An engine each step of whose transactions takes some milliseconds. */
const slowed = (engine: KafkaEngine.Service["Service"], next: (below: number) => number) => {
  const pause = Effect.suspend(() => Effect.sleep(Duration.millis(next(12))))
  const around = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.ensuring(Effect.andThen(pause, effect), pause)
  return {
    ...engine,
    transactional: (id: string) =>
      Effect.map(around(engine.transactional(id)), (inner) =>
        Object.create(inner, {
          begin: { value: around(inner.begin) },
          commit: { value: around(inner.commit) },
          abort: { value: around(inner.abort) }
        }) as typeof inner)
  }
}

layer(prepared, { excludeTestServices: true })("relays that are stopped", (it) => {
  for (let seed = 1; seed <= 3; seed++) {
    it.effect(`publish each message once, in order per key (${seed})`, () =>
      Effect.gen(function*() {
        const next = numbersOf(seed)
        const engine = slowed(yield* KafkaEngine.Service, next)
        const writer = new Writer(id)
        const started = Effect.suspend(() => {
          const options = { batchSize: 1 + next(6), concurrency: 1 + next(3), exactlyOnce: { transactionalId: id } }
          return Effect.forkChild(under(engine)(OutboxRelay.run(options)))
        })
        const relays = [yield* started, yield* started, yield* started]
        for (let i = 0; i < 30; i++) {
          yield* writer.write(4, 1 + next(5))
          yield* Effect.sleep(Duration.millis(next(80)))
          const which = next(relays.length)
          // It ends while the next one starts.
          yield* Effect.forkChild(Fiber.interrupt(relays[which]!))
          relays[which] = yield* started
        }
        yield* emptied
        assertOnce(yield* committed(id), writer.expected)
        yield* Effect.forEach(relays, Fiber.interrupt, { concurrency: "unbounded" })
      }).pipe(kafka), 120_000)
  }
})
