/** What a member commits while its group forms: the coordinator takes nothing before every member has its share. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { afterAll, beforeAll } from "vitest"
import * as ConfluentKafka from "../../../../src/engine/ConfluentKafka.ts"
import * as KafkaEngine from "../../../../src/engine/KafkaEngine.ts"
import { type Broker, startBroker } from "../../../services/kafka.ts"
import { apis, type RequestProxy, startRequestProxy } from "../../../services/requestProxy.ts"
import { fresh, numbered, open, type Owner, produce, until } from "../mock.ts"
import { deadline } from "./groupTests.ts"

let broker: Broker
let proxy: RequestProxy
beforeAll(async () => {
  broker = await startBroker()
  proxy = await startRequestProxy({ listen: broker.ports.proxy, upstream: broker.ports.proxied })
})
afterAll(async () => {
  proxy.close()
  await broker.remove()
})

const config = { groupProtocol: "classic", assignor: "cooperative-sticky", sessionTimeout: "20 seconds" } as const
const all = [0, 1, 2, 3]

const engine = (clientId: string) =>
  Layer.build(ConfluentKafka.layer({
    bootstrapServers: [broker.proxied],
    clientId,
    consumer: { fetchMaxWait: "10 millis" }
  }))

/** Two members of a group that have read three records from each partition, and stored nothing. */
const pair = Effect.gen(function*() {
  const [topic, group] = [fresh("forming"), fresh("group")]
  const own = yield* engine("test")
  const admin = yield* Effect.provide(Effect.flatMap(KafkaEngine.Service, (service) => service.admin), own)
  yield* admin.createTopic({ name: topic, partitions: all.length })
  yield* Effect.provide(produce(all.flatMap((partition) => numbered(topic, 0, 3, partition))), own)
  const member = (clientId: string) =>
    Effect.flatMap(engine(clientId), (made) => Effect.provide(open({ topics: [topic], group, config }), made))
  const [first, second] = [yield* member("first"), yield* member("second")]
  const share = ({ assigned }: Owner) => assigned.size === 2
  const shared = () => share(first) && share(second)
  yield* Effect.all([first.run(shared, "a share"), second.run(shared, "a share")], { concurrency: 2 })
  const positions = all.filter((partition) => first.assigned.has(`${topic}/${partition}`))
    .map((partition) => ({ topic, partition, offset: 3 }))
  const committed = Effect.map(
    admin.groupOffsets(group),
    (offsets) =>
      offsets.filter(({ partition }) => positions.some((one) => one.partition === partition))
        .map(({ offset, partition, topic }) => ({ topic, partition, offset }))
        .sort((a, b) => a.partition - b.partition)
  )
  return { committed, first, member, positions, second }
})

const codes = (owner: Owner) =>
  owner.find("CommitFailed").map(({ error: { reason } }) => reason._tag === "BrokerError" ? reason.code : reason._tag)

/** The second member is slow to join, and a third one begins: until `release` the first has no answer to its join. */
const slowJoin = Effect.gen(function*() {
  const group = yield* pair
  const { first, member, second } = group
  const joins = proxy.sent(apis.joinGroup, "first")
  proxy.hold(apis.joinGroup, "second")
  const third = yield* member("third")
  yield* first.run(() => proxy.sent(apis.joinGroup, "first") > joins, "its join")
  let over = false
  const others = yield* Effect.forkChild(
    Effect.all([second.run(() => over, "the end"), third.run(() => over, "the end")], { concurrency: 2 }),
    { startImmediately: true }
  )
  const end = Effect.gen(function*() {
    over = true
    yield* Fiber.join(others)
    yield* Effect.all([second.client.close(deadline), third.client.close(deadline)], { concurrency: 2 })
  })
  return { ...group, end }
})

describe("while its group forms", () => {
  it.live("a member that ends commits what it stored as soon as it can", () =>
    Effect.scoped(Effect.gen(function*() {
      const { committed, first, positions, second } = yield* pair
      // The first is told to join again, and alone: it leads, and has still to say who gets what.
      proxy.hold(apis.syncGroup)
      yield* second.client.close(deadline)
      yield* first.run(() => proxy.held() > 0, "its share of the work of forming the group")
      for (const position of positions) assert.isTrue(first.client.store(position))
      const closing = yield* Effect.forkChild(first.client.close(deadline), { startImmediately: true })
      yield* until(() => codes(first).length > 1, "the refused commits")
      proxy.release()
      yield* Fiber.join(closing)
      assert.deepStrictEqual(new Set(codes(first)), new Set([27]))
      assert.deepStrictEqual(yield* committed, positions)
    })), 60_000)

  it.live(
    "a member that ends before it has an answer to its join commits what it stored",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { committed, end, first, positions } = yield* slowJoin
        for (const position of positions) assert.isTrue(first.client.store(position))
        const commits = proxy.sent(apis.offsetCommit, "first")
        const closing = yield* Effect.forkChild(first.client.close(deadline), { startImmediately: true })
        yield* until(() => proxy.sent(apis.offsetCommit, "first") > commits, "the commit")
        proxy.release()
        yield* Fiber.join(closing)
        assert.include(codes(first), 22)
        assert.deepStrictEqual(yield* committed, positions)
        yield* end
      })),
    60_000
  )

  it.live("a commit by name is repeated, too", () =>
    Effect.scoped(Effect.gen(function*() {
      const { committed, end, first, positions } = yield* slowJoin
      const commits = proxy.sent(apis.offsetCommit, "first")
      const commit = yield* Effect.forkChild(first.client.commit(positions), { startImmediately: true })
      yield* until(() => proxy.sent(apis.offsetCommit, "first") > commits, "the commit")
      proxy.release()
      yield* first.run(() => commit.pollUnsafe() !== undefined, "its answer")
      yield* Fiber.join(commit)
      assert.include(codes(first), 22)
      assert.deepStrictEqual(yield* committed, positions)
      yield* first.client.close(deadline)
      yield* end
    })), 60_000)
})
