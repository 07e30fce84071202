import { fileURLToPath } from "node:url"
import { host } from "./ports.ts"

export interface BrokerPorts {
  readonly plaintext: number
  /** The broker's listener behind the fault proxy. */
  readonly proxied: number
  /** What the broker advertises for it: where the fault proxy listens. */
  readonly proxy: number
  readonly saslPlaintext: number
  readonly ssl: number
  readonly saslSsl: number
  readonly controller: number
}

/** Known by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. `admin` is a super user, as is everyone without SASL or TLS. */
export const users = {
  admin: "admin-secret",
  alice: "alice-secret",
  mallory: "mallory-secret"
} as const

export const clusterId = "2LW7l33LBnzg0055AVFWkg"

const tls = fileURLToPath(new URL("../fixtures/tls/", import.meta.url))

export const tlsFiles = {
  ca: `${tls}ca.pem`,
  server: `${tls}server.keystore.pem`,
  aliceCertificate: `${tls}alice.pem`,
  aliceKey: `${tls}alice.key`
} as const

const listeners = (ports: BrokerPorts): ReadonlyArray<readonly [name: string, protocol: string, port: number]> => [
  ["PLAINTEXT", "PLAINTEXT", ports.plaintext],
  ["PROXIED", "PLAINTEXT", ports.proxied],
  ["SASL_PLAINTEXT", "SASL_PLAINTEXT", ports.saslPlaintext],
  ["SSL", "SSL", ports.ssl],
  ["SASL_SSL", "SASL_SSL", ports.saslSsl],
  ["CONTROLLER", "PLAINTEXT", ports.controller]
]

const at = (entries: ReadonlyArray<readonly [name: string, port: number]>) =>
  entries.map(([name, port]) => `${name}://${host}:${port}`).join(",")

const login = (mechanism: "plain" | "scram") => {
  const module = mechanism === "plain" ? "plain.PlainLoginModule" : "scram.ScramLoginModule"
  const known = Object.entries(users).map(([name, password]) => ` user_${name}="${password}"`).join("")
  return `org.apache.kafka.common.security.${module} required${mechanism === "plain" ? known : ""};`
}

/**
 * For a broker that is killed, or whose members are: it can register again, and their partitions go to others, as soon
 * as the old session is over.
 */
export const shortSessions = { "broker.session.timeout.ms": 2000, "group.consumer.session.timeout.ms": 6000 } as const

/** The settings of a broker and controller in one, as `server.properties` has them. */
export const brokerConfig = (ports: BrokerPorts, data: string): Readonly<Record<string, string | number | boolean>> => {
  const all = listeners(ports)
  const advertised = all
    .filter(([name]) => name !== "CONTROLLER")
    .map(([name, , port]) => [name, name === "PROXIED" ? ports.proxy : port] as const)
  const logins = ["sasl_plaintext", "sasl_ssl"].flatMap((listener) => [
    [`listener.name.${listener}.plain.sasl.jaas.config`, login("plain")],
    [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`, login("scram")],
    [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`, login("scram")]
  ])
  return {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@${host}:${ports.controller}`,
    "listeners": at(all.map(([name, , port]) => [name, port])),
    "advertised.listeners": at(advertised),
    "listener.security.protocol.map": all.map(([name, protocol]) => `${name}:${protocol}`).join(","),
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "log.dirs": data,

    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    ...Object.fromEntries(logins),
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": tlsFiles.server,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": tlsFiles.ca,
    "listener.name.ssl.ssl.client.auth": "requested",
    "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS;User:admin",
    "allow.everyone.if.no.acl.found": true,

    "auto.create.topics.enable": false,
    "num.partitions": 3,
    "default.replication.factor": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 4,

    // Groups settle in tenths of a second instead of seconds.
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "group.consumer.min.heartbeat.interval.ms": 100,
    "group.consumer.heartbeat.interval.ms": 500,
    "group.consumer.min.session.timeout.ms": 1000,
    "group.consumer.assignment.interval.ms": 0,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,

    // A machine that stands still for some seconds ends no session, of members or of the broker itself.
    "group.consumer.session.timeout.ms": 30_000,
    "broker.session.timeout.ms": 30_000,
    "broker.heartbeat.interval.ms": 250,

    // What deletion and compaction do is seen while a test waits. Records older than a topic's retention vanish.
    "log.retention.check.interval.ms": 30_000,
    "log.segment.delete.delay.ms": 1000,
    "log.cleaner.backoff.ms": 1000,

    // A small machine: fewer threads and buffers than a production broker has.
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    "log.cleaner.dedupe.buffer.size": 4_194_304,
    "log.index.size.max.bytes": 1_048_576
  }
}

export const toProperties = (config: Readonly<Record<string, string | number | boolean>>) =>
  Object.entries(config).map(([name, value]) => `${name}=${value}\n`).join("")
