import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Codec, Producer, Topic } from "millrace"
import { afterEach, beforeEach } from "vitest"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import type { Position } from "../../src/engine/KafkaEngine.ts"
import { full } from "../full.ts"
import { shortSessions } from "../services/brokerConfig.ts"
import { type Broker, startBroker } from "../services/kafka.ts"
import { createTopic, engineAt, until } from "./cluster.ts"
import { faultsOf } from "./retries/chance.ts"
import { isDead, places, valueOf } from "./retries/fates.ts"
import { readLetters } from "./retries/letters.ts"
import { Group, Members } from "./retries/members.ts"

const partitions = 6
/** Of both groups together. */
const records = full ? 400_000 : 100_000
const perGroup = records / 2
const keys = partitions * 50
const seed = 20_261_126

const rejoinMillis = 90_000

const delays = { nonBlocking: 200, blocking: 100 }
const retries = { nonBlocking: 2, blocking: 3 }

let broker: Broker
beforeEach(async () => {
  broker = await startBroker({ config: shortSessions })
})
afterEach(() => broker.remove())

const where = places(partitions, keys)
const bytesOf = (topic: string) => Topic.make(topic, { key: Codec.string, value: Codec.string })
const step = 1_000

/** Sends a range of numbers to both topics, a little of each in turns. */
const produce = Effect.fnUntraced(function*(topics: ReadonlyArray<string>, from: number, to: number) {
  for (let begin = from; begin < to; begin += step) {
    const messages = Array.from({ length: Math.min(step, to - begin) }, (_, i) => ({
      key: where.keyOf(begin + i),
      value: valueOf(begin + i),
      partition: where.partitionOf(begin + i),
      headers: { n: String(begin + i) }
    }))
    for (const topic of topics) yield* Producer.sendAll(bytesOf(topic), messages)
  }
})

const numbers = (which: (n: number) => boolean): Array<number> =>
  Array.from({ length: perGroup }, (_, n) => n).filter(which)

/** What is missing and what is too much, a few of each: sets of this size are not to be printed. */
const difference = (is: Iterable<number>, should: Iterable<number>) => {
  const [a, b] = [new Set(is), new Set(should)]
  return {
    missing: [...b].filter((n) => !a.has(n)).slice(0, 10),
    tooMuch: [...a].filter((n) => !b.has(n)).slice(0, 10)
  }
}
const none = { missing: [], tooMuch: [] }

/** The offsets at which the topics of a group end, and what is committed there. */
const endsOf = Effect.fnUntraced(function*(topics: ReadonlyArray<string>) {
  const admin = yield* (yield* KafkaEngine.Service).admin
  const all = topics.flatMap((topic) => Array.from({ length: partitions }, (_, partition) => ({ topic, partition })))
  return yield* admin.listOffsets(all, "latest")
})

const isAtEnd = (positions: ReadonlyArray<Position>, ends: ReadonlyArray<Position>): boolean =>
  ends.every((end) =>
    end.offset === 0
    || positions.some(({ offset, partition, topic }) =>
      topic === end.topic && partition === end.partition && offset === end.offset
    )
  )

const check = Effect.fnUntraced(function*(group: Group) {
  const positions = yield* group.committed
  group.sync()
  assert.deepStrictEqual(group.book.tooFar(positions), [])
  assert.deepStrictEqual(group.book.problems.slice(0, 10), [])
})

const topicsOf = ({ topic }: Group, tiers: number): ReadonlyArray<string> => [
  topic,
  ...Array.from({ length: tiers }, (_, i) => `${topic}.${topic}.retry.${i + 1}`)
]

/** Whether all is committed of a group with so many retry topics. */
const isCommitted = (group: Group, tiers: number) =>
  Effect.zipWith(group.committed, endsOf(topicsOf(group, tiers)), isAtEnd)

