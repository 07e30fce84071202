import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import type { ClientEvent, ConsumerClientOptions } from "../../../src/engine/KafkaEngine.ts"
import type { Group, World } from "../harness.ts"
import { scenario } from "../harness.ts"
import { produce } from "../members.ts"

/** A client without any settings, whose owner answers and stores at once. */
const bare = Effect.fnUntraced(function*(group: string, topic: string, config: ConsumerClientOptions["config"] = {}) {
  const events: Array<ClientEvent> = []
  const client = yield* (yield* KafkaEngine.Service).consumer({
    subscription: { _tag: "Group", groupId: group, topics: [topic], patterns: [] },
    offsetReset: "earliest",
    config,
    signalEnd: false,
    onReady: () => {},
    onEvent: (event) => events.push(event)
  })
  let read = 0
  let answered = 0
  const step = Effect.gen(function*() {
    const rebalances = events.filter((event) => event._tag === "Rebalance")
    for (const event of rebalances.slice(answered)) {
      answered++
      yield* client.answer(event.id)
    }
    for (const chunk of client.poll(100, 1_000_000)) {
      read += chunk.records.length
      client.store({ topic: chunk.topic, partition: chunk.partition, offset: chunk.next })
    }
    return read
  })
  return {
    client,
    events,
    step,
    kinds: () => events.flatMap((event) => event._tag === "Rebalance" ? [event.kind] : [])
  }
})

const committedAll = (world: World, group: string, topic: string) =>
  Effect.map(world.committed(group, topic), (all) => all.reduce((sum, { offset }) => sum + offset, 0))

export const defaults: Group = {
  title: "the defaults",
  scenarios: [
    scenario(
      "share cooperatively: who stays keeps its partitions while another joins",
      ["classic groups"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const group = world.name("group")
          const first = yield* bare(group, topic)
          yield* world.until("it is assigned", Effect.map(first.step, () => first.kinds().length === 1))
          const second = yield* bare(group, topic)
          yield* world.until(
            "both are assigned",
            Effect.map(Effect.andThen(first.step, second.step), () =>
              second.events.some((event) =>
                event._tag === "Rebalance" && event.kind === "assign" && event.partitions.length === 2
              ))
          )
          const revokes = first.events.filter((event) =>
            event._tag === "Rebalance" && event.kind === "revoke"
          )
          assert.lengthOf(revokes, 1)
          assert.lengthOf((revokes[0] as Extract<ClientEvent, { _tag: "Rebalance" }>).partitions, 2)
        })
    ),
    scenario(
      "commit what is stored every 5 seconds, not before",
      ["classic groups"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const group = world.name("group")
          yield* produce(topic, 0, 20, 4)
          const owner = yield* bare(group, topic)
          yield* world.until("all are read", Effect.map(owner.step, (read) => read === 20))
          const commits = () => owner.events.filter((event) => event._tag === "Committed").length
          const before = commits()
          yield* world.until(
            "they are committed",
            Effect.map(
              Effect.andThen(owner.step, committedAll(world, group, topic)),
              (sum) => sum === 20
            )
          )
          // The next record waits for the next turn of the timer.
          yield* produce(topic, 20, 24, 4)
          yield* world.until("the next are read", Effect.map(owner.step, (read) => read === 24))
          yield* world.advance(2_000)
          yield* owner.step
          assert.strictEqual(yield* committedAll(world, group, topic), 20)
          yield* world.until(
            "they are committed",
            Effect.map(
              Effect.andThen(owner.step, committedAll(world, group, topic)),
              (sum) => sum === 24
            )
          )
          yield* owner.step
          assert.isAbove(commits(), before)
        })
    ),
    scenario("acknowledge commits truly, also at an unchanged offset", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(4)
        const group = world.name("group")
        yield* produce(topic, 0, 20, 4)
        const owner = yield* bare(group, topic, { ...world.settings, commitInterval: "1 minute" })
        yield* world.until("all are read", Effect.map(owner.step, (read) => read === 20))
        for (let time = 0; time < 2; time++) {
          yield* owner.client.commit([{ topic, partition: 0, offset: 3, metadata: `time ${time}` }])
          const [position] = yield* owner.client.committed([{ topic, partition: 0 }])
          assert.deepInclude(position, { offset: 3, metadata: `time ${time}` })
        }
      }))
  ]
}
