import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Codec, Consumer, Retry, Topic } from "millrace"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import type { Group } from "../harness.ts"
import { scenario } from "../harness.ts"
import { runMember } from "../members.ts"
import { Boom, message, recordsOf } from "../routes.ts"

export const retriesPatterns: Group = {
  title: "retry and dead letter topics beside a pattern",
  scenarios: [
    scenario(
      "are not sources: two groups with wide patterns make no topics of each other's dead letters",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const prefix = world.name("wide")
          const source = Topic.pattern(new RegExp(`.*${prefix}.*`), {
            key: Codec.nullable(Codec.bytes),
            value: Codec.bytes
          })
          const groups = [world.name("one"), world.name("two")]
          const [first, later] = [`${prefix}.a`, `${prefix}.b`]
          yield* world.topic(1, { name: first })
          yield* world.foreignProduce([message(first, "bad")])
          const members = yield* Effect.forEach(groups, (group) =>
            runMember(
              world,
              Consumer.make(group, {
                offsetReset: "earliest",
                ...world.settings,
                onFailure: Retry.nonBlocking(Schedule.spaced("200 millis").pipe(Schedule.upTo({ times: 1 }))),
                handlers: [Topic.handle(source, () => new Boom())]
              })
            ))
          for (const group of groups) yield* recordsOf(world, `${group}.${first}.dlt`, 1, 1)
          // Who has seen this one has seen the dead letter topics before.
          yield* world.topic(1, { name: later })
          for (const member of members) {
            yield* world.until(
              "it is found",
              Effect.map(member.assignment, (all) => all.includes(`${later}/0`))
            )
          }
          const assigned = yield* Effect.forEach(members, (member) => member.assignment)
          for (const member of members) yield* member.stop
          for (const all of assigned) {
            assert.deepStrictEqual([...all].sort(), [`${first}/0`, `${later}/0`])
          }
          const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
          const names = (yield* admin.listTopics).map(({ name }) => name).filter((name) => name.includes(prefix))
          const expected = groups.flatMap((group) =>
            [first, later].flatMap((topic) => [`${group}.${topic}.retry.1`, `${group}.${topic}.dlt`])
          )
          assert.deepStrictEqual(names.sort(), [first, later, ...expected].sort())
        })
    )
  ]
}
