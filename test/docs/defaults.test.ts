import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import {
  Codec,
  type Consumer,
  type Handler,
  KafkaConfig,
  KafkaEngine,
  Producer,
  type RetryTopics,
  Topic
} from "millrace"
import type { ConfluentKafka } from "millrace/confluent"
import { InMemoryKafka } from "millrace/testing"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../../scripts/check/step.ts"
import { refused } from "../../src/engine/confluent/shared/settings.ts"
import { defaults } from "../../src/internal/plan/plan.ts"

const text = readFileSync(join(root, "docs", "configuration.md"), "utf8")

/** A section of the document, by its heading. */
const section = (heading: string): string => {
  const [, found] = text.split(`\n## ${heading}\n`)
  assert.isDefined(found, `there is no section ${heading}`)
  return found!.split("\n## ")[0]!
}

/** The settings of a section's table, with the defaults as they are written. */
const table = (heading: string): Readonly<Record<string, string>> =>
  Object.fromEntries(Array.from(
    section(heading).matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm),
    ([, name, cell]) => [name!, cell!.trim()]
  ))

/** The defaults that are values. Others, such as "none" and "required", are words. */
const values = (heading: string): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(table(heading)).flatMap(([name, cell]) => {
      const value = /^`("[^`]*"|\d+|true|false)`$/.exec(cell)?.[1]
      return value === undefined ? [] : [[name, JSON.parse(value)]]
    })
  )

/** The names of a type, all of them: the compiler sees to it. */
type All<A> = { readonly [K in keyof A]-?: true }
const namesOf = <A>(names: All<A>): ReadonlyArray<string> => Object.keys(names).sort()
const documented = (heading: string): ReadonlyArray<string> => Object.keys(table(heading)).sort()

const connection = namesOf<KafkaConfig.ConnectionConfig>({
  bootstrapServers: true,
  clientId: true,
  rack: true,
  sasl: true,
  tls: true,
  connectTimeout: true,
  requestTimeout: true
})

const client = namesOf<KafkaConfig.ConsumerConfig>({
  isolation: true,
  groupProtocol: true,
  assignor: true,
  groupInstanceId: true,
  commitInterval: true,
  sessionTimeout: true,
  maxPollInterval: true,
  fetchMaxWait: true,
  fetchMinBytes: true,
  metadataRefresh: true
})

const consumer = namesOf<Omit<Consumer.Settings, keyof KafkaConfig.ConsumerConfig> & { readonly onFailure: unknown }>({
  offsetReset: true,
  onFailure: true,
  drainTimeout: true,
  closeTimeout: true,
  maxHandlerStall: true,
  reportHandlerStall: true,
  chunkRecords: true,
  bufferRecords: true,
  bufferBytes: true,
  until: true,
  tracing: true,
  restart: true,
  retries: true
})

const retries = namesOf<RetryTopics.Options>({
  topics: true,
  config: true,
  naming: true,
  group: true,
  otherReaders: true,
  publish: true,
  transactional: true,
  errorFields: true,
  deadLetterLimit: true
})

const handlers = namesOf<Handler.Options<unknown, never> & Handler.BatchOptions<unknown, never>>({
  onFailure: true,
  concurrency: true,
  maxSize: true,
  maxWait: true
})

const producer = namesOf<KafkaConfig.ProducerConfig>({
  acks: true,
  idempotent: true,
  compression: true,
  linger: true,
  deliveryTimeout: true,
  maxRequestBytes: true,
  bufferRecords: true,
  bufferBytes: true,
  transactionTimeout: true
})

const shared = { consumer: true, producer: true } as const
const confluent = namesOf<Omit<ConfluentKafka.Options, keyof KafkaConfig.ConnectionConfig | keyof typeof shared>>({
  statistics: true,
  librdkafka: true
})

const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })

describe("the tables of docs/configuration.md", () => {
  it("have every setting and no other", () => {
    assert.deepStrictEqual(documented("Connection"), connection)
    assert.deepStrictEqual(documented("Consumer client"), client)
    assert.deepStrictEqual(documented("Consumer"), consumer)
    assert.deepStrictEqual(documented("Retry topics"), retries)
    assert.deepStrictEqual(documented("Handlers"), handlers)
    assert.deepStrictEqual(documented("Producer"), producer)
    assert.deepStrictEqual(documented("Only the Confluent engine"), confluent)
  })

  it("have the defaults that engines and consumers use", () => {
    assert.deepStrictEqual(values("Connection"), { ...KafkaConfig.connectionDefaults })
    assert.deepStrictEqual(values("Consumer client"), { ...KafkaConfig.consumerDefaults })
    assert.deepStrictEqual(values("Consumer"), { ...defaults, tracing: "off" })
    assert.deepStrictEqual(values("Producer"), { ...KafkaConfig.producerDefaults })
    const batch = Topic.handleBatch(Notes, () => Effect.void)
    const single = Topic.handle(Notes, () => Effect.void)
    assert.deepInclude(single.call, { concurrency: values("Handlers")["concurrency"] as Handler.Concurrency })
    assert.deepInclude(batch.call, {
      maxSize: values("Handlers")["maxSize"] as number,
      maxWait: values("Handlers")["maxWait"] as number
    })
  })

  it.effect("have the defaults of the in-memory engine", () =>
    Effect.gen(function*() {
      const written = values("Only the in-memory engine")
      assert.deepStrictEqual(Object.keys(written), ["autoCreateTopics", "defaultPartitions"])
      yield* Producer.send(Notes, { key: null, value: "a" })
      const admin = yield* (yield* KafkaEngine.Service).admin
      const [created] = yield* admin.describeTopics([Notes.name])
      assert.strictEqual(written["autoCreateTopics"], created !== undefined)
      assert.strictEqual(written["defaultPartitions"], created?.partitions.length)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it("name what the Confluent engine refuses", () => {
    const [, list] = section("Only the Confluent engine").split("Refused there")
    const names = Array.from(list!.split("```")[0]!.matchAll(/`([a-z_.]+)`/g), ([, name]) => name!)
    assert.isAbove(names.length, 10)
    for (const name of names) assert.isDefined(refused({ consumer: { [name]: true } }), name)
    assert.isUndefined(refused({ consumer: { "fetch.max.bytes": 1 } }))
  })
})