/** Everything that is to be said of one group in the end, when its members are gone. */
const verdict = Effect.fnUntraced(function*(group: Group, deliveries: number, executions: number, tiers: number) {
  const { book, topic } = group
  yield* check(group)
  assert.deepStrictEqual(difference(book.handled, numbers((n) => !isDead(n))), none)
  yield* until(`${topic} is committed to its end`, isCommitted(group, tiers))
  const { copies, wrong } = yield* readLetters(`${topic}.${topic}.dlt`, {
    topic,
    group: topic,
    places: where,
    executions,
    deliveries
  })
  assert.deepStrictEqual(wrong.slice(0, 10), [])
  assert.deepStrictEqual(difference(copies.keys(), numbers(isDead)), none)
  const letters = [...copies.values()].reduce((sum, count) => sum + count, 0)
  const { failed, forgotten, handled, lost, mostFailures, repeated } = book.counts
  console.log(
    `${topic}: ${book.handled.size} handled and ${copies.size} dead; ${handled - book.handled.size} handled twice, `
      + `${letters - copies.size} letters twice, ${repeated} begun again; ${failed} failures, at most ${mostFailures} `
      + `of one record, ${forgotten} of them forgotten at handovers; ${lost} partitions lost`
  )
})

describe("retries and dead letters on a real broker", () => {
  it.live(
    "records fail, processes are killed, the broker restarts: each ends handled or dead, none is lost",
    () =>
      Effect.gen(function*() {
        const attempts = { nonBlocking: retries.nonBlocking + 1, blocking: retries.blocking + 1 }
        const through = new Group("through", {
          topic: "through",
          stride: undefined,
          attemptIn: (topic) => Number(/\.retry\.(\d+)$/.exec(topic)?.[1] ?? 0) + 1,
          attempts: attempts.nonBlocking
        })
        const inPlace = new Group("in-place", {
          topic: "in-place",
          stride: keys,
          attemptIn: () => undefined,
          attempts: attempts.blocking
        })
        const groups = [through, inPlace]
        const topics = groups.map(({ topic }) => topic)
        const members = new Members(groups, {
          bootstrap: broker.bootstrap,
          nonBlocking: through.topic,
          blocking: inPlace.topic,
          delays,
          retries,
          slowMillis: 20,
          consumer: { sessionTimeout: 8_000 }
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => members.end()))
        const settled = () => groups.reduce((sum, group) => sum + group.sync().settled, 0)

        yield* Effect.gen(function*() {
          for (const topic of topics) yield* createTopic(topic, partitions)
          members.start("a")
          members.start("b")
          const shared = until(
            "two members share all partitions",
            Effect.sync(() =>
              groups.every((group) => {
                const each = members.running.map((name) => group.sync().partitionsOf(name, group.topic))
                return each.every((owned) => owned > 0) && each.reduce((sum, owned) => sum + owned, 0) === partitions
              })
            ),
            // A killed member's session has to end, and a client that lost its brokers for good has to be noticed.
            rejoinMillis
          )
          yield* shared
          const faults = faultsOf(seed, full)
          const portion = perGroup / (faults.length + 1)
          for (const [i, { at, what }] of faults.entries()) {
            const load = yield* Effect.forkScoped(produce(topics, i * portion, (i + 1) * portion))
            const enough = 2 * (i + at) * portion
            yield* until(`${enough} records are settled`, Effect.sync(() => settled() >= enough))
            if (what === "restart") yield* Effect.promise(broker.restart)
            else yield* members.replace(what)
            yield* Fiber.join(load)
            yield* shared
            for (const group of groups) yield* check(group)
          }
          yield* produce(topics, faults.length * portion, perGroup)
          yield* until("all records are settled", Effect.sync(() => settled() === records))
          for (const name of members.running) yield* members.stop(name)
          const all = Effect.zipWith(
            isCommitted(through, retries.nonBlocking),
            isCommitted(inPlace, 0),
            (one, other) => one && other
          )
          // A session that a busy machine lost took its last commit along, and nobody else is there to commit.
          if (!(yield* all)) {
            members.start("last")
            yield* until("a last member has committed all", all)
            yield* members.stop("last")
          }
          yield* verdict(through, attempts.nonBlocking, attempts.nonBlocking, retries.nonBlocking)
          yield* verdict(inPlace, 1, attempts.blocking, 0)
        }).pipe(
          Effect.tapCause(() => Effect.sync(() => console.error(members.story))),
          Effect.provide(yield* engineAt(broker.bootstrap, { requestTimeout: "5 seconds" }))
        )
      }),
    full ? 900_000 : 240_000
  )
})
