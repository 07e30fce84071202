import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Codec, Consumer, OnFailure, Retry, Topic } from "millrace"
import type { Group, World } from "../harness.ts"
import { scenario } from "../harness.ts"
import { runMember } from "../members.ts"
import { message } from "../routes.ts"

const codecs = { key: Codec.nullable(Codec.bytes), value: Codec.string }

const once = Retry.nonBlocking(Schedule.spaced("200 millis").pipe(Schedule.upTo({ times: 1 })))

/** Handles the patterns until `good` is handled and `bad` is held, and returns why it is. */
const held = Effect.fnUntraced(function*(
  world: World,
  good: string,
  bad: string,
  patterns: ReadonlyArray<RegExp>,
  onFailure: OnFailure.OnFailure<unknown>
) {
  const handled: Array<string> = []
  yield* world.topic(2, { name: good })
  yield* world.foreignProduce([message(good, "1")])
  const member = yield* runMember(
    world,
    Consumer.make(world.name("group"), {
      offsetReset: "earliest",
      ...world.settings,
      onFailure,
      handlers: patterns.map((pattern) =>
        Topic.handle(
          Topic.pattern(pattern, codecs),
          ({ topic, value }) => Effect.sync(() => handled.push(`${topic} ${value}`))
        )
      )
    })
  )
  yield* world.until("the first is handled", Effect.sync(() => handled.length === 1))
  yield* world.topic(2, { name: bad })
  yield* world.foreignProduce([message(bad, "2")])
  yield* world.until("it is held", Effect.map(member.health, (health) => health?.held.length === 2))
  yield* world.foreignProduce([message(good, "3")])
  yield* world.until("the others go on", Effect.sync(() => handled.length === 2))
  const health = (yield* member.health)!
  assert.isFalse(health.healthy)
  assert.strictEqual(health.status, "running")
  assert.deepStrictEqual(handled, [`${good} 1`, `${good} 3`])
  assert.strictEqual(member.events.filter(({ _tag }) => _tag === "Held").length, 2)
  yield* member.stop
  assert.deepStrictEqual(health.held.map(({ partition, topic }) => [topic, partition]).sort(), [[bad, 0], [bad, 1]])
  return health.held[0]!.error.message
})

export const refusedTopics: Group = {
  title: "topics of patterns",
  scenarios: [
    scenario(
      "that cannot be prepared are held, and the others go on",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const prefix = world.name("refused")
          // The names of its retry topics would be too long.
          const bad = `${prefix}.${"x".repeat(240 - prefix.length)}`
          const problem = yield* held(world, `${prefix}.a`, bad, [new RegExp(`${prefix}\\..*`)], once)
          assert.include(problem, "249")
        })
    ),
    scenario(
      "that two patterns match are held, and the error names both",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const prefix = world.name("overlap")
          const patterns = [new RegExp(`${prefix}\\.a.*`), new RegExp(`${prefix}\\..*b`)]
          const problem = yield* held(world, `${prefix}.a`, `${prefix}.ab`, patterns, OnFailure.stop)
          for (const pattern of patterns) assert.include(problem, String(pattern))
        })
    ),
    scenario("of which there are none end a bounded read at once", [], (world) =>
      Effect.gen(function*() {
        const consumer = Consumer.make(world.name("group"), {
          offsetReset: "earliest",
          ...world.settings,
          until: "end",
          onFailure: OnFailure.stop,
          handlers: [
            Topic.handle(Topic.pattern(new RegExp(`${world.name("nothing")}\\..*`), codecs), () => Effect.void)
          ]
        })
        const member = yield* runMember(world, consumer)
        assert.isUndefined(yield* member.ended)
      }))
  ]
}
