/** Librdkafka's mock cluster as a target: no broker is needed, and less is possible than on one. */
import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { Producer } from "millrace"
import type { NativeConsumer, NativePosition } from "../../src/engine/confluent/shared/native.ts"
import { load } from "../../src/engine/confluent/shared/native.ts"
import * as ConfluentKafka from "../../src/engine/ConfluentKafka.ts"
import type { TopicDescription } from "../../src/engine/KafkaEngine.ts"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import * as Errors from "../../src/KafkaError.ts"
import { Mock, mockCluster } from "../engine/confluent/mock.ts"
import { bindingLimits } from "./bindingLimits.ts"
import type { Ability, Harness, Limit, World } from "./harness.ts"
import { produceNatively, until } from "./kafkaHarness.ts"
import { Ledger } from "./ledger.ts"
import { join, reasonOf, textTopic } from "./members.ts"

const partitions = 4
const requestTimeoutMillis = 6_000

const adminOf = Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)

/** Shows that a call is refused, or never answered. */
const refuses = (
  reason: string,
  call: (world: World) => Effect.Effect<unknown, unknown, KafkaEngine.Service>
): Limit["proof"] =>
(world) => Effect.map(Effect.flip(call(world)), (error) => assert.strictEqual(reasonOf(error), reason))

const limits: { readonly [ability in Ability]?: Limit } = {
  ...bindingLimits,
  "acknowledged time": {
    reason: "the mock cluster acknowledges every record with the same timestamp",
    proof: Effect.fnUntraced(function*(world) {
      const topic = textTopic(yield* world.topic(partitions))
      const sent = yield* Producer.send(topic, { key: null, value: "x", timestamp: Date.now() })
      assert.strictEqual(sent.timestamp, 1234)
    })
  },
  "any partition count": {
    reason: "the mock cluster makes topics by itself, with four partitions",
    proof: Effect.fnUntraced(function*(world) {
      const topic = textTopic(yield* world.topic(300))
      const sent = yield* Producer.sendAll(
        topic,
        Array.from({ length: 100 }, (_, i) => ({ key: `k${i}`, value: "x" }))
      )
      assert.strictEqual(Math.max(...sent.map(({ partition }) => partition)), partitions - 1)
    })
  },
  "crowds": { reason: "the mock cluster keeps partitions back when members leave in the middle of a rebalance" },
  "topics admin": {
    reason: "the mock cluster does not answer requests to create or delete topics",
    proof: refuses(
      "Timeout",
      (world) => Effect.flatMap(adminOf, (admin) => admin.createTopic({ name: world.name("new"), partitions: 1 }))
    )
  },
  "groups admin": { reason: "describing a group of the mock cluster ends the process" },
  "records admin": {
    reason: "the mock cluster knows no request to delete records",
    proof: refuses("BrokerError", (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        yield* Producer.send(textTopic(topic), { key: null, value: "x", partition: 0 })
        yield* (yield* adminOf).deleteRecords([{ topic, partition: 0, offset: 1 }])
      }))
  },
  "classic groups": { reason: "a classic rebalance of the mock cluster takes a session and refuses commits" },
  "transactions": {
    reason: "the mock cluster shows aborted records",
    proof: Effect.fnUntraced(function*(world) {
      const topic = textTopic(yield* world.topic(partitions))
      const message = { key: null, value: "aborted", partition: 0 }
      yield* Effect.flip(
        Producer.transaction(world.name("tx"), Effect.andThen(Producer.send(topic, message), Effect.fail("no")))
      )
      const ledger = new Ledger()
      const member = yield* join(world, { group: world.name("group"), topics: [topic.name], ledger })
      yield* world.until("the aborted one is there", Effect.sync(() => ledger.handled.length === 1))
      yield* member.stop
    })
  },
  "authorization": { reason: "the mock cluster knows no users and no rules" },
  "network": { reason: "the mock cluster names its own address to clients, so that nothing can stand in between" }
}

/** What the scenarios of a file share. */
export interface Shared {
  readonly bootstrap: string
  readonly engine: Context.Context<KafkaEngine.Service | ConfluentKafka.RawClient>
  readonly end: () => Promise<void>
}

/** Starts a cluster and an engine on it. */
export const startShared = async (): Promise<Shared> => {
  const scope = Scope.makeUnsafe()
  const cluster = await Effect.runPromise(Layer.buildWithScope(mockCluster, scope))
  const { bootstrap } = Context.get(cluster, Mock)
  const options = { bootstrapServers: [bootstrap], requestTimeout: requestTimeoutMillis }
  const engine = await Effect.runPromise(Layer.buildWithScope(ConfluentKafka.layer(options), scope))
  return {
    bootstrap,
    engine,
    end: () => Effect.runPromise(Scope.close(scope, Effect.runSync(Effect.exit(Effect.void))))
  }
}

