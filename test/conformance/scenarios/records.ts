import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Codec, Consumer, OnFailure, Producer, Topic } from "millrace"
import type { Record } from "millrace"
import type { RawHeader } from "../../../src/engine/KafkaEngine.ts"
import { murmur2 } from "../../../src/engine/memory/producer/murmur2.ts"
import type { Group, World } from "../harness.ts"
import { scenario } from "../harness.ts"

const rawTopic = (name: string) =>
  Topic.make(name, { key: Codec.nullable(Codec.bytes), value: Codec.nullable(Codec.bytes) })

const bytes = (...values: ReadonlyArray<number>) => new Uint8Array(values)
const text = (value: string) => new TextEncoder().encode(value)
const plain = (raw: Uint8Array | null) => raw === null ? null : [...raw]

/** All records of a topic, read to its end. */
const readAll = Effect.fnUntraced(function*(world: World, topic: string) {
  const read: Array<Record.Record<Uint8Array | null, Uint8Array | null>> = []
  yield* Consumer.run(Consumer.make(world.name("reader"), {
    offsetReset: "earliest",
    ...world.settings,
    until: "end",
    onFailure: OnFailure.stop,
    handlers: [Topic.handle(rawTopic(topic), (record) => Effect.sync(() => read.push(record)))]
  }))
  return read
})

const roundTrip = (headers: ReadonlyArray<RawHeader>) =>
  Effect.fnUntraced(function*(world: World) {
    const topic = yield* world.topic(4)
    const timestamp = Date.now() - 5_000
    const key = bytes(0, 255, 10)
    const value = bytes(1, 0, 254)
    const sent = yield* Producer.send(rawTopic(topic), { key, value, headers, timestamp, partition: 2 })
    assert.deepInclude(sent, { topic, partition: 2, offset: 0 })
    const [record, ...more] = yield* readAll(world, topic)
    assert.lengthOf(more, 0)
    assert.deepInclude(
      { topic: record!.topic, partition: record!.partition, offset: record!.offset, timestamp: record!.timestamp },
      { topic, partition: 2, offset: 0, timestamp }
    )
    assert.deepStrictEqual(plain(record!.key), plain(key))
    assert.deepStrictEqual(plain(record!.value), plain(value))
    assert.deepStrictEqual(
      record!.headers.map(([name, value]) => [name, plain(value)]),
      headers.map(([name, value]) => [name, plain(value)])
    )
  })

export const records: Group = {
  title: "a record",
  scenarios: [
    scenario(
      "arrives with its key, value, timestamp and headers: repeated, binary and empty ones, in order",
      [],
      roundTrip([["h", bytes(255, 0)], ["other", text("ü")], ["h", text("again")], ["empty", bytes()]])
    ),
    scenario(
      "arrives with headers of any name",
      [],
      roundTrip([["__proto__", text("a")], ["constructor", text("b")], ["ü 1", text("c")], ["7", text("d")]])
    ),
    scenario("arrives with headers that are null", ["header null"], roundTrip([["h", null], ["h", text("x")]])),
    scenario("may have a null key and a null value, which are not empty ones", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(4)
        const messages = [
          { key: null, value: text("no key"), partition: 0 },
          { key: text("gone"), value: null, partition: 0 },
          { key: null, value: null, partition: 0 },
          { key: bytes(), value: bytes(), partition: 0 }
        ]
        yield* Producer.sendAll(rawTopic(topic), messages)
        const read = yield* readAll(world, topic)
        assert.deepStrictEqual(
          read.map(({ key, value }) => [plain(key), plain(value)]),
          messages.map(({ key, value }) => [plain(key), plain(value)])
        )
      })),
    scenario("of another client is read like our own", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(4)
        const headers = [["trace", text("1")], ["trace", text("2")]] as const
        yield* world.foreignProduce([
          { topic, partition: 1, key: text("k"), value: text("v"), headers, timestamp: Date.now() },
          { topic, partition: 1, key: null, value: null }
        ])
        const read = yield* readAll(world, topic)
        assert.deepStrictEqual(
          read.map(({ headers, key, offset, value }) => ({
            offset,
            key: plain(key),
            value: plain(value),
            headers: headers.map(([name, value]) => [name, plain(value)])
          })),
          [
            { offset: 0, key: plain(text("k")), value: plain(text("v")), headers: [["trace", [49]], ["trace", [50]]] },
            { offset: 1, key: null, value: null, headers: [] }
          ]
        )
      })),
    scenario(
      "without a timestamp gets the time of sending, and what is acknowledged is what is read",
      ["acknowledged time"],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const sent = yield* Producer.send(rawTopic(topic), { key: null, value: text("x") })
          const [record] = yield* readAll(world, topic)
          assert.deepInclude(sent, {
            partition: record!.partition,
            offset: record!.offset,
            timestamp: record!.timestamp
          })
          const now = world.sessionMillis === 45_000 ? 0 : Date.now()
          assert.isBelow(Math.abs(record!.timestamp - now), 60_000)
        })
    ),
    scenario(
      "goes to the partition that murmur2 of its key says, as with the Java client",
      [],
      (world) =>
        Effect.gen(function*() {
          const topic = yield* world.topic(4)
          const keys = ["", "a", "order-1", "order-2", "ключ", "x".repeat(100)].map(text)
          const sent = yield* Producer.sendAll(rawTopic(topic), keys.map((key) => ({ key, value: key })))
          const expected = keys.map((key) => (murmur2(key) & 0x7fffffff) % 4)
          assert.deepStrictEqual(sent.map(({ partition }) => partition), expected)
        })
    )
  ]
}
