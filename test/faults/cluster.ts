/** What fault scenarios do to a broker's cluster, in real time. */
import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { ConfluentKafka } from "millrace/confluent"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import type { Position } from "../../src/engine/KafkaEngine.ts"
import { produce } from "../conformance/members.ts"
import { full } from "../full.ts"

/** Only a failing test waits for so long; a machine that is busy with other things needs it. */
const patienceMillis = 120_000

/** So many records at a time, and so long in between. */
const loadStep = full ? 200 : 20
const loadMillis = 50

/** Waits for a condition; fails with `what` when it does not come true. */
export const until = Effect.fnUntraced(function*<E, R>(
  what: string,
  condition: Effect.Effect<boolean, E, R>,
  millis: number = patienceMillis
) {
  const end = performance.now() + millis
  while (!(yield* condition)) {
    if (performance.now() > end) assert.fail(`${what}: not within ${millis} ms`)
    yield* Effect.sleep(Duration.millis(50))
  }
})

/** An engine at a bootstrap server, for as long as the scope. */
export const engineAt = (bootstrap: string, options: Partial<ConfluentKafka.Options> = {}) =>
  Effect.map(
    Layer.build(ConfluentKafka.layer({ bootstrapServers: [bootstrap], ...options })),
    (context) => Context.pick(KafkaEngine.Service)(context)
  )

/** Makes a topic and waits until it can be used. */
export const createTopic = Effect.fnUntraced(function*(name: string, partitions: number) {
  const admin = yield* (yield* KafkaEngine.Service).admin
  yield* admin.createTopic({ name, partitions })
  yield* until(
    `topic ${name}`,
    Effect.map(admin.describeTopics([name]), ([topic]) => topic?.partitions.length === partitions)
  )
})

/** The committed positions of a group. */
export const committed = Effect.fnUntraced(function*(group: string): Effect.fn.Return<
  ReadonlyArray<Position>,
  unknown,
  KafkaEngine.Service
> {
  return yield* (yield* (yield* KafkaEngine.Service).admin).groupOffsets(group)
})

/** Where the partitions of a topic end. */
export const endsOf = Effect.fnUntraced(function*(topic: string): Effect.fn.Return<
  ReadonlyArray<Position>,
  unknown,
  KafkaEngine.Service
> {
  const admin = yield* (yield* KafkaEngine.Service).admin
  const [found] = yield* admin.describeTopics([topic])
  const count = found?.partitions.length ?? 0
  return yield* admin.listOffsets(Array.from({ length: count }, (_, partition) => ({ topic, partition })), "latest")
})

/** Ends that are not committed; nothing has to be committed of an empty partition. */
export const uncommitted = (
  positions: ReadonlyArray<Position>,
  ends: ReadonlyArray<Position>
): ReadonlyArray<string> =>
  ends.flatMap(({ offset, partition, topic }) => {
    const position = positions.find((one) => one.topic === topic && one.partition === partition)
    return (position?.offset ?? 0) === offset
      ? []
      : [`${topic}/${partition} ends at ${offset} and is committed at ${position?.offset ?? "no offset"}`]
  })

/** Load until it is told to end. */
export interface Load {
  readonly sent: () => number
  /** Ends it, and answers how many records there are. */
  readonly end: Effect.Effect<number, unknown>
}

/** Sends numbers from `from` on, a few every now and then, as long as the scope. */
export const startLoad = Effect.fnUntraced(function*(topic: string, from: number, partitions: number) {
  let sent = from
  let ending = false
  const fiber = yield* Effect.forkScoped(
    Effect.gen(function*() {
      while (!ending) {
        yield* produce(topic, sent, sent + loadStep, partitions)
        sent += loadStep
        yield* Effect.sleep(Duration.millis(loadMillis))
      }
    }).pipe(Effect.tapCause((cause) => Effect.logError("the load failed", cause)))
  )
  const load: Load = {
    sent: () => sent,
    end: Effect.suspend(() => {
      ending = true
      return Effect.as(Fiber.join(fiber), undefined)
    }).pipe(Effect.map(() => sent))
  }
  return load
})
