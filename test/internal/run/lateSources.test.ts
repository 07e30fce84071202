/** A consumer that starts before its source topic exists, on a cluster that makes none by itself. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { Admin, Codec, Consumer, ConsumerControl, Health, Producer, Retry, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })

const isolated = Layer.mergeAll(
  InMemoryKafka.layerWith({ autoCreateTopics: false }),
  Layer.sync(ConsumerControl.Registry, () => new Set()),
  Layer.sync(Health.Registry, () => new Set()),
  Logger.layer([])
)

it.effect("makes the retry topics of a source that appears later", () =>
  Effect.gen(function*() {
    const tried: Array<string> = []
    const consumer = Consumer.make("g", {
      offsetReset: "earliest",
      onFailure: Retry.nonBlocking(Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 }))),
      handlers: [Topic.handle(Notes, ({ topic }) => {
        tried.push(topic)
        return Effect.fail("no")
      })]
    })
    yield* Layer.build(Consumer.layer(consumer))
    yield* TestClock.adjust("10 seconds")
    assert.isFalse((yield* Health.all).every(({ healthy }) => healthy))
    yield* Topic.ensure([Notes], { partitions: 2 })
    yield* TestClock.adjust("2 minutes")
    assert.isTrue((yield* Health.all).every(({ healthy }) => healthy))
    yield* Producer.send(Notes, { key: null, value: "a" })
    yield* TestClock.adjust("1 minute")
    assert.deepStrictEqual(tried, ["notes", "g.notes.retry.1"])
    const topics = (yield* Admin.listTopics).map(({ name }) => name).filter((name) => name.startsWith("g."))
    assert.deepStrictEqual(topics.sort(), ["g.notes.dlt", "g.notes.retry.1"])
  }).pipe(Effect.scoped, Effect.provide(isolated)))