/** The committed positions, asked by a consumer with the group's name that does not join it. */
const committed = (bootstrap: string, group: string, topic: string) =>
  Effect.flatMap(load, (native) =>
    Effect.callback<ReadonlyArray<NativePosition>>((resume) => {
      const consumer: NativeConsumer = new native.KafkaConsumer({ "bootstrap.servers": bootstrap, "group.id": group })
      const wanted = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
      consumer.connect({ timeout: 5_000 }, () => {
        consumer.committed(wanted, 5_000, (_error, positions) => {
          consumer.disconnect(() => resume(Effect.succeed(positions ?? [])))
        })
      })
    }))

/**
 * What the mock cluster tells of its topics: it answers no request to describe or list them, but those for metadata.
 * One that is asked for by name is made.
 */
const metadata = (raw: ConfluentKafka.RawClient["Service"], topic?: string) =>
  // A busy machine may let one time out, and a topic that was just made may not be in the first answer.
  Effect.retry(asked(raw, topic), Schedule.spaced("50 millis").pipe(Schedule.upTo({ times: 40 })))

const asked = (raw: ConfluentKafka.RawClient["Service"], topic?: string) =>
  raw.use((client) =>
    new Promise<ReadonlyArray<TopicDescription>>((resolve, reject) => {
      const { getMetadata } = client as Pick<NativeConsumer, "getMetadata">
      const options = topic === undefined ? { timeout: 5_000 } : { topic, timeout: 5_000 }
      getMetadata.call(client, options, (error, found) => {
        if (error) return reject(error)
        const { topics } = found as Metadata
        // The answer may have other topics that the client knows.
        const wanted = topics.filter(({ name }) => topic === undefined || name === topic)
        const isThere = topic === undefined || wanted.some(({ partitions }) => partitions.length > 0)
        if (!isThere) return reject(new Error(`topic "${topic}" is not known yet`))
        resolve(wanted.map(({ name, partitions }) => ({
          name,
          internal: false,
          partitions: partitions.map(({ id, leader }) => ({ partition: id, leader, replicas: [], inSync: [] }))
        })))
      })
    })
  )

interface Metadata {
  readonly topics: ReadonlyArray<
    { readonly name: string; readonly partitions: ReadonlyArray<{ readonly id: number; readonly leader: number }> }
  >
}

/** The engine, with the questions about topics answered that every consumer with retry topics asks. */
const describing = (engine: Shared["engine"]): Context.Context<KafkaEngine.Service> => {
  const raw = Context.get(engine, ConfluentKafka.RawClient)
  const real = Context.get(engine, KafkaEngine.Service)
  return Context.make(KafkaEngine.Service, {
    ...real,
    admin: Effect.map(real.admin, (admin) => ({
      ...admin,
      listTopics: Effect.orDie(metadata(raw)),
      describeTopics: (names: ReadonlyArray<string>) =>
        Effect.map(Effect.orDie(Effect.forEach(names, (name) => metadata(raw, name))), (all) => all.flat()),
      // It would end the process.
      describeGroups: () =>
        Effect.fail(Errors.make("describe groups", new Errors.Unsupported({ engine: "mock", capability: "configs" })))
    }))
  })
}

const makeWorld = (name: World["name"], { bootstrap, engine }: Shared) =>
  Effect.sync(() => {
    const raw = Context.get(engine, ConfluentKafka.RawClient)
    const nowhere = Effect.die("the mock cluster cannot do this; the scenario must name what it needs")
    const world: World = {
      engine: describing(engine),
      settings: { groupProtocol: "consumer", commitInterval: 300, metadataRefresh: 500, fetchMaxWait: 10 },
      sessionMillis: 6_000,
      commitMillis: 300,
      slowMillis: 1_000,
      name,
      topic: (_, options) => {
        const topic = options?.name ?? name("topic")
        return Effect.as(metadata(raw, topic), topic)
      },
      foreignProduce: (messages) => produceNatively(raw, messages),
      committed: (group, topic) =>
        Effect.map(committed(bootstrap, group, topic), (all) =>
          all.flatMap(({ offset = -1, partition }) => offset < 0 ? [] : [{ topic, partition, offset }])),
      network: nowhere,
      dieSilently: () =>
        nowhere,
      expire: () => nowhere,
      forbidden: nowhere,
      advance: Effect.sleep,
      until
    }
    return world
  })

/** The target; `shared` is there when the first scenario runs. */
export const mockHarness = (shared: () => Shared): Harness => {
  let names = 0
  return {
    name: "on the mock cluster",
    clock: "real",
    cannot: limits,
    world: Effect.suspend(() => makeWorld((prefix) => `${prefix}-mock-${++names}`, shared()))
  }
}
