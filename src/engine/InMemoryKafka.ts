/**
 * A Kafka without a broker, for tests and demonstrations.
 *
 * `InMemoryKafka.layer` provides {@link KafkaEngine}, so every program that runs on a real engine runs on it, with the
 * same semantics: groups rebalance cooperatively or eagerly, offsets are committed and fenced, transactions hide what
 * is not committed, retention moves the start of a log. All time is the `Clock` of the layer: with `TestClock` nothing
 * waits. It also provides {@link InMemoryKafka}, with which a test looks inside, acts as somebody else, and breaks
 * things.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { InMemoryKafka } from "millrace/testing"
 *
 * export const program = Effect.gen(function*() {
 *   const kafka = yield* InMemoryKafka
 *   yield* kafka.produce({ topic: "orders", value: new TextEncoder().encode("{}") })
 *   return yield* kafka.records("orders")
 * }).pipe(Effect.provide(InMemoryKafka.layer))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as KafkaConfig from "../KafkaConfig.ts"
import type { KafkaError, Reason } from "../KafkaError.ts"
import type { Delivery, Position, RawMessage, RawRecord, TopicPartition } from "./KafkaEngine.ts"
import { KafkaEngine } from "./KafkaEngine.ts"
import { makeControl } from "./memory/control.ts"
import { makeCluster, makeEngine } from "./memory/engine.ts"

/**
 * How the in-memory cluster is made.
 *
 * - `autoCreateTopics` (default `true`): whether producing to a topic that does not exist creates it. With `false` it
 *   fails with `UnknownTopic`, as brokers in production usually do.
 * - `defaultPartitions` (default 3): how many partitions such a topic gets.
 * - `clientId` (default `"millrace"`): the first part of member ids.
 * - `consumer`, `producer`: settings of all clients, as for any other engine. `compression`, `acks: "leader"`,
 *   `idempotent`, `fetchMaxWait` and `fetchMinBytes` are accepted and make no difference without a network.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly autoCreateTopics?: boolean | undefined
  readonly defaultPartitions?: number | undefined
  readonly clientId?: string | undefined
  readonly consumer?: KafkaConfig.ConsumerConfig | undefined
  readonly producer?: KafkaConfig.ProducerConfig | undefined
}

/**
 * A record as a foreign client would send it: a missing key or value is null.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type ForeignMessage = Omit<RawMessage, "key" | "value"> & {
  readonly key?: Uint8Array | null | undefined
  readonly value?: Uint8Array | null | undefined
}

/**
 * Which records of a topic are wanted: of one `partition` (default: all), and whether those of open and aborted
 * transactions count (`isolation`, default `"read_committed"`).
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface RecordsOptions {
  readonly partition?: number | undefined
  readonly isolation?: "read_committed" | "read_uncommitted" | undefined
}

/**
 * A member of a group as the coordinator sees it. `assignment` includes partitions that it was asked to give up and has
 * not yet.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface MemberView {
  readonly memberId: string
  readonly clientId: string
  readonly groupInstanceId: string | undefined
  readonly assignment: ReadonlyArray<TopicPartition>
}

/**
 * Something that needs an ACL.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Resource {
  readonly resource: "topic" | "group" | "cluster" | "transactional id"
  readonly name: string
}

/**
 * The control service of the in-memory cluster.
 *
 * Looking inside and acting as somebody else (faults planned here do not hinder looking):
 *
 * - `produce` appends a record as a foreign client would, and answers where it went.
 * - `records` answers the records of a topic, by partition and offset; none when the topic does not exist.
 * - `committed` answers the committed offsets of a group, `members` who is in it.
 * - `join` adds a member that takes partitions and gives them back when asked, but reads nothing; it answers the
 *   member's id. `assignor` (default: the group's, else cooperative-sticky) is that of the member. `leave` takes a
 *   member out.
 * - `expire` ends the session of one member, or of all: they are told `lost` and come back by themselves.
 * - `kill` ends a client as a crash would: it does nothing any more, and the group gives its partitions away when its
 *   `sessionTimeout` is over.
 * - `rebalance` makes the group share its partitions anew; with an eager assignor everything is revoked first.
 *
 * Breaking things:
 *
 * - `broker("down")`: nothing can be fetched, produced or committed until `broker("up")`. Consumers hear
 *   `BrokerUnreachable`, records fail after `deliveryTimeout`, requests after 30 seconds.
 * - `slow`: every fetch, delivery and request takes so long from now on. `slow(0)` ends it.
 * - `failProduce`: the next `times` (default 1) records, of one `topic` or of any, fail with `reason`, as if the
 *   client's own retries had been in vain.
 * - `failCommit`: the next `times` (default 1) commits are refused with `reason` (default: a retryable `CommitFailed`).
 * - `revokeAuthorization` takes an ACL away, `grant` gives it back. Members of a forbidden group fail for good; a
 *   forbidden topic is told once and read again after the grant.
 * - `truncate` removes all records of a partition before an offset, so that positions before it are out of range.
 * - `retain` applies `retention.ms` and `retention.bytes` of all topics with `cleanup.policy` `delete` now (nothing is
 *   ever removed by itself), `compact` keeps the last record of each key of a topic and leaves gaps. Both answer how
 *   many records they removed.
 *
 * @stability unstable
 * @since 0.1.0
 * @category services
 */
