import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Settings from "../../../../src/engine/confluent/shared/settings.ts"
import type { Subscription } from "../../../../src/engine/KafkaEngine.ts"
import { KafkaError } from "../../../../src/KafkaError.ts"

const group: Subscription = { _tag: "Group", groupId: "g", topics: ["t"], patterns: [] }

const producer = (...args: Parameters<typeof Settings.producer>) => {
  const settings = Settings.producer(...args)
  if (settings instanceof KafkaError) throw settings
  return settings
}

describe("settings of librdkafka", () => {
  it("are Millrace's defaults", () => {
    const consumer = Settings.consumer({}, "earliest", group, undefined)
    assert.include(consumer, {
      "group.id": "g",
      "group.protocol": "classic",
      "partition.assignment.strategy": "cooperative-sticky",
      "isolation.level": "read_committed",
      "auto.commit.interval.ms": 5_000,
      "session.timeout.ms": 45_000,
      "max.poll.interval.ms": 300_000,
      "auto.offset.reset": "earliest",
      "enable.auto.commit": true,
      "enable.auto.offset.store": false
    })
    assert.include(producer(undefined, undefined, undefined), {
      "acks": -1,
      "enable.idempotence": true,
      "compression.codec": "lz4",
      "linger.ms": 0,
      "partitioner": "murmur2_random",
      "message.max.bytes": 1_048_576
    })
  })

  it("leave to KIP-848 what the broker decides there", () => {
    const consumer = Settings.consumer({ groupProtocol: "consumer" }, "latest", group, undefined)
    assert.strictEqual(consumer["group.protocol"], "consumer")
    for (const name of ["partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms"]) {
      assert.notProperty(consumer, name)
    }
  })

  it("never commit for fixed partitions", () => {
    const manual: Subscription = { _tag: "Manual", positions: [{ topic: "t", partition: 0, offset: 0 }] }
    assert.strictEqual(Settings.consumer({}, "earliest", manual, undefined)["enable.auto.commit"], false)
  })

  it("turn offsetReset none into an error of the client", () => {
    assert.strictEqual(Settings.consumer({}, "none", group, undefined)["auto.offset.reset"], "error")
  })

  it("choose the security protocol from sasl and tls", () => {
    const protocol = (config: Partial<Parameters<typeof Settings.common>[0]>) =>
      Settings.common({ bootstrapServers: ["b:1"], ...config }, undefined, undefined)["security.protocol"]
    const sasl = { mechanism: "plain", username: "u", password: Redacted.make("p") } as const
    assert.strictEqual(protocol({}), "plaintext")
    assert.strictEqual(protocol({ tls: true }), "ssl")
    assert.strictEqual(protocol({ sasl }), "sasl_plaintext")
    assert.strictEqual(protocol({ sasl, tls: { verifyHostname: false } }), "sasl_ssl")
    assert.strictEqual(protocol({ sasl, tls: false }), "sasl_plaintext")
  })

  it("let no request of a transaction take longer than the transaction", () => {
    const timeout = (transactionTimeout: string, transactionalId?: string) =>
      producer(
        { transactionTimeout: transactionTimeout as "1 second" },
        transactionalId,
        undefined
      )["socket.timeout.ms"]
    assert.strictEqual(timeout("10 seconds", "tx"), 9_900)
    assert.strictEqual(timeout("1 minute", "tx"), 30_000)
    assert.isUndefined(timeout("10 seconds"))
    assert.strictEqual(producer({}, "tx", undefined, "5 seconds")["socket.timeout.ms"], 5_000)
  })

  it("let the open door win over defaults", () => {
    const door = { producer: { "linger.ms": 7 }, consumer: { "queued.min.messages": 3 } }
    assert.strictEqual(producer(undefined, undefined, door)["linger.ms"], 7)
    assert.strictEqual(Settings.consumer({}, "earliest", group, door)["queued.min.messages"], 3)
  })

  it("let the open door win over own settings too, for all clients or one kind", () => {
    const door = { global: { "fetch.min.bytes": 2, "linger.ms": 3 }, consumer: { "fetch.wait.max.ms": 4 } }
    const consumer = Settings.consumer({ fetchMinBytes: 9, fetchMaxWait: 9 }, "earliest", group, door)
    assert.include(consumer, { "fetch.min.bytes": 2, "fetch.wait.max.ms": 4 })
    assert.strictEqual(producer({ linger: 9 }, undefined, door)["linger.ms"], 3)
  })

  it("read the lines about partitions without a usable offset under offsetReset none, beside those of the user", () => {
    const debug = (offsetReset: "earliest" | "none", door?: Settings.OpenDoor) =>
      Settings.consumer({}, offsetReset, group, door)["debug"]
    const door = { global: { debug: "cgrp,fetch" } }
    assert.strictEqual(debug("none"), "topic")
    assert.strictEqual(debug("none", door), "cgrp,fetch,topic")
    assert.strictEqual(debug("earliest", door), "cgrp,fetch")
    assert.isUndefined(debug("earliest"))
    assert.isTrue(Settings.isDebugged(door))
    assert.isFalse(Settings.isDebugged({ global: { "linger.ms": 3 } }))
  })

  it("refuse what would break the engine, by name and with the reason", () => {
    const error = Settings.refused({ consumer: { "enable.auto.offset.store": true } })
    assert.include(error?.message ?? "", "librdkafka.consumer.enable.auto.offset.store")
    assert.strictEqual(Settings.refused({ global: { debug: "all" } }), undefined)
  })

  it("refuse idempotence without acks all, and a transaction without idempotence", () => {
    assert.instanceOf(Settings.producer({ acks: "leader", idempotent: true }, undefined, undefined), KafkaError)
    assert.strictEqual(producer({ acks: "leader" }, undefined, undefined)["enable.idempotence"], false)
    assert.instanceOf(Settings.producer({ idempotent: false }, "tx", undefined), KafkaError)
  })

  it("give up on a record of a transaction no later than on the transaction", () => {
    assert.strictEqual(producer({}, undefined, undefined)["delivery.timeout.ms"], 120_000)
    assert.strictEqual(producer({}, "tx", undefined)["delivery.timeout.ms"], 60_000)
    assert.strictEqual(producer({ deliveryTimeout: "5 seconds" }, "tx", undefined)["delivery.timeout.ms"], 5_000)
  })
})
