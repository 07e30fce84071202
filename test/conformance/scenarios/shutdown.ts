import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { Consumer, Retry, Topic } from "millrace"
import type { Group, World } from "../harness.ts"
import { scenario } from "../harness.ts"
import { produce, runProgram, textTopic } from "../members.ts"
import { partitions, routes } from "../routes.ts"

const once = Retry.nonBlocking(Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 1 })))

/** While a record of a retry topic is in work for long, the program ends: the source topic rests at once. */
const restsAtOnce = Effect.fnUntraced(function*(
  world: World,
  program: <E>(consumer: Consumer.Consumer<E, never>) => Parameters<typeof runProgram>[2]
) {
  const { group, topic } = yield* routes(world, 1)
  const started: Array<string> = []
  let retrying = 0
  let finished = 0
  const consumer = Consumer.make(group, {
    offsetReset: "earliest",
    ...world.settings,
    drainTimeout: 4 * world.slowMillis,
    onFailure: once,
    handlers: [
      Topic.handle(textTopic(topic), (record) => {
        if (record.topic === topic) {
          started.push(record.value)
          return record.value === "0" ? Effect.fail("no") : Effect.sleep(20)
        }
        retrying++
        return Effect.andThen(Effect.sleep(world.slowMillis), Effect.sync(() => finished++))
      })
    ]
  })
  yield* produce(topic, 0, 800, partitions)
  const member = yield* runProgram(world, group, program(consumer))
  yield* world.until("the retried record is in work", Effect.sync(() => retrying === 1))
  const before = started.length
  yield* member.stop
  // One of each partition may begin before the interruption is there.
  assert.isAtMost(started.length, before + partitions)
  assert.strictEqual(finished, 1)
  assert.isBelow(started.length, 800)
})

export const shutdown: Group = {
  title: "the members of a consumer with retry topics",
  scenarios: [
    scenario("stop together", [], (world) => restsAtOnce(world, Consumer.run)),
    scenario(
      "stop together, as a layer",
      [],
      (world) =>
        restsAtOnce(
          world,
          (consumer) =>
            Effect.scoped(Effect.flatMap(Effect.scope, (scope) =>
              Effect.andThen(Scope.provide(Layer.build(Consumer.layer(consumer)), scope), Effect.never)))
        )
    )
  ]
}
