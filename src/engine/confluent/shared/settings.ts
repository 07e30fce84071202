/** Millrace's settings as librdkafka's. Pure. */
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as KafkaConfig from "../../../KafkaConfig.ts"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import type { Subscription } from "../../KafkaEngine.ts"
import type { NativeConfig } from "./native.ts"

/** The door to librdkafka's own settings, by kind of client. They win over what Millrace sets. */
export interface OpenDoor {
  readonly global?: NativeConfig | undefined
  readonly consumer?: NativeConfig | undefined
  readonly producer?: NativeConfig | undefined
}

/** Settings that would break the engine, with the reason. */
const reserved: { readonly [name: string]: string } = {
  "group.id": "the group is the consumer's name",
  "enable.auto.offset.store": "offsets are stored when their records are handled",
  "enable.auto.commit": "stored offsets are committed by librdkafka's timer",
  "enable.partition.eof": "the engine needs it to know where partitions stand",
  "auto.offset.reset": "use `offsetReset` of the consumer",
  "rebalance_cb": "rebalances are answered by the engine",
  "offset_commit_cb": "commits are followed by the engine",
  "queue_non_empty_cb": "the engine's wake-up",
  "dr_cb": "delivery reports are the engine's",
  "dr_msg_cb": "delivery reports are the engine's",
  "delivery.report.only.error": "delivery reports are the engine's",
  "event_cb": "the client's events are the engine's",
  "group.protocol": "use `groupProtocol` of the consumer",
  "transactional.id": "use Producer.transaction"
}

/** The first setting behind the open door that the engine cannot live with. */
export const refused = (door: OpenDoor | undefined): KafkaError | undefined => {
  for (const [kind, settings] of Object.entries(door ?? {})) {
    for (const name of Object.keys(settings ?? {})) {
      const why = reserved[name]
      if (why !== undefined) return Errors.invalidSetting(`librdkafka.${kind}.${name}`, `is not yours to set: ${why}`)
    }
  }
  return undefined
}

/** Whether librdkafka is asked for the lines of its log that are for the search of bugs. */
export const isDebugged = (door: OpenDoor | undefined): boolean =>
  [door?.global, door?.consumer, door?.producer].some((settings) => settings?.["debug"] !== undefined)

const millis = (input: Duration.Input): number => Math.round(Duration.toMillis(Duration.fromInputUnsafe(input)))

const omitUndefined = (settings: NativeConfig): NativeConfig =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))

const saslMechanisms = {
  plain: "PLAIN",
  "scram-sha-256": "SCRAM-SHA-256",
  "scram-sha-512": "SCRAM-SHA-512",
  oauthbearer: "OAUTHBEARER"
} as const

const security = (config: KafkaConfig.ConnectionConfig): NativeConfig => {
  const { sasl } = config
  const tls = config.tls === true ? {} : config.tls === false ? undefined : config.tls
  const protocol = sasl === undefined ? tls === undefined ? "plaintext" : "ssl" : tls === undefined
    ? "sasl_plaintext"
    : "sasl_ssl"
  return {
    "security.protocol": protocol,
    "ssl.ca.pem": tls?.ca,
    "ssl.certificate.pem": tls?.cert,
    "ssl.key.pem": tls?.key === undefined ? undefined : Redacted.value(tls.key),
    "ssl.key.password": tls?.keyPassphrase === undefined ? undefined : Redacted.value(tls.keyPassphrase),
    "ssl.endpoint.identification.algorithm": tls?.verifyHostname === false ? "none" : undefined,
    "sasl.mechanisms": sasl === undefined ? undefined : saslMechanisms[sasl.mechanism],
    "sasl.username": sasl === undefined || sasl.mechanism === "oauthbearer" ? undefined : sasl.username,
    "sasl.password": sasl === undefined || sasl.mechanism === "oauthbearer" ? undefined : Redacted.value(sasl.password)
  }
}

/** What every client gets. */
export const common = (
  config: KafkaConfig.ConnectionConfig,
  statistics: Duration.Input | undefined,
  door: OpenDoor | undefined
): NativeConfig =>
  omitUndefined({
    "bootstrap.servers": config.bootstrapServers.join(","),
    "client.id": config.clientId ?? KafkaConfig.connectionDefaults.clientId,
    "client.rack": config.rack,
    "socket.keepalive.enable": true,
    "socket.timeout.ms": millis(config.requestTimeout ?? KafkaConfig.connectionDefaults.requestTimeout),
    "socket.connection.setup.timeout.ms": millis(
      config.connectTimeout ?? KafkaConfig.connectionDefaults.connectTimeout
    ),
    "reconnect.backoff.max.ms": 2_000,
    "statistics.interval.ms": statistics === undefined ? undefined : millis(statistics),
    ...security(config),
    ...door?.global
  })

