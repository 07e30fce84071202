/** The in-memory cluster as a target: a cluster per scenario, on the test's clock. */
import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import type { KafkaConfig } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import type { Harness, Member, World } from "./harness.ts"

/** How long a condition may take on the test's clock, and how far each look moves it. */
const patienceMillis = 300_000
const stepMillis = 50

/** A scenario's cluster, and the means to break it. */
export const makeWorld = Effect.fnUntraced(function*(assignor: KafkaConfig.Assignor) {
  const context = yield* Layer.build(InMemoryKafka.layerWith({ autoCreateTopics: false }))
  const memory = Context.get(context, InMemoryKafka)
  const engine = Context.make(KafkaEngine.Service, Context.get(context, KafkaEngine.Service))
  const admin = yield* Context.get(context, KafkaEngine.Service).admin
  let names = 0
  const name = (prefix: string) => `${prefix}-${++names}`

  const idOf = Effect.fnUntraced(function*(member: Member) {
    const mine = (yield* member.assignment).join()
    const members = yield* memory.members(member.group)
    const found = members.find(({ assignment }) =>
      assignment.map(({ partition, topic }) => `${topic}/${partition}`).sort().join() === mine
    )
    assert.isDefined(found, `${member.name} is in its group, with ${mine}`)
    return found!.memberId
  })

  const world: World = {
    engine,
    settings: { assignor },
    sessionMillis: 45_000,
    commitMillis: 5_000,
    slowMillis: 2_000,
    name,
    topic: Effect.fnUntraced(function*(partitions, options = {}) {
      const { config, name: topic = name("topic") } = options
      yield* admin.createTopic({ name: topic, partitions, config })
      return topic
    }),
    foreignProduce: (messages) => Effect.forEach(messages, memory.produce, { discard: true }),
    committed: (group, topic) =>
      Effect.map(memory.committed(group), (all) => all.filter((position) => position.topic === topic)),
    network: Effect.acquireRelease(
      Effect.succeed({ engine, down: memory.broker("down"), up: memory.broker("up") }),
      () => memory.broker("up")
    ),
    dieSilently: (member) => Effect.flatMap(idOf(member), (id) => memory.kill(member.group, id)),
    expire: (member) => Effect.flatMap(idOf(member), (id) => memory.expire(member.group, id)),
    forbidden: Effect.gen(function*() {
      const topic = name("secret")
      yield* admin.createTopic({ name: topic, partitions: 4 })
      yield* memory.revokeAuthorization({ resource: "topic", name: topic })
      return { topic, engine }
    }),
    advance: TestClock.adjust,
    until: Effect.fnUntraced(function*(what, condition) {
      for (let passed = 0; passed < patienceMillis; passed += stepMillis) {
        if (yield* condition) return
        yield* TestClock.adjust(Duration.millis(stepMillis))
      }
      assert.fail(`${what}: not within ${patienceMillis} ms`)
    })
  }
  return { ...world, memory }
})

/** The target for one assignor. */
export const memoryHarness = (assignor: KafkaConfig.Assignor): Harness => ({
  name: `in memory, ${assignor}`,
  clock: "test",
  cannot: {},
  world: makeWorld(assignor)
})
