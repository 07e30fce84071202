/**
 * What Spring and django-kafka write to their retry and dead letter topics is what the fixtures say: names and bytes of
 * all headers, but for times and stacks. With MILLRACE_TEST_RECORD=1 the fixtures are written anew.
 */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ConfluentKafka } from "millrace/confluent"
import { readFileSync, writeFileSync } from "node:fs"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import { createTopic, until } from "../faults/cluster.ts"
import { sharedKafka } from "../services/env.ts"
import { runPython } from "../services/python.ts"
import { startDjango, versions } from "./django/application.ts"
import { run } from "./millrace.ts"
import type { Peer } from "./peer.ts"
import { type Settings as SpringSettings, startSpring } from "./spring/application.ts"

interface Recorded {
  readonly topic: string
  readonly key: string | null
  readonly value: string | null
  readonly headers: ReadonlyArray<readonly [name: string, value: string | null]>
}

const hex = (text: string) => Buffer.from(text).toString("hex")
const records = new URL("records.py", import.meta.url)
const python = (input: object) =>
  Effect.promise(() => runPython(records, { bootstrap: sharedKafka(), ...input })) as Effect.Effect<Array<Recorded>>

/** A record with headers of its own: text, binary, null. */
const write = (topic: string, value: string | null, key: string | null = "k1") =>
  python({
    write: [{
      topic,
      key: key === null ? null : hex(key),
      value: value === null ? null : hex(value),
      headers: [["trace", hex("abc")], ["bin", "00ff"], ["nil", null]]
    }]
  })

/** Stacks are of no use beyond their beginning. */
const cut = (value: string | null) =>
  value === null || value.length <= 600 ? value : `${value.slice(0, 400)}... (${value.length / 2} bytes in all)`

const volatile = /timestamp$|-timestamp$|stacktrace$|^DEAD_LETTER_DETAIL$|^RETRY_TIMESTAMP$|^x-retry-first-failed-at$/

const stable = (all: ReadonlyArray<Recorded>) =>
  all.map(({ headers, key, topic, value }) => ({
    topic,
    key,
    value,
    headers: headers.map(([name, bytes]) => [name, volatile.test(name) ? "…" : bytes])
  }))

/** Compares what is in topics with a fixture, or makes it the fixture. */
const hold = Effect.fnUntraced(function*(file: string, library: string, topics: ReadonlyArray<string>) {
  const read = yield* python({ read: topics })
  const all = read.map((record) => ({
    ...record,
    headers: record.headers.map(([name, value]) => [name, cut(value)] as const)
  }))
  const url = new URL(`../fixtures/${file}.json`, import.meta.url)
  if (process.env["MILLRACE_TEST_RECORD"] === "1") {
    const lines = all.map((record) => `  ${JSON.stringify(record)}`)
    writeFileSync(url, `{\n "library": ${JSON.stringify(library)},\n "records": [\n${lines.join(",\n")}\n ]\n}\n`)
  } else {
    const known = JSON.parse(readFileSync(url, "utf8")) as { readonly records: ReadonlyArray<Recorded> }
    assert.deepStrictEqual(stable(all), stable(known.records))
  }
})

const ending = (start: () => Promise<Peer>) =>
  Effect.acquireRelease(Effect.promise(start), (peer) => Effect.promise(() => peer.stop()))

const spring = (settings: Omit<SpringSettings, "bootstrap">) =>
  ending(() => startSpring({ bootstrap: sharedKafka(), dlt: false, ...settings }))

const withRecords = (topic: string, count: number) =>
  until(
    `${topic} has ${count} records`,
    Effect.gen(function*() {
      const admin = yield* (yield* KafkaEngine.Service).admin
      const [end] = yield* admin.listOffsets([{ topic, partition: 0 }], "latest")
      return end!.offset >= count
    })
  )

const engine = ConfluentKafka.layer({ bootstrapServers: [sharedKafka()] })
const springKafka = "spring-kafka 4.1.2, Java 17"

layer(engine, { timeout: "4 minutes", excludeTestServices: true })("the bytes in the fixtures", (it) => {
  it.effect("are what Spring's non-blocking retries write", () =>
    Effect.gen(function*() {
      yield* createTopic("sk-orders", 1)
      yield* write("sk-orders", "order:9")
      yield* spring({ topic: "sk-orders", group: "sk-billing" })
      yield* withRecords("sk-orders-dlt", 1)
      const topics = ["", "-retry-500", "-retry-1000", "-retry-2000", "-dlt"].map((end) => `sk-orders${end}`)
      yield* hold("spring-kafka/non-blocking-retry", springKafka, topics)
    }))

  it.effect("are what Spring writes with a single retry topic", () =>
    Effect.gen(function*() {
      yield* createTopic("sk-single", 1)
      yield* write("sk-single", "order:9")
      yield* spring({ topic: "sk-single", group: "sk-single-g", attempts: 3, multiplier: 0 })
      yield* withRecords("sk-single-dlt", 1)
      const topics = ["", "-retry", "-dlt"].map((end) => `sk-single${end}`)
      yield* hold("spring-kafka/non-blocking-retry-single-topic", springKafka, topics)
    }))

  it.effect("are what Spring's dead letter recoverer writes", () =>
    Effect.gen(function*() {
      const topics = ["sk-plain", "sk-plain-dlt", "sk-poison", "sk-poison-dlt"]
      for (const topic of topics) yield* createTopic(topic, 1)
      yield* write("sk-plain", "order:9")
      yield* write("sk-poison", "order:9")
      yield* spring({ topic: "sk", group: "sk-recovering", listener: "Recovering", assigned: false })
      for (const topic of ["sk-plain-dlt", "sk-poison-dlt"]) yield* withRecords(topic, 1)
      yield* hold("spring-kafka/dead-letter-recoverer", springKafka, topics)
    }))

  it.effect("are what Spring writes of a record that failed at Millrace first", () =>
    Effect.gen(function*() {
      yield* createTopic("sk-moved", 1)
      yield* write("sk-moved", "order:9")
      const member = yield* run({ topic: "sk-moved", group: "sk-billing", delay: 1500, retries: 2 })
      yield* member.until("failed", ["order:9"])
      yield* member.stop
      yield* spring({ topic: "sk-moved", group: "sk-billing", delay: 1500, attempts: 3 })
      yield* withRecords("sk-moved-dlt", 1)
      const topics = ["", "-retry-1500", "-retry-3000", "-dlt"].map((end) => `sk-moved${end}`)
      yield* hold("spring-kafka/after-millrace", `millrace, then ${springKafka}`, topics)
    }))

  for (const version of versions) {
    it.effect(`are what django-kafka ${version} writes`, () =>
      Effect.gen(function*() {
        const [topic, group] = ["dk-orders", `dk-billing-${version}`]
        const retries = ["retry.1", "retry.2", "dlt"].map((end) => `${group}.${topic}.${end}`)
        for (const name of retries) yield* createTopic(name, 1)
        if (version === versions[0]) {
          yield* createTopic(topic, 1)
          yield* write(topic, "order:9")
          yield* write(topic, ":9", null)
        }
        yield* ending(() => startDjango({ version, bootstrap: sharedKafka(), topic, group }))
        yield* withRecords(retries[2]!, 2)
        yield* hold(`django-kafka/retry-${version}`, `django-kafka ${version}`, [topic, ...retries])
      }))
  }
})
