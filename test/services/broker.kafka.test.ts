import { default as confluent } from "@confluentinc/kafka-javascript"
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { shortSessions, tlsFiles, users } from "./brokerConfig.ts"
import { kafka, sharedKafka } from "./env.ts"
import { createTopic, denySecretsToMallory, foreignConsume, foreignProduce } from "./foreignClient.ts"
import { brokerAnswers } from "./health.ts"
import { type Broker, startBroker } from "./kafka.ts"
import { until } from "./processes.ts"
import { runTool } from "./tools.ts"

type Settings = Readonly<Record<string, string | number | boolean>>

/** A producer of the native client that is connected, or the reason why it could not be. */
const connect = async (bootstrap: string, settings: Settings = {}, timeout = 20_000) => {
  const producer = new confluent.Producer({
    "bootstrap.servers": bootstrap,
    "dr_cb": true,
    "message.timeout.ms": 20_000,
    ...settings
  }, {})
  // Its own polling begins when it is ready, and the reasons why it is not come before.
  const polling = setInterval(() => producer.isConnected() && producer.poll(), 10)
  const disconnect = () => {
    clearInterval(polling)
    return new Promise<void>((resolve) => void producer.disconnect(5000, () => resolve()))
  }
  const seen: Array<string> = []
  producer.on("event.error", (error) => seen.push(error.message))
  try {
    await new Promise<void>((resolve, reject) => {
      producer.connect({ timeout }, (error) => error === null ? resolve() : reject(error))
    })
  } catch (error) {
    clearInterval(polling)
    throw new Error([String(error), ...seen].join("; "), { cause: error })
  }
  const send = (topic: string, value: string) =>
    new Promise<void>((resolve, reject) => {
      producer.once("delivery-report", (error) => error === null ? resolve() : reject(error))
      producer.produce(topic, null, Buffer.from(value))
    })
  return { disconnect, send }
}

const sendOnce = async (bootstrap: string, topic: string, value: string, settings?: Settings) => {
  const client = await connect(bootstrap, settings)
  try {
    await client.send(topic, value)
  } finally {
    await client.disconnect()
  }
}

const failure = (promise: Promise<unknown>) => promise.then(() => "no failure", (error: Error) => error.message)

const login = (mechanism: string, user: keyof typeof users, password: string = users[user]): Settings => ({
  "sasl.mechanisms": mechanism,
  "sasl.username": user,
  "sasl.password": password
})
const trust: Settings = { "ssl.ca.location": tlsFiles.ca }

const values = async (bootstrap: string, topic: string, count: number) =>
  (await foreignConsume({ bootstrap, topic, count })).map((record) => record.value)

