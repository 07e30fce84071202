/** A django-kafka application and Millrace on the same topics, as docs/coming-from-spring.md tells. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { DeadLetters, RetryTopics } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { createTopic, until } from "../../faults/cluster.ts"
import { sharedKafka } from "../../services/env.ts"
import { consumerOf, deliveries, handledBy, run, send, type Settings } from "../millrace.ts"
import { startDjango } from "./application.ts"

let used = 0

/** A topic and a group, with the topics that a broker would make by itself for django-kafka. */
const scene = Effect.fnUntraced(function*(partitions: number) {
  const topic = `dk-${process.pid}-${++used}`
  const group = `${topic}-group`
  for (const name of [topic, ...["retry.1", "retry.2", "dlt"].map((end) => `${group}.${topic}.${end}`)]) {
    yield* createTopic(name, partitions)
  }
  return { group, topic }
})

const django = (settings: { readonly group: string; readonly topic: string; readonly delay?: number }) =>
  Effect.acquireRelease(
    Effect.promise(() => startDjango({ version: "5.1.2", bootstrap: sharedKafka(), ...settings })),
    (peer) => Effect.promise(() => peer.stop())
  )

/** The policy of `RetrySettings(max_retries=2, delay)`: a topic for each retry, and the assignor of its client. */
const like = (place: { readonly group: string; readonly topic: string }, delay: number): Settings => ({
  ...place,
  delay,
  factor: 1,
  retries: 2,
  options: { naming: { ...RetryTopics.standard, separate: true } },
  more: { assignor: "range" }
})

const lettersOf = (settings: Settings) => Stream.runCollect(DeadLetters.records(consumerOf(settings)))

const everyDelivery = (values: ReadonlyArray<string>, most: number) =>
  values.flatMap((value) =>
    Array.from(
      { length: Math.min(most, Number(value.split(":")[1] ?? 0) + 1) },
      (_, n) => `${value} at ${n + 1}`
    )
  ).sort()

const engine = ConfluentKafka.layer({ bootstrapServers: [sharedKafka()] })

layer(engine, { timeout: "4 minutes", excludeTestServices: true })("a django-kafka application", (it) => {
  it.effect("is taken over where it stops, and gets its records back", () =>
    Effect.gen(function*() {
      const place = yield* scene(2)
      const ours = like(place, 6000)
      const application = yield* django({ ...place, delay: 6 })
      const values = ["ok", "second:1", "third:2", "dead:9"]
      yield* send(place.topic, values, 2)
      yield* Effect.promise(() => application.until("failed", values.slice(1)))
      yield* Effect.promise(() => application.stop())
      const member = yield* run(ours)
      yield* member.until("handled", ["second:1", "third:2"])
      yield* until("one is dead", Effect.map(lettersOf(ours), (all) => all.length === 1))
      assert.deepStrictEqual(deliveries(application.said, member.seen), everyDelivery(values, 3))
      // When it is due, and from the topics of django-kafka.
      const failedAt = application.said.find(({ value }) => value === "second:1")!.at
      const second = member.seen.find(({ value }) => value === "second:1")!
      assert.isAtLeast(second.at, failedAt + 6_000)
      assert.strictEqual(second.topic, `${place.group}.${place.topic}.retry.1`)
      // Back to it.
      const more = ["again:1", "gone:9"]
      yield* send(place.topic, more, 2)
      yield* member.until("failed", more)
      yield* member.stop
      const back = yield* django({ ...place, delay: 1 })
      yield* Effect.promise(() => back.until("handled", ["again:1"]))
      yield* until("another one is dead", Effect.map(lettersOf(ours), (all) => all.length === 2))
      assert.deepStrictEqual(
        deliveries(application.said, member.seen, back.said),
        everyDelivery([...values, ...more], 3)
      )
      const again = back.said.find(({ value }) => value === "again:1")!
      // Our copies do not have its header, so it does not wait for the time in ours.
      assert.notProperty(again["headers"], "RETRY_TIMESTAMP")
      assert.deepInclude(again["headers"], { "trace": "trace of again:1", "x-retry-executions": "1" })
      yield* Effect.promise(() => back.stop())
      const letters = yield* lettersOf(ours)
      console.log(
        letters.map(({ attempts, errorMessage, errorTag, family, key, origin }) => ({
          key: Buffer.from(key!).toString(),
          attempts,
          errorMessage,
          errorTag,
          family,
          origin
        }))
      )
      // Its dead letters go to the first retry topic, or to the source.
      const healed = yield* run({ ...ours, fails: false })
      yield* Stream.runDrain(DeadLetters.redrive(consumerOf(ours), { key: "gone" }))
      yield* healed.until("handled", ["gone:9"])
      assert.deepStrictEqual(healed.seen.map(({ topic }) => topic), [`${place.group}.${place.topic}.retry.1`])
      const moved = yield* Stream.runCollect(DeadLetters.redrive(consumerOf(ours), { key: "dead", to: "origin" }))
      assert.deepStrictEqual(moved.map(({ to }) => to.topic), [place.topic])
      yield* healed.until("handled", ["gone:9", "dead:9"])
      yield* healed.stop
    }))

  it.effect("shares its groups with Millrace", () =>
    Effect.gen(function*() {
      const place = yield* scene(4)
      const application = yield* django({ ...place, delay: 2 })
      const member = yield* run(like(place, 2000))
      const values = Array.from({ length: 400 }, (_, i) => `order-${i}:${i % 3}`)
      let sent = 0
      yield* until(
        "both handle records of the source and of retry topics",
        Effect.gen(function*() {
          const next = values.slice(sent, sent + 4)
          sent += next.length
          yield* send(place.topic, next, 4)
          yield* Effect.sleep("100 millis")
          return [application.said, member.seen].every((seen) =>
            [place.topic, `${place.group}.${place.topic}.retry.1`].every((topic) =>
              seen.some((one) => one.event === "handled" && one.topic === topic)
            )
          )
        })
      )
      const all = values.slice(0, sent)
      yield* until(
        "all are handled",
        Effect.sync(() => new Set(handledBy(application.said, member.seen)).size === all.length)
      )
      // Nothing is lost. A rebalance of its client may repeat some.
      assert.deepStrictEqual([...new Set(deliveries(application.said, member.seen))].sort(), everyDelivery(all, 3))
      yield* member.stop
    }))
})
