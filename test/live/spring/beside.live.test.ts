/** A Spring application and Millrace at the same time, and with other delays, as docs/coming-from-spring.md tells. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Consumer, OnFailure, RetryTopics } from "millrace"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import { until } from "../../faults/cluster.ts"
import { consumerOf, deliveries, handledBy, run, send, type Side } from "../millrace.ts"
import { command, engine, flags, lettersOf, scene, spring, withDeadLetters } from "./scene.ts"

const own = { naming: RetryTopics.standard }

const everyDelivery = (values: ReadonlyArray<string>) =>
  values.flatMap((value) =>
    Array.from({ length: Number(value.split(":")[1] ?? 0) + 1 }, (_, n) => `${value} at ${n + 1}`)
  ).sort()

const orders = (count: number) => Array.from({ length: count }, (_, i) => `order-${i}:${i % 3}`)

/** Waits until a group has so many members, each with partitions. */
const members = (group: string, count: number) =>
  until(
    `${group} has ${count} members`,
    Effect.gen(function*() {
      const admin = yield* (yield* KafkaEngine.Service).admin
      const [described] = yield* admin.describeGroups([group])
      const found = described?.members ?? []
      return found.length === count && found.every(({ assignment }) => assignment.length > 0)
    })
  )

/** Waits until all are handled, and sees that each delivery was made once, whoever made it. */
const allHandled = Effect.fnUntraced(function*(values: ReadonlyArray<string>, ...sides: ReadonlyArray<Side>) {
  yield* until(
    "all are handled",
    Effect.sync(() => new Set(handledBy(...sides)).size === values.length)
  )
  assert.deepStrictEqual(deliveries(...sides), everyDelivery(values))
})