describe("a broker that all tests share", () => {
  it("takes and gives what Kafka's own tools write and read", async () => {
    const bootstrap = sharedKafka()
    const topic = "kit-tools"
    await createTopic({ bootstrap, topic, config: { "retention.ms": "3600000" } })
    const records = [
      { key: "k", value: "text with spaces", headers: [["h", "1"], ["h", "2"]] as const },
      { key: null, value: "no key", headers: [] },
      { key: "gone", value: null, headers: [] }
    ]
    for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
      await foreignProduce({ bootstrap, topic, compression, records })
    }
    const read = await foreignConsume({ bootstrap, topic, count: 15 })
    assert.deepStrictEqual(read.map(({ offset }) => offset), Array.from({ length: 15 }, (_, i) => i))
    assert.deepStrictEqual(
      read.map(({ headers, key, value }) => ({ key, value, headers })),
      Array.from({ length: 5 }, () => records).flat()
    )
    assert.isBelow(Math.abs((read[0]?.timestamp ?? 0) - Date.now()), 60_000)
    assert.match(await runTool("topics", bootstrap, ["--describe", "--topic", topic]), /retention.ms=3600000/)
  })

  it("admits users and certificates at its listeners, and no one else", async () => {
    const broker = kafka()
    const topic = "kit-security"
    await createTopic({ bootstrap: broker.bootstrap, topic })
    const sasl = { "security.protocol": "sasl_plaintext" }
    const saslSsl = { "security.protocol": "sasl_ssl", ...trust }
    await Promise.all([
      sendOnce(broker.saslPlaintext, topic, "plain", { ...sasl, ...login("PLAIN", "alice") }),
      sendOnce(broker.saslPlaintext, topic, "scram-256", { ...sasl, ...login("SCRAM-SHA-256", "alice") }),
      sendOnce(broker.saslSsl, topic, "scram-512 over tls", { ...saslSsl, ...login("SCRAM-SHA-512", "alice") }),
      sendOnce(broker.ssl, topic, "tls", { "security.protocol": "ssl", ...trust }),
      sendOnce(broker.ssl, topic, "client certificate", {
        "security.protocol": "ssl",
        ...trust,
        "ssl.certificate.location": tlsFiles.aliceCertificate,
        "ssl.key.location": tlsFiles.aliceKey
      })
    ])
    assert.sameMembers(await values(broker.bootstrap, topic, 5), [
      "plain",
      "scram-256",
      "scram-512 over tls",
      "tls",
      "client certificate"
    ])
    const [wrong, untrusted] = await Promise.all([
      failure(connect(broker.saslPlaintext, { ...sasl, ...login("SCRAM-SHA-256", "alice", "wrong") }, 2000)),
      failure(connect(broker.ssl, { "security.protocol": "ssl" }, 2000))
    ])
    assert.match(wrong, /authentication failure/)
    assert.match(untrusted, /SSL/i)
  })

  it("denies mallory the topics that are secret, and nobody else", async () => {
    const broker = kafka()
    await denySecretsToMallory(broker.bootstrap)
    await createTopic({ bootstrap: broker.bootstrap, topic: "secret-kit" })
    await createTopic({ bootstrap: broker.bootstrap, topic: "open-kit" })
    const as = (user: keyof typeof users) => ({
      "security.protocol": "sasl_plaintext",
      ...login("SCRAM-SHA-256", user)
    })
    await sendOnce(broker.saslPlaintext, "open-kit", "m", as("mallory"))
    await sendOnce(broker.saslPlaintext, "secret-kit", "a", as("alice"))
    assert.match(
      await failure(sendOnce(broker.saslPlaintext, "secret-kit", "m", as("mallory"))),
      /Topic authorization failed/
    )
  })
})

describe("a broker of a test's own", () => {
  let broker: Broker
  const topic = "faults"
  beforeAll(async () => {
    broker = await startBroker({ config: shortSessions })
    await createTopic({ bootstrap: broker.bootstrap, topic })
  })
  afterAll(() => broker.remove())

  it("is cut off by the proxy in front of it", async () => {
    const proxy = await broker.startProxy()
    const client = await connect(broker.proxied, { "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50 })
    try {
      await client.send(topic, "proxied")
      assert.isAtLeast(proxy.connections(), 1)

      proxy.cut()
      await client.send(topic, "after the cut")

      proxy.blackhole()
      let delivered = false
      const held = client.send(topic, "held").then(() => (delivered = true))
      await foreignProduce({ bootstrap: broker.bootstrap, topic, records: [{ key: null, value: "past the proxy" }] })
      assert.isFalse(delivered)
      await proxy.heal()
      await held

      await proxy.refuse()
      assert.isFalse(await brokerAnswers(broker.proxied))
    } finally {
      await client.disconnect()
      await proxy.close()
    }
    const expected = ["proxied", "after the cut", "past the proxy", "held"]
    assert.deepStrictEqual(await values(broker.bootstrap, topic, expected.length), expected)
  })

  it("keeps its data when it is restarted or killed, and hangs while paused", async () => {
    const first = broker.pid()
    const before = await values(broker.bootstrap, topic, 1)
    await broker.restart()
    assert.notStrictEqual(broker.pid(), first)
    assert.deepStrictEqual(await values(broker.bootstrap, topic, 1), before)

    await broker.kill()
    assert.isFalse(broker.isRunning())
    assert.isFalse(await brokerAnswers(broker.bootstrap))
    await broker.start()
    assert.deepStrictEqual(await values(broker.bootstrap, topic, 1), before)

    broker.pause()
    // A signal takes its time to arrive; what is stopped stays so.
    await until("it hangs", async () => !(await brokerAnswers(broker.bootstrap, 500)), 10_000)
    assert.isTrue(broker.isRunning())
    broker.continue()
    await until("it answers again", () => brokerAnswers(broker.bootstrap), 10_000)
  })
})
