import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll } from "vitest"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import { produce } from "../conformance/members.ts"
import { shortSessions } from "../services/brokerConfig.ts"
import { type Broker, startBroker } from "../services/kafka.ts"
import type { FaultProxy } from "../services/proxy.ts"
import { createTopic, engineAt, startLoad, until } from "./cluster.ts"
import { type Scene, scene, stop } from "./scene.ts"

const partitions = 6
const sessionMillis = 6_000

let broker: Broker
let proxy: FaultProxy
beforeAll(async () => {
  // Longer than it hangs; when it was killed it registers again only after this.
  broker = await startBroker({ config: { ...shortSessions, "broker.session.timeout.ms": 4000 } })
  proxy = await broker.startProxy()
})
afterAll(async () => {
  await proxy.close()
  await broker.remove()
})

const consumer = { sessionTimeout: sessionMillis }

/** Two members work while something happens to the broker, or to the way there; then everything is handled. */
const survive = (
  way: "direct" | "proxied",
  happens: (scene: Scene) => Effect.Effect<unknown, unknown, KafkaEngine.Service>
) =>
  Effect.suspend(() =>
    scene(
      { broker, partitions, consumer, bootstrap: way === "direct" ? broker.bootstrap : broker.proxied },
      (scene) =>
        Effect.gen(function*() {
          const { finish, group, handledAll, share, topic, works } = scene
          const load = yield* startLoad(topic, 0, partitions)
          const [a, b] = [group.start("a"), group.start("b")]
          yield* share([a, b])
          yield* Effect.all([works(a), works(b)], { concurrency: 2 })
          yield* happens(scene)
          yield* share([a, b])
          yield* Effect.all([works(a), works(b)], { concurrency: 2 })
          const total = yield* load.end
          yield* handledAll(total)
          yield* finish([a, b], total)
        })
    )
  )

/** How long a fault lasts: nothing else tells when it has been there for long enough. */
const lasts = (millis: number) => Effect.sleep(Duration.millis(millis))

/** The broker has given all members up. */
const isEmpty = (groupId: string) =>
  Effect.flatMap(
    Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin),
    (admin) => Effect.map(admin.describeGroups([groupId]), ([group]) => group?.members.length === 0)
  )

describe("an admin client that was connected before", () => {
  it.live("lists offsets after a restart of the broker, which makes a new leader of it", () =>
    Effect.gen(function*() {
      const engine = yield* engineAt(broker.bootstrap)
      yield* Effect.gen(function*() {
        const topic = "led"
        yield* createTopic(topic, 1)
        yield* produce(topic, 0, 10, 1)
        const admin = yield* (yield* KafkaEngine.Service).admin
        const ends = admin.listOffsets([{ topic, partition: 0 }], "latest")
        assert.deepStrictEqual(yield* ends, [{ topic, partition: 0, offset: 10 }])
        yield* Effect.promise(broker.restart)
        assert.deepStrictEqual(yield* ends, [{ topic, partition: 0, offset: 10 }])
      }).pipe(Effect.provide(engine))
    }))
})

describe("members in the middle of their work survive", () => {
  it.live("a restart of the broker", () => survive("direct", () => Effect.promise(broker.restart)))

  it.live("a crash of the broker", () =>
    survive("direct", () =>
      Effect.gen(function*() {
        yield* Effect.promise(broker.kill)
        yield* lasts(500)
        yield* Effect.promise(broker.start)
      })))

  it.live("a broker that hangs for a while", () =>
    survive("direct", () =>
      Effect.gen(function*() {
        broker.pause()
        yield* lasts(2_000)
        broker.continue()
      })))

  it.live("connections that are cut again and again", () =>
    survive("proxied", () =>
      Effect.gen(function*() {
        for (let time = 0; time < 8; time++) {
          yield* until("they are connected", Effect.sync(() => proxy.connections() > 0))
          proxy.cut()
          yield* lasts(300)
        }
      })))

  it.live("a network that swallows everything for less than the session", () =>
    survive("proxied", () =>
      Effect.gen(function*() {
        proxy.blackhole()
        yield* lasts(2_000)
        yield* Effect.promise(proxy.heal)
      })))

  it.live("a network that swallows everything for longer than the session: all is lost, and taken up again", () =>
    survive("proxied", ({ group, groupId }) =>
      Effect.gen(function*() {
        proxy.blackhole()
        group.outcast("a")
        group.outcast("b")
        yield* until("their sessions are over", isEmpty(groupId))
        yield* Effect.promise(proxy.heal)
        yield* until("they know", Effect.sync(() => group.lost("a") && group.lost("b")))
      })))

  it.live("a slow network", () =>
    survive("proxied", () =>
      Effect.gen(function*() {
        proxy.latency(100)
        yield* lasts(2_000)
        yield* Effect.promise(proxy.heal)
      })))
})

describe("members that are told to end", () => {
  it.live("do so though their broker is gone: no commit without an answer keeps a process alive", () =>
    scene(
      { broker, partitions, consumer: { ...consumer, closeTimeout: 3_000 } },
      ({ finish, group, handledAll, share, topic, works }) =>
        Effect.gen(function*() {
          const load = yield* startLoad(topic, 0, partitions)
          const members = ["a", "b", "c", "d", "e", "f"].map((name) => group.start(name))
          yield* share(members)
          yield* Effect.forEach(members, works, { concurrency: "unbounded" })
          for (const { name } of members) group.outcast(name)
          yield* Effect.promise(broker.kill)
          yield* Effect.forEach(members, stop, { concurrency: "unbounded" })
          yield* Effect.promise(broker.start)
          const last = group.start("g")
          const total = yield* load.end
          yield* handledAll(total)
          yield* finish([last], total)
        })
    ))
})