/** What a consumer gets on top. Small queues keep memory bounded and the event loop responsive. */
export const consumer = (
  config: KafkaConfig.ConsumerConfig,
  offsetReset: KafkaConfig.OffsetReset,
  subscription: Subscription,
  door: OpenDoor | undefined
): NativeConfig => {
  const set = { ...KafkaConfig.consumerDefaults, ...omitUndefined(config as NativeConfig) } as
    & typeof KafkaConfig.consumerDefaults
    & KafkaConfig.ConsumerConfig
  const inGroup = subscription._tag === "Group"
  const classic = set.groupProtocol === "classic"
  const metadataRefresh = millis(set.metadataRefresh)
  const opened: NativeConfig = { ...door?.global, ...door?.consumer }
  return omitUndefined({
    "queued.min.messages": 10_000,
    "queued.max.messages.kbytes": 16_384,
    "fetch.queue.backoff.ms": 20,
    "group.id": inGroup ? subscription.groupId : "millrace-manual",
    "group.instance.id": inGroup ? set.groupInstanceId : undefined,
    "group.protocol": inGroup ? classic ? "classic" : "consumer" : undefined,
    "partition.assignment.strategy": inGroup && classic ? set.assignor : undefined,
    "session.timeout.ms": inGroup && classic ? millis(set.sessionTimeout) : undefined,
    "heartbeat.interval.ms": inGroup && classic
      ? Math.min(3_000, Math.ceil(millis(set.sessionTimeout) / 4))
      : undefined,
    "max.poll.interval.ms": Math.max(millis(set.maxPollInterval), classic ? millis(set.sessionTimeout) : 0),
    "enable.auto.commit": inGroup,
    "auto.commit.interval.ms": millis(set.commitInterval),
    "enable.auto.offset.store": false,
    "auto.offset.reset": offsetReset === "none" ? "error" : offsetReset,
    "isolation.level": set.isolation,
    "fetch.wait.max.ms": millis(set.fetchMaxWait),
    "fetch.min.bytes": set.fetchMinBytes,
    "topic.metadata.refresh.interval.ms": metadataRefresh,
    "metadata.max.age.ms": metadataRefresh * 3,
    "allow.auto.create.topics": false,
    // It says how far a partition got without records, past markers and aborted ones; nothing else does.
    "enable.partition.eof": true,
    ...opened,
    // The line about a partition without a usable offset, see `Resets`: the error alone may never arrive.
    "debug": offsetReset === "none" ? [opened["debug"] ?? [], "topic"].flat().join(",") : opened["debug"]
  })
}

const acks = { all: -1, leader: 1, none: 0 } as const

/** What a producer gets on top, or the reason why the combination is refused. */
export const producer = (
  config: KafkaConfig.ProducerConfig | undefined,
  transactionalId: string | undefined,
  door: OpenDoor | undefined,
  requestTimeout: Duration.Input = KafkaConfig.connectionDefaults.requestTimeout
): NativeConfig | KafkaError => {
  const set = { ...KafkaConfig.producerDefaults, ...omitUndefined(config as NativeConfig ?? {}) } as
    & typeof KafkaConfig.producerDefaults
    & KafkaConfig.ProducerConfig
  const level: keyof typeof acks = set.acks
  const idempotent = config?.idempotent ?? level === "all"
  if (idempotent && level !== "all") {
    return Errors.invalidSetting("producer.idempotent", `needs acks "all", not "${level}"`)
  }
  if (transactionalId !== undefined && !idempotent) {
    return Errors.invalidSetting("producer.idempotent", "a transaction needs an idempotent producer with acks \"all\"")
  }
  return omitUndefined({
    "acks": acks[level],
    "enable.idempotence": idempotent,
    "compression.codec": set.compression,
    "linger.ms": millis(set.linger),
    // A record that is still tried after its transaction would be of no use, and the client refuses it.
    "delivery.timeout.ms": transactionalId === undefined
      ? millis(set.deliveryTimeout)
      : Math.min(millis(set.deliveryTimeout), millis(set.transactionTimeout)),
    // The client refuses requests that may take longer than their transaction.
    "socket.timeout.ms": transactionalId === undefined
      ? undefined
      : Math.min(millis(requestTimeout), Math.max(millis(set.transactionTimeout) - 100, 900)),
    "message.max.bytes": set.maxRequestBytes,
    "queue.buffering.max.messages": set.bufferRecords,
    "queue.buffering.max.kbytes": Math.max(1, Math.floor(set.bufferBytes / 1024)),
    // The Java client's partitioner; the default here would put keys elsewhere than every other client.
    "partitioner": "murmur2_random",
    // How long a topic may be unknown before a record for it fails: it may be just being created.
    "topic.metadata.propagation.max.ms": 5_000,
    "transactional.id": transactionalId,
    "transaction.timeout.ms": transactionalId === undefined ? undefined : millis(set.transactionTimeout),
    ...door?.global,
    ...door?.producer,
    "dr_cb": true
  })
}