layer(engine, { timeout: "4 minutes", excludeTestServices: true })("beside a Spring application", (it) => {
  it.effect("groups of their own get all records, and only their own retries", () =>
    Effect.gen(function*() {
      const { group, topic } = yield* scene(2)
      const application = yield* spring({ topic, group: `${topic}-spring`, partitions: 2 })
      const member = yield* run({ topic, group, options: own })
      const values = orders(12)
      yield* send(topic, values, 2)
      yield* member.until("handled", values)
      yield* Effect.promise(() => application.until("handled", values))
      assert.deepStrictEqual(deliveries(member.seen), everyDelivery(values))
      assert.deepStrictEqual(deliveries(application.said), everyDelivery(values))
      // With Spring's names it would read the retries of the other group.
      const beside = yield* Effect.flip(Consumer.run(consumerOf({ topic, group })))
      assert.match(beside.message, /group "\S+-spring-retry-\d+" reads "\S+-retry-\d+" as well/)
      yield* member.stop
    }))

  it.effect("one group shares the source, and each retries its own failures", () =>
    Effect.gen(function*() {
      const { group, topic } = yield* scene(4)
      // Kafka's client has range and cooperative-sticky, Millrace cooperative-sticky.
      const application = yield* spring({ topic, group, partitions: 4 })
      const member = yield* run({ topic, group, options: own })
      yield* members(group, 2)
      const values = orders(24)
      yield* send(topic, values, 4)
      yield* allHandled(values, application.said, member.seen)
      assert.isNotEmpty(handledBy(member.seen))
      assert.isNotEmpty(handledBy(application.said))
      yield* member.stop
    }))

  it.effect("one retry topic is shared as well, by one group for it", () =>
    Effect.gen(function*() {
      const { group, topic } = yield* scene(4)
      const application = yield* spring({ topic, group, partitions: 4, delay: 1000, multiplier: 0 })
      const options = { naming: RetryTopics.spring, group: `${group}-retry` }
      const member = yield* run({ topic, group, delay: 1000, factor: 1, options })
      yield* members(group, 2)
      yield* members(`${group}-retry`, 2)
      const values = orders(24)
      yield* send(topic, values, 4)
      yield* allHandled(values, application.said, member.seen)
      for (const seen of [application.said, member.seen]) {
        assert.isTrue(seen.some((one) => one.event === "handled" && one.topic === `${topic}-retry`))
      }
      yield* member.stop
    }))

  it.effect("Spring alone retries what failed at either", () =>
    Effect.gen(function*() {
      const { group, topic } = yield* scene(4)
      const application = yield* spring({ topic, group, partitions: 4 })
      // A policy without retries would still read the retry topics, because it could have made them once.
      const reading = consumerOf({ topic, group, onFailure: OnFailure.deadLetter })
      assert.include((yield* Effect.flip(Consumer.run(reading))).message, "as well, and each record there would")
      const onFailure = OnFailure.deadLetterTo(`${topic}-retry-500`)
      const member = yield* run({ topic, group, onFailure, options: own })
      yield* members(group, 2)
      const values = orders(24)
      yield* send(topic, values, 4)
      yield* allHandled(values, application.said, member.seen)
      assert.isTrue(member.seen.every((one) => one.topic === topic))
      const failed = member.seen.find(({ event }) => event === "failed")!
      const second = application.said.find(({ attempt, value }) => value === failed.value && attempt === 2)!
      assert.deepInclude(second, { topic: `${topic}-retry-500`, originalTopic: topic, originalOffset: failed.offset })
      yield* member.stop
    }))

  it.effect("other delays are other topics: Spring forgets the old ones, Millrace does not", () =>
    Effect.gen(function*() {
      const { group, topic } = yield* scene()
      const [old, changed] = [[3000, 6000, 12000], [1500, 3000, 6000]] as const
      const first = yield* spring({ topic, group, delay: old[0] })
      yield* send(topic, ["moved:3", "dead:9"])
      yield* Effect.promise(() => first.until("failed", ["moved:3", "dead:9"]))
      const third = (value: string) => first.said.some((one) => one.value === value && one.attempt === 3)
      yield* until("both wait in the last topic", Effect.sync(() => third("moved:3") && third("dead:9")))
      yield* Effect.promise(() => first.stop())
      const second = yield* spring({ topic, group, delay: changed[0] })
      yield* send(topic, ["new:3"])
      yield* Effect.promise(() => second.until("handled", ["new:3"]))
      yield* Effect.promise(() => second.stop())
      assert.isTrue(second.said.every(({ value }) => (value ?? null) === null || value === "new:3"))
      const ours = { topic, group, delay: changed[0] }
      const groups = flags([...changed, old[2]], group, "--from-group")
      const adopt = yield* command(ours, "retry", "adopt", ...groups, "--yes")
      assert.strictEqual(adopt.code, 0, adopt.err)
      const listed = yield* command(ours, "retry", "ls")
      assert.match(listed.out, new RegExp(`${topic}-retry-${old[2]} +1  OLD +2 `))
      // Their last delivery, at Millrace: one is handled, the other is dead.
      const member = yield* run(ours)
      yield* member.until("handled", ["moved:3"])
      yield* withDeadLetters(ours, 1)
      assert.deepStrictEqual(deliveries(member.seen), ["dead:9 at 4", "moved:3 at 4"])
      const [letter] = yield* lettersOf(ours)
      assert.deepInclude(letter, { attempts: 4, errorTag: "Declined", family: "millrace" })
      assert.strictEqual(letter!.origin?.topic, topic)
      // Millrace's own delays change.
      yield* send(topic, ["later:2"])
      yield* member.until("failed", ["later:2"])
      yield* member.stop
      const failed = member.seen.find(({ value }) => value === "later:2")!
      const changedAgain = yield* run({ ...ours, delay: 2000 })
      yield* changedAgain.until("handled", ["later:2"])
      // From the old topic when it is due there, then by the second delay of the new policy.
      const places = changedAgain.seen.map(({ attempt, topic: at }) => [at.slice(topic.length), attempt])
      assert.deepStrictEqual(places, [[`-retry-${changed[0]}`, 2], ["-retry-4000", 3]])
      assert.isAtLeast(changedAgain.seen[0]!.at, failed.at + changed[0])
      yield* changedAgain.stop
    }))
})
