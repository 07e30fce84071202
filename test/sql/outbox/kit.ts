/** What tests of a relay have in common. */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { KafkaEngine } from "millrace"
import { Outbox } from "millrace/sql"

export const until = <E, R>(condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.gen(function*() {
    while (!(yield* condition)) yield* Effect.sleep("5 millis")
  })

export const emptied = until(Effect.map(Outbox.status, ({ waiting }) => waiting === 0))

export const logged = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => void lines.push(String(message)))
  return { lines, layer: Logger.layer([logger]) }
}

export type Produce = KafkaEngine.ProducerClient["produce"]

/** An engine whose producer does something else with each message. */
export const producing = (change: (inner: Produce) => Produce) =>
  Effect.map(KafkaEngine.Service, (engine) => ({
    ...engine,
    producer: Effect.map(
      engine.producer,
      (inner) =>
        Object.create(inner, { produce: { value: change((m, done) => inner.produce(m, done)) } }) as typeof inner
    )
  }))

export const under = (engine: KafkaEngine.Service["Service"]) => Effect.provideService(KafkaEngine.Service, engine)
