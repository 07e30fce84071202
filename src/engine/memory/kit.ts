/** What makes tests short: what a topic holds as values, letting everything run, and passing a lot of time at once. */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { RawHeader, RawRecord } from "../Model.ts"
import type { Cluster } from "./cluster/cluster.ts"
import type { Control, Readable } from "./options.ts"

/** A value codec, as far as it is used here: its module is above the engines. */
interface ValueCodec {
  readonly decoder: (site: { readonly topic: string; readonly part: "value" }) => Effect.Effect<
    (bytes: Uint8Array | null, headers: ReadonlyArray<RawHeader>) => unknown,
    never,
    any
  >
}

const isPending = (value: unknown): value is { readonly effect: Effect.Effect<unknown, unknown> } =>
  Predicate.hasProperty(value, "effect") && Effect.isEffect(value.effect)

/** The values of records, decoded. */
export const decodeValues = <V, RD>(
  topic: Readable<V, RD>,
  records: ReadonlyArray<RawRecord>
): Effect.Effect<ReadonlyArray<V>, never, RD> => {
  // A topic has its codecs with it; they are no part of its public type.
  const { codecs: { value: codec } } = topic as unknown as { readonly codecs: { readonly value: ValueCodec } }
  return Effect.flatMap(
    codec.decoder({ topic: topic.name, part: "value" }),
    (decode) =>
      Effect.forEach(records, ({ headers = [], offset, partition, value }) =>
        Effect.suspend(() => {
          const decoded = decode(value, headers)
          // Its codec says that it makes values of this type.
          return isPending(decoded) ? decoded.effect as Effect.Effect<V> : Effect.succeed(decoded as V)
        }).pipe(
          Effect.catchCause((cause) => {
            const problem = `${topic.name}/${partition} offset ${offset} cannot be decoded`
            return Effect.die(new Error(problem, { cause }))
          })
        ))
  )
}

/** How many turns of the other fibers nothing has to happen in for a test to go on, and how many there are at most. */
const quietTurns = 100
const mostTurns = 100_000

/** Lets everything run that needs no time to pass. */
export const settle = ({ mail }: Cluster): Effect.Effect<void> =>
  Effect.gen(function*() {
    let seen = mail.posted
    let quiet = 0
    for (let turn = 0; turn < mostTurns && quiet < quietTurns; turn++) {
      yield* Effect.yieldNow
      quiet = mail.posted === seen ? quiet + 1 : 0
      seen = mail.posted
    }
  })

/** Moves the clock of the test. */
export const jump = (cluster: Cluster): Control["jump"] => (duration) =>
  Effect.gen(function*() {
    const clock: unknown = yield* Clock.Clock
    if (!Predicate.hasProperty(clock, "adjust") || typeof clock.adjust !== "function") {
      return yield* Effect.die(new Error("jump moves the TestClock of a test; it does nothing to a clock that runs"))
    }
    // Every clock that has it has it with this type.
    const adjust = clock.adjust as (duration: Duration.Input) => Effect.Effect<void>
    yield* settle(cluster)
    cluster.jumping = true
    yield* Effect.ensuring(adjust(duration), Effect.sync(() => cluster.jumping = false))
    yield* settle(cluster)
  })