export class InMemoryKafka extends Context.Service<InMemoryKafka, {
  readonly produce: (message: ForeignMessage) => Effect.Effect<Delivery, KafkaError>
  readonly records: (topic: string, options?: RecordsOptions) => Effect.Effect<ReadonlyArray<RawRecord>>
  readonly committed: (groupId: string) => Effect.Effect<ReadonlyArray<Position>>
  readonly members: (groupId: string) => Effect.Effect<ReadonlyArray<MemberView>>
  readonly join: (
    groupId: string,
    topics: ReadonlyArray<string>,
    options?: { readonly assignor?: KafkaConfig.Assignor | undefined }
  ) => Effect.Effect<string, KafkaError>
  readonly leave: (groupId: string, memberId: string) => Effect.Effect<void>
  readonly expire: (groupId: string, memberId?: string) => Effect.Effect<void>
  readonly kill: (groupId: string, memberId: string) => Effect.Effect<void>
  readonly rebalance: (groupId: string) => Effect.Effect<void>
  readonly broker: (state: "up" | "down") => Effect.Effect<void>
  readonly slow: (latency: Duration.Input) => Effect.Effect<void>
  readonly failProduce: (options: {
    readonly reason: Reason
    readonly times?: number | undefined
    readonly topic?: string | undefined
  }) => Effect.Effect<void>
  readonly failCommit: (options?: {
    readonly reason?: Reason | undefined
    readonly times?: number | undefined
  }) => Effect.Effect<void>
  readonly revokeAuthorization: (resource: Resource) => Effect.Effect<void>
  readonly grant: (resource: Resource) => Effect.Effect<void>
  readonly truncate: (topic: string, partition: number, offset: number) => Effect.Effect<void>
  readonly retain: Effect.Effect<number>
  readonly compact: (topic: string) => Effect.Effect<number>
}>()("millrace/testing/InMemoryKafka") {
  /**
   * A cluster with settings of its own.
   *
   * @example
   * ```ts
   * import { InMemoryKafka } from "millrace/testing"
   *
   * export const strict = InMemoryKafka.layerWith({
   *   autoCreateTopics: false,
   *   consumer: { commitInterval: "1 second" }
   * })
   * ```
   *
   * @since 0.1.0
   */
  static readonly layerWith = (options: Options): Layer.Layer<InMemoryKafka | KafkaEngine> =>
    Layer.effectContext(Effect.gen(function*() {
      const cluster = yield* makeCluster(options)
      const engine = yield* makeEngine(cluster, options)
      return Context.make(KafkaEngine, engine).pipe(Context.add(InMemoryKafka, makeControl(cluster)))
    }))

  /**
   * A cluster with the defaults. Everything that is built on one use of this layer shares the cluster; another use of
   * it in another runtime, or under `Layer.fresh`, is another cluster.
   *
   * @since 0.1.0
   */
  static readonly layer: Layer.Layer<InMemoryKafka | KafkaEngine> = InMemoryKafka.layerWith({})
}

/**
 * A cluster with the defaults: {@link InMemoryKafka.layer}, for `import * as InMemoryKafka`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<InMemoryKafka | KafkaEngine> = InMemoryKafka.layer

/**
 * A cluster with settings of its own: {@link InMemoryKafka.layerWith}, for `import * as InMemoryKafka`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layerWith: (options: Options) => Layer.Layer<InMemoryKafka | KafkaEngine> = InMemoryKafka.layerWith
