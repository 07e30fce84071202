/**
 * The one options type and the one table of defaults of all engines.
 *
 * An engine may know more settings (`librdkafka: {…}` of the Confluent engine), but what is named here means the same
 * on each of them, and a setting that an engine cannot honour is refused, not ignored.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"

/**
 * How to authenticate with SASL. `oauthbearer` asks `token` for a fresh token whenever the old one is about to expire.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Sasl =
  | {
    readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512"
    readonly username: string
    readonly password: Redacted.Redacted<string>
  }
  | { readonly mechanism: "oauthbearer"; readonly token: Effect.Effect<OauthToken, unknown> }

/**
 * A bearer token for SASL OAUTHBEARER (KIP-255). `expiresAt` is in milliseconds since the epoch.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface OauthToken {
  readonly token: Redacted.Redacted<string>
  readonly principal: string
  readonly expiresAt: number
  readonly extensions?: Readonly<{ [name: string]: string }> | undefined
}

/**
 * TLS of the connections to the brokers. `true` trusts the system's certificate authorities. PEM texts, not paths;
 * `cert` and `key` together are mutual TLS. `verifyHostname` defaults to `true`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Tls {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: Redacted.Redacted<string> | undefined
  readonly keyPassphrase?: Redacted.Redacted<string> | undefined
  readonly verifyHostname?: boolean | undefined
}

/**
 * Where the cluster is and who this client is. `clientId` defaults to `"millrace"`, `rack` (KIP-392, fetch from the
 * closest replica) to none, `connectTimeout` to 10 seconds, `requestTimeout` to 30 seconds.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ConnectionConfig {
  readonly bootstrapServers: ReadonlyArray<string>
  readonly clientId?: string | undefined
  readonly rack?: string | undefined
  readonly sasl?: Sasl | undefined
  readonly tls?: Tls | boolean | undefined
  readonly connectTimeout?: Duration.Input | undefined
  readonly requestTimeout?: Duration.Input | undefined
}

/**
 * Where a group without a committed offset starts. `"none"` fails instead of choosing.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type OffsetReset = "earliest" | "latest" | "none"

/**
 * How the members of a group share the partitions: `"classic"` is the protocol of every broker, `"consumer"` is KIP-848
 * (Kafka 4), `"auto"` is KIP-848 where the broker has it.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type GroupProtocol = "classic" | "consumer" | "auto"

/**
 * How the classic protocol assigns partitions. `"cooperative-sticky"` (KIP-429) moves only the partitions that must
 * move; `"range"` and `"roundrobin"` are eager: every rebalance revokes everything. One group may not mix the two
 * kinds.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Assignor = "cooperative-sticky" | "range" | "roundrobin"

/**
 * Settings of a consumer's client.
 *
 * - `isolation` (default `"read_committed"`): whether records of open and aborted transactions are hidden.
 * - `groupProtocol` (default `"classic"`) and `assignor` (default `"cooperative-sticky"`).
 * - `groupInstanceId`: static membership (KIP-345); one running instance per id.
 * - `commitInterval` (default 5 seconds): how often finished positions are committed.
 * - `sessionTimeout` (default 45 seconds): after so long without a heartbeat the member is out.
 * - `maxPollInterval` (default 5 minutes): after so long without progress of the run loop the member leaves.
 * - `fetchMaxWait` (default 500 ms) and `fetchMinBytes` (default 1): what the broker may wait for.
 * - `metadataRefresh` (default 30 seconds): how soon new partitions and topics that match a pattern are found.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ConsumerConfig {
  readonly isolation?: "read_committed" | "read_uncommitted" | undefined
  readonly groupProtocol?: GroupProtocol | undefined
  readonly assignor?: Assignor | undefined
  readonly groupInstanceId?: string | undefined
  readonly commitInterval?: Duration.Input | undefined
  readonly sessionTimeout?: Duration.Input | undefined
  readonly maxPollInterval?: Duration.Input | undefined
  readonly fetchMaxWait?: Duration.Input | undefined
  readonly fetchMinBytes?: number | undefined
  readonly metadataRefresh?: Duration.Input | undefined
}

/**
 * Settings of the producer's client.
 *
 * - `acks` (default `"all"`), `idempotent` (default `true`, KIP-98: no duplicates by the client's own retries).
 * - `compression` (default `"lz4"`).
 * - `linger` (default 0): how long a batch waits for more records. An awaited send pays it in full.
 * - `deliveryTimeout` (default 2 minutes): when an unacknowledged record fails.
 * - `maxRequestBytes` (default 1 MiB): the largest record.
 * - `bufferRecords` (default 100 000) and `bufferBytes` (default 128 MiB): unacknowledged records kept before a send
 *   waits.
 * - `transactionTimeout` (default 60 seconds): when the broker aborts an open transaction.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ProducerConfig {
  readonly acks?: "all" | "leader" | "none" | undefined
  readonly idempotent?: boolean | undefined
  readonly compression?: "none" | "gzip" | "snappy" | "lz4" | "zstd" | undefined
  readonly linger?: Duration.Input | undefined
  readonly deliveryTimeout?: Duration.Input | undefined
  readonly maxRequestBytes?: number | undefined
  readonly bufferRecords?: number | undefined
  readonly bufferBytes?: number | undefined
  readonly transactionTimeout?: Duration.Input | undefined
}

/**
 * The defaults of {@link ConsumerConfig}, shared by all engines.
 *
 * @stability unstable
 * @since 0.1.0
 * @category defaults
 */
export const consumerDefaults = {
  isolation: "read_committed",
  groupProtocol: "classic",
  assignor: "cooperative-sticky",
  commitInterval: "5 seconds",
  sessionTimeout: "45 seconds",
  maxPollInterval: "5 minutes",
  fetchMaxWait: "500 millis",
  fetchMinBytes: 1,
  metadataRefresh: "30 seconds"
} as const satisfies ConsumerConfig

/**
 * The defaults of {@link ProducerConfig}, shared by all engines. Keys are partitioned by murmur2, as the Java client
 * does, so that the same key of any client lands in the same partition.
 *
 * @stability unstable
 * @since 0.1.0
 * @category defaults
 */
export const producerDefaults = {
  acks: "all",
  idempotent: true,
  compression: "lz4",
  linger: 0,
  deliveryTimeout: "2 minutes",
  maxRequestBytes: 1_048_576,
  bufferRecords: 100_000,
  bufferBytes: 134_217_728,
  transactionTimeout: "60 seconds"
} as const satisfies ProducerConfig

/**
 * The defaults of {@link ConnectionConfig}, shared by all engines.
 *
 * @stability unstable
 * @since 0.1.0
 * @category defaults
 */
export const connectionDefaults = {
  clientId: "millrace",
  connectTimeout: "10 seconds",
  requestTimeout: "30 seconds"
} as const
