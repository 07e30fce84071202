/** The engine and the control service of one in-memory cluster. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Scheduler } from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as KafkaConfig from "../../KafkaConfig.ts"
import * as Errors from "../../KafkaError.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { positionsProblem } from "../checkOffsets.ts"
import type * as KafkaEngine from "../KafkaEngine.ts"
import type { ConsumerClientOptions, TransactionalClient } from "../KafkaEngine.ts"
import { MemoryAdmin } from "./adminClient.ts"
import { Cluster } from "./cluster/cluster.ts"
import { MemoryConsumer } from "./consumer/consumerClient.ts"
import type { Options } from "./options.ts"
import { MemoryProducer } from "./producer/producerClient.ts"
import type { Target } from "./producer/producerClient.ts"
import { MemoryTransactional } from "./producer/transactionalClient.ts"

const defined = <A extends object>(settings: A): A =>
  // A setting that is `undefined` means the default.
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as A

const wrongSetting = (options: ConsumerClientOptions): KafkaError | undefined => {
  const { config, subscription } = options
  if (subscription._tag === "Manual") return positionsProblem("positions", subscription.positions)
  if (subscription.groupId === "") return Errors.invalidSetting("groupId", "must not be empty")
  if (subscription.topics.length === 0 && subscription.patterns.length === 0) {
    return Errors.invalidSetting("topics", "a consumer needs at least one topic or pattern")
  }
  for (const name of ["commitInterval", "sessionTimeout", "maxPollInterval", "metadataRefresh"] as const) {
    const duration = Duration.fromInputUnsafe(config[name] ?? KafkaConfig.consumerDefaults[name])
    if (Duration.toMillis(duration) <= 0) return Errors.invalidSetting(name, "must be positive")
  }
  return undefined
}

/** A named topic that does not exist, where nobody but an operator creates topics. */
const missingTopic = (cluster: Cluster, { subscription }: ConsumerClientOptions): KafkaError | undefined => {
  if (subscription._tag === "Manual" || cluster.options.autoCreateTopics) return undefined
  const topic = subscription.topics.find((name) => cluster.topics.get(name) === undefined)
  return topic === undefined ? undefined : Errors.make("subscribe", new Errors.UnknownTopic({ topic }))
}

/** Makes a cluster that lives as long as the scope. */
export const makeCluster = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Cluster, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const scheduler = yield* Scheduler
  const services = yield* Effect.context<never>()
  const { autoCreateTopics = true, defaultPartitions = 3 } = options
  const cluster = new Cluster({ autoCreateTopics, defaultPartitions }, clock, scheduler, services)
  yield* Effect.addFinalizer(() => Effect.sync(() => cluster.close()))
  return cluster
})

/** The engine of a cluster. */
export const makeEngine = Effect.fnUntraced(function*(
  cluster: Cluster,
  options: Options
): Effect.fn.Return<KafkaEngine.Service["Service"], never, Scope.Scope> {
  const { clientId = KafkaConfig.connectionDefaults.clientId, consumer = {}, producer = {} } = options
  let shared: MemoryProducer | undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => shared?.close()))
  const admin = new MemoryAdmin(cluster)
  const target: Target = {
    append: (message, choose) => cluster.append(message, choose),
    failed: () => {}
  }

  const transactional = Effect.fnUntraced(function*(
    transactionalId: string
  ): Effect.fn.Return<TransactionalClient, KafkaError, Scope.Scope> {
    if (transactionalId === "") return yield* Errors.invalidSetting("transactionalId", "must not be empty")
    yield* cluster.command("claim transactional id", () => {
      if (!cluster.faults.isDenied("transactional id", transactionalId)) return undefined
      const reason = new Errors.AuthorizationFailed({ resource: "transactional id", name: transactionalId })
      return Errors.make("claim transactional id", reason)
    })
    return yield* Effect.acquireRelease(
      Effect.sync(() => new MemoryTransactional(cluster, transactionalId, producer)),
      (client) => Effect.sync(() => client.close())
    )
  })

  return {
    name: "in-memory",
    scope: yield* Effect.scope,
    capabilities: new Set(["configs", "nullHeaders", "timestampType", "kip848", "transactions"] as const),
    consumer: (options) => {
      const merged = { ...options, config: { ...defined(consumer), ...defined(options.config) } }
      const error = wrongSetting(merged) ?? missingTopic(cluster, merged)
      if (error !== undefined) return Effect.fail(error)
      return Effect.acquireRelease(
        Effect.sync(() => {
          const client = new MemoryConsumer(cluster, merged, clientId)
          client.start()
          return client
        }),
        (client) => Effect.ignore(client.close(Duration.zero))
      )
    },
    producer: Effect.sync(() => shared ??= new MemoryProducer(cluster, producer, target)),
    transactional,
    admin: Effect.succeed(admin)
  }
})
