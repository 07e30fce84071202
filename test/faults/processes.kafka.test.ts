import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Consumer } from "millrace"
import { afterAll, beforeAll } from "vitest"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import { shortSessions } from "../services/brokerConfig.ts"
import { type Broker, startBroker } from "../services/kafka.ts"
import { committed, engineAt, startLoad, until } from "./cluster.ts"
import { scene, stop } from "./scene.ts"

const partitions = 6
/** Soon over for those who are killed, or hang; long for those whose records must not be handled twice at all. */
const sessionMillis = 5_000
const patientMillis = 30_000

let broker: Broker
beforeAll(async () => {
  broker = await startBroker({ config: shortSessions })
})
afterAll(() => broker.remove())

const kinds: ReadonlyArray<readonly [name: string, settings: Partial<Consumer.Settings>]> = [
  ["eager", { assignor: "range", sessionTimeout: sessionMillis }],
  ["cooperative", { sessionTimeout: sessionMillis }],
  ["kip-848", { groupProtocol: "consumer" }]
]

const run = (consumer: Partial<Consumer.Settings>, body: Parameters<typeof scene>[1]) =>
  Effect.suspend(() => scene({ broker, partitions, consumer }, body))

describe("processes of a group", { concurrent: true }, () => {
  for (const [kind, settings] of kinds) {
    const patient = settings.sessionTimeout === undefined ? settings : { ...settings, sessionTimeout: patientMillis }
    it.live(`two join and leave under load: nothing is lost or doubled (${kind})`, () =>
      run(patient, ({ group, groupId, handledAll, share, topic, works }) =>
        Effect.gen(function*() {
          const load = yield* startLoad(topic, 0, partitions)
          const a = group.start("a")
          yield* works(a)
          const b = group.start("b")
          yield* share([a, b])
          yield* works(b)
          yield* stop(a)
          yield* share([b])
          const total = yield* load.end
          yield* handledAll(total)
          yield* stop(b)
          assert.deepStrictEqual(group.ledger.duplicates, [])
          const positions = yield* committed(groupId)
          assert.strictEqual(positions.reduce((sum, { offset }) => sum + offset, 0), total)
        })))

    it.live(`one is killed with -9: the others go on, and only its records repeat (${kind})`, () =>
      run(settings, ({ finish, group, handledAll, share, topic, works }) =>
        Effect.gen(function*() {
          const load = yield* startLoad(topic, 0, partitions)
          const [a, b] = [group.start("a"), group.start("b")]
          yield* share([a, b])
          yield* works(a)
          yield* Effect.promise(a.kill)
          yield* share([b])
          const total = yield* load.end
          yield* handledAll(total)
          yield* finish([b], total)
        })))

    it.live(`one hangs for longer than its session: it is told that all is lost, and comes back (${kind})`, () =>
      run(settings, ({ finish, group, handledAll, share, topic, works }) =>
        Effect.gen(function*() {
          const load = yield* startLoad(topic, 0, partitions)
          const [a, b] = [group.start("a"), group.start("b")]
          yield* share([a, b])
          yield* works(a)
          a.hang()
          yield* until("the other one has all", Effect.sync(() => group.partitionsOf("b") === partitions))
          a.continue()
          yield* until("it knows", Effect.sync(() => group.lost("a")))
          yield* share([a, b])
          const total = yield* load.end
          yield* handledAll(total)
          yield* finish([a, b], total)
        })))
  }

  it.live("five join and leave under load: nothing is lost or doubled", () =>
    run({ sessionTimeout: patientMillis }, ({ group, handledAll, share, topic }) =>
      Effect.gen(function*() {
        const load = yield* startLoad(topic, 0, partitions)
        const members = ["a", "b", "c", "d", "e"].map((name) => group.start(name))
        yield* share(members)
        yield* Effect.forEach(members.slice(0, 4), stop, { concurrency: 2 })
        yield* share(members.slice(4))
        yield* handledAll(yield* load.end)
        yield* stop(members[4]!)
        assert.deepStrictEqual(group.ledger.duplicates, [])
      })))

  it.live("new partitions under load are shared and read from the beginning", () =>
    run({ sessionTimeout: patientMillis }, ({ group, handledAll, share, topic }) =>
      Effect.gen(function*() {
        const before = yield* startLoad(topic, 0, partitions)
        const [a, b] = [group.start("a"), group.start("b")]
        yield* share([a, b])
        const admin = yield* (yield* KafkaEngine.Service).admin
        yield* admin.createPartitions(topic, partitions + 4)
        yield* until(
          "they are there",
          Effect.map(admin.describeTopics([topic]), ([found]) => found?.partitions.length === partitions + 4)
        )
        // A producer that has not seen the topic before knows all of its partitions.
        const after = yield* Effect.provide(
          startLoad(topic, yield* before.end, partitions + 4),
          yield* engineAt(broker.bootstrap)
        )
        yield* share([a, b], partitions + 4)
        yield* handledAll(yield* after.end)
        yield* stop(a)
        yield* stop(b)
        assert.deepStrictEqual(group.ledger.duplicates, [])
      })))
})
