/**
 * The one options type and the one table of defaults of all engines.
 *
 * The settings that are named here mean the same on every engine. A setting that an engine cannot honour is refused,
 * not ignored. An engine may have further settings of its own, such as `librdkafka: {…}` of the Confluent engine.
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
 * A bearer token for SASL OAUTHBEARER (KIP-255).
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface OauthToken {
  /** The token, as the identity provider issued it. */
  readonly token: Redacted.Redacted<string>
  /** Who the token is for. */
  readonly principal: string
  /** When it expires, in milliseconds since the epoch. A new one is asked for before that. */
  readonly expiresAt: number
  /** SASL extensions (RFC 7628), sent with the token. Default: none. */
  readonly extensions?: Readonly<{ [name: string]: string }> | undefined
}

/**
 * TLS of the connections to the brokers. Certificates and keys are PEM texts, not paths. `cert` and `key` together are
 * mutual TLS.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Tls {
  /** The certificate authorities to trust. Default: those of the system. */
  readonly ca?: string | undefined
  /** The client's certificate, for mutual TLS. Default: none. */
  readonly cert?: string | undefined
  /** The key of `cert`. */
  readonly key?: Redacted.Redacted<string> | undefined
  /** The passphrase of `key`. Default: none. */
  readonly keyPassphrase?: Redacted.Redacted<string> | undefined
  /** Whether the broker's certificate has to name its host. Default: `true`. */
  readonly verifyHostname?: boolean | undefined
}

/**
 * Where the cluster is and who this client is.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ConnectionConfig {
  /** Brokers to connect to first, as `host:port`. One that answers is enough. */
  readonly bootstrapServers: ReadonlyArray<string>
  /** The name of this client in the broker's logs and quotas. Default: `"millrace"`. */
  readonly clientId?: string | undefined
  /** Where this client runs: it then fetches from the closest replica (KIP-392). Default: none. */
  readonly rack?: string | undefined
  /** The credentials. Default: none. */
  readonly sasl?: Sasl | undefined
  /** TLS. `true` trusts the system's certificate authorities. Default: `false`. */
  readonly tls?: Tls | boolean | undefined
  /** How long connecting may take until it fails with `BrokerUnreachable`. Default: 10 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** How long a request may take until it fails with `Timeout`. Default: 30 seconds. */
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
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ConsumerConfig {
  /** Whether records of open and aborted transactions are hidden. Default: `"read_committed"`, they are. */
  readonly isolation?: "read_committed" | "read_uncommitted" | undefined
  /** How the members of the group share the partitions. Default: `"classic"`. */
  readonly groupProtocol?: GroupProtocol | undefined
  /** How the classic protocol assigns partitions. Default: `"cooperative-sticky"`. */
  readonly assignor?: Assignor | undefined
  /** Makes the member static (KIP-345): a restart causes no rebalance. One running instance per id. Default: none. */
  readonly groupInstanceId?: string | undefined
  /** How often finished positions are committed. Default: 5 seconds. */
  readonly commitInterval?: Duration.Input | undefined
  /** A member without a heartbeat for this long loses its partitions. Default: 45 seconds. */
  readonly sessionTimeout?: Duration.Input | undefined
  /** A member whose run loop makes no progress for this long leaves the group. Default: 5 minutes. */
  readonly maxPollInterval?: Duration.Input | undefined
  /** How long a broker may wait for `fetchMinBytes` before it answers a fetch. Default: 500 ms. */
  readonly fetchMaxWait?: Duration.Input | undefined
  /** How many bytes a broker collects before it answers a fetch. Default: 1. */
  readonly fetchMinBytes?: number | undefined
  /** How often new partitions, and new topics that match a pattern, are looked for. Default: 30 seconds. */
  readonly metadataRefresh?: Duration.Input | undefined
}

/**
 * Settings of the producer's client.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ProducerConfig {
  /** Which replicas must have a record before it counts as sent. Default: `"all"`, those that are in sync. */
  readonly acks?: "all" | "leader" | "none" | undefined
  /** Whether the client's own retries make no duplicates (KIP-98). Default: `true`. */
  readonly idempotent?: boolean | undefined
  /** How batches are compressed. Default: `"lz4"`. */
  readonly compression?: "none" | "gzip" | "snappy" | "lz4" | "zstd" | undefined
  /** How long a batch waits for more records. Each awaited send takes this much longer. Default: 0. */
  readonly linger?: Duration.Input | undefined
  /** A record that is not acknowledged after this long fails. Default: 2 minutes. */
  readonly deliveryTimeout?: Duration.Input | undefined
  /** The largest record, in bytes. Default: 1 MiB. */
  readonly maxRequestBytes?: number | undefined
  /** How many unacknowledged records are kept; then a send waits. Default: 100 000. */
  readonly bufferRecords?: number | undefined
  /** How many bytes of unacknowledged records are kept; then a send waits. Default: 128 MiB. */
  readonly bufferBytes?: number | undefined
  /** The broker aborts a transaction that is open for this long. Default: 60 seconds. */
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
 * The defaults of {@link ProducerConfig}, shared by all engines. Keys are partitioned by murmur2, as in the Java
 * client: records of one key go to one partition, whichever of the two sends them.
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
