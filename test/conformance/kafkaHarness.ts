/** A real broker as a target, through Confluent's client: scenarios run side by side on one broker, in real time. */
import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { KafkaConfig } from "millrace"
import * as ConfluentKafka from "../../src/engine/ConfluentKafka.ts"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import type { RawMessage } from "../../src/engine/KafkaEngine.ts"
import { users } from "../services/brokerConfig.ts"
import { shortSessions } from "../services/brokerConfig.ts"
import { denySecretsToMallory } from "../services/foreignClient.ts"
import { type Broker, startBroker } from "../services/kafka.ts"
import type { FaultProxy } from "../services/proxy.ts"
import { bindingLimits } from "./bindingLimits.ts"
import type { Harness, Member, World } from "./harness.ts"

/** Long enough for a busy machine, short enough to be waited for. */
export const sessionMillis = 6_000
const patienceMillis = 60_000
const lookMillis = 20

/** Waits for a condition in real time. */
export const until: World["until"] = Effect.fnUntraced(function*(what, condition) {
  const end = performance.now() + patienceMillis
  while (!(yield* condition)) {
    if (performance.now() > end) assert.fail(`${what}: not within ${patienceMillis} ms`)
    yield* Effect.sleep(Duration.millis(lookMillis))
  }
})

/** Writes with a native producer that is not Millrace's. */
export const produceNatively = (raw: ConfluentKafka.RawClient["Service"], messages: ReadonlyArray<RawMessage>) =>
  raw.use((client) => {
    const producer = client as {
      readonly produce: (...args: ReadonlyArray<unknown>) => unknown
      readonly flush: (timeout: number, done: (error: unknown) => void) => void
    }
    for (const { headers, key, partition, timestamp, topic, value } of messages) {
      producer.produce(
        topic,
        partition ?? null,
        value === null ? null : Buffer.from(value),
        key === null ? null : Buffer.from(key),
        timestamp ?? null,
        undefined,
        headers?.map(([name, bytes]) => ({ [name]: bytes === null ? null : Buffer.from(bytes) }))
      )
    }
    return new Promise<void>((resolve, reject) => {
      producer.flush(10_000, (error) => error === null || error === undefined ? resolve() : reject(error))
    })
  })

/** What all scenarios of a file share: a broker with its proxy, and the engines at its listeners. */
export interface Shared {
  readonly broker: Broker
  readonly engine: Context.Context<KafkaEngine.Service | ConfluentKafka.RawClient>
  readonly proxied: Context.Context<KafkaEngine.Service>
  readonly outsider: Context.Context<KafkaEngine.Service>
  readonly proxy: FaultProxy
  readonly networkTurn: Semaphore.Semaphore
  readonly end: () => Promise<void>
}

/** Starts what a file shares. */
export const startShared = async (): Promise<Shared> => {
  const broker = await startBroker({ config: { ...shortSessions, "group.consumer.heartbeat.interval.ms": 300 } })
  const [proxy] = await Promise.all([broker.startProxy(), denySecretsToMallory(broker.bootstrap)])
  const scope = Scope.makeUnsafe()
  const engine = ({ at, ...options }: Partial<ConfluentKafka.Options> & { readonly at: string }) =>
    Effect.runPromise(Layer.buildWithScope(
      ConfluentKafka.layer({ bootstrapServers: [at], ...options }),
      scope
    ))
  const sasl = { mechanism: "scram-sha-256", username: "mallory", password: Redacted.make(users.mallory) } as const
  return {
    broker,
    proxy,
    engine: await engine({ at: broker.bootstrap }),
    proxied: await engine({ at: broker.proxied, connectTimeout: "2 seconds" }),
    outsider: await engine({ at: broker.saslPlaintext, sasl }),
    networkTurn: Semaphore.makeUnsafe(1),
    end: async () => {
      await Effect.runPromise(Scope.close(scope, Effect.runSync(Effect.exit(Effect.void))))
      await proxy.close()
      await broker.remove()
    }
  }
}

const makeWorld = (
  name: (prefix: string) => string,
  shared: Shared,
  settings: KafkaConfig.ConsumerConfig
) =>
  Effect.gen(function*() {
    const { broker: _, engine, networkTurn, outsider, proxied, proxy } = shared
    const admin = yield* Context.get(engine, KafkaEngine.Service).admin
    const down = Effect.promise(async () => {
      await proxy.refuse()
      proxy.cut()
    })
    const up = Effect.promise(() => proxy.heal())
    const topic = Effect.fnUntraced(function*(
      partitions: number,
      options: { readonly name?: string; readonly config?: Readonly<{ [name: string]: string }> } = {}
    ) {
      const { config, name: topic = name("topic") } = options
      yield* admin.createTopic({ name: topic, partitions, config })
      yield* until(
        `topic ${topic} is there`,
        Effect.map(
          admin.describeTopics([topic]),
          ([found]) => found?.partitions.length === partitions && found.partitions.every(({ leader }) => leader >= 0)
        )
      )
      return topic
    })
    const world: World = {
      engine: Context.pick(KafkaEngine.Service)(engine),
      settings: {
        commitInterval: 300,
        metadataRefresh: 500,
        sessionTimeout: sessionMillis,
        fetchMaxWait: 100,
        ...settings
      },
      sessionMillis,
      commitMillis: 300,
      slowMillis: 1_000,
      name,
      topic,
      foreignProduce: (messages) => produceNatively(Context.get(engine, ConfluentKafka.RawClient), messages),
      committed: (group, topic) =>
        Effect.map(admin.groupOffsets(group), (all) =>
          all.filter((position) => position.topic === topic).sort((a, b) => a.partition - b.partition)),
      network: Effect.as(
        Effect.acquireRelease(
          networkTurn.take(1),
          () =>
            Effect.andThen(up, networkTurn.release(1))
        ),
        { engine: proxied, down, up }
      ),
      dieSilently: () => down,
      expire: Effect.fnUntraced(function*({ group }: Member) {
        const size = Effect.map(admin.describeGroups([group]), ([found]) => found?.members.length ?? 0).pipe(
          Effect.orDie
        )
        const before = yield* size
        yield* down
        yield* until(`a session of ${group} is over`, Effect.map(size, (now) => now < before))
        yield* up
      }),
      forbidden: Effect.map(topic(4, { name: name("secret-topic") }), (topic) => ({ topic, engine: outsider })),
      advance: Effect.sleep,
      until
    }
    return world
  })

/** The target for one way of sharing partitions. `shared` is there when the first scenario runs. */
export const kafkaHarness = (
  title: string,
  shared: () => Shared,
  settings: KafkaConfig.ConsumerConfig
): Harness => {
  let names = 0
  const name = (prefix: string) => `${prefix}-${title.replaceAll(" ", "-")}-${++names}`
  return {
    name: `on Kafka, ${title}`,
    clock: "real",
    cannot: bindingLimits,
    world: Effect.suspend(() => makeWorld(name, shared(), settings))
  }
}
