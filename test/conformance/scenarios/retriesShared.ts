import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Consumer, Retry, RetryTopics, Topic } from "millrace"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import type { Group } from "../harness.ts"
import { scenario } from "../harness.ts"
import { Ledger } from "../ledger.ts"
import { join, runMember, textTopic } from "../members.ts"
import { committedAt, message } from "../routes.ts"

export const retriesShared: Group = {
  title: "retry topics that another application reads",
  scenarios: [
    scenario(
      "are refused while it has members, and taken over where it ended",
      ["topics admin", "groups admin"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(1)
          const tier = yield* world.topic(1, { name: `${topic}-retry` })
          const [group, theirs] = [world.name("ours"), world.name("theirs")]
          yield* world.foreignProduce([message(tier, "theirs")])
          const ledger = new Ledger()
          const application = yield* join(world, { group: theirs, topics: [tier], ledger })
          yield* world.until("it read its record", Effect.map(committedAt(world, theirs, tier, 0), (at) => at === 1))
          const seen: Array<string> = []
          const consumer = Consumer.make(group, {
            offsetReset: "earliest",
            ...world.settings,
            onFailure: Retry.nonBlocking(Schedule.spaced("200 millis").pipe(Schedule.upTo({ times: 1 }))),
            retries: { naming: RetryTopics.spring },
            handlers: [Topic.handle(textTopic(topic), ({ value }) => Effect.sync(() => void seen.push(value)))]
          })
          const beside = yield* Effect.flip(Effect.provide(Consumer.run(consumer), world.engine))
          assert.include(beside.message, `group "${theirs}" reads "${tier}" as well`)
          const early = yield* Effect.flip(RetryTopics.adopt(consumer, { from: [theirs] }))
          assert.include(early.message, "has 1 members")
          yield* application.stop
          const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
          yield* world.until(
            "it is gone",
            Effect.map(admin.describeGroups([theirs]), (groups) => groups.every(({ members }) => members.length === 0))
          )
          yield* world.foreignProduce([message(tier, "ours")])
          const adopted = yield* RetryTopics.adopt(consumer, { from: [theirs] })
          assert.deepStrictEqual(adopted.map(({ after, before }) => [before, after]), [[undefined, 1]])
          const member = yield* runMember(world, consumer)
          yield* world.until("what is left is handled", Effect.sync(() => seen.length > 0))
          yield* world.until(
            "it is committed",
            Effect.map(committedAt(world, `${group}.retry`, tier, 0), (offset) => offset === 2)
          )
          yield* member.stop
          assert.deepStrictEqual(seen, ["ours"])
        })
    )
  ]
}
