import { assert, describe, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as KafkaEngine from "../../../../src/engine/KafkaEngine.ts"
import { bytes, fresh, mockEngine, numbered, open, produce, until, values } from "../mock.ts"

const deadline = Duration.seconds(10)

layer(mockEngine, { excludeTestServices: true })("a consumer on the mock cluster", (it) => {
  describe("records", () => {
    it.effect("keep order, keys, tombstones, and repeated and binary headers", () =>
      Effect.gen(function*() {
        const topic = fresh("records")
        const binary = new Uint8Array([0, 255, 128])
        yield* produce([
          { topic, partition: 0, key: bytes("k"), value: bytes("value"), timestamp: 1_700_000_000_123 },
          { topic, partition: 0, key: null, value: null },
          { topic, partition: 0, key: bytes(""), value: bytes("") },
          {
            topic,
            partition: 0,
            key: null,
            value: bytes("h"),
            headers: [["a", binary], ["a", bytes("2")], ["b", null]]
          }
        ])
        const owner = yield* open({ topics: [topic] })
        yield* owner.run(() => owner.records.length === 4, "four records")
        const [first, tombstone, empty, headers] = owner.records
        assert.deepStrictEqual(
          [first!.topic, first!.partition, first!.offset, first!.timestamp, first!.size],
          [topic, 0, 0, 1_700_000_000_123, 6]
        )
        assert.deepStrictEqual([tombstone!.key, tombstone!.value, tombstone!.size], [null, null, 0])
        assert.deepStrictEqual([empty!.key?.length, empty!.value?.length], [0, 0])
        assert.strictEqual(first!.headers, undefined)
        assert.deepStrictEqual(
          headers!.headers?.map(([name, value]) => [name, [...value!]]),
          [["a", [0, 255, 128]], ["a", [50]], ["b", []]]
        )
        yield* owner.client.close(deadline)
      }))

    it.effect("are handed out within the limits of a poll, none lost or twice", () =>
      Effect.gen(function*() {
        const topic = fresh("limits")
        yield* produce(numbered(topic, 0, 300))
        const owner = yield* open({ topics: [topic] })
        yield* owner.run(() => owner.assigned.size === 4, "the assignment")
        const sizes: Array<number> = []
        const offsets: Array<number> = []
        const poll = (records: number, size: number) => {
          for (const chunk of owner.client.poll(records, size)) {
            sizes.push(chunk.records.length)
            offsets.push(...chunk.records.map(({ offset }) => offset))
            assert.isAtLeast(chunk.next, (chunk.records.at(-1)?.offset ?? -1) + 1)
          }
        }
        yield* until(() => {
          poll(7, 1e9)
          return offsets.length >= 100
        }, "the first hundred")
        assert.isAtMost(Math.max(...sizes), 7)
        sizes.length = 0
        yield* until(() => {
          poll(1_000, 6)
          return offsets.length >= 300
        }, "the rest")
        // A value has up to three bytes.
        assert.isAtMost(Math.max(...sizes), 7)
        assert.deepStrictEqual(offsets, Array.from({ length: 300 }, (_, i) => i))
        yield* owner.client.close(deadline)
      }))

    it.effect("wake an idle consumer at once", () =>
      Effect.gen(function*() {
        const topic = fresh("wake")
        yield* produce(numbered(topic, 0, 1))
        const owner = yield* open({ topics: [topic] })
        yield* owner.run(() => owner.records.length === 1, "the first record")
        const times: Array<number> = []
        const ticks: Array<number> = []
        let ticked = 0
        const timer = setInterval(() => ticked++, 100)
        for (let i = 1; i <= 15; i++) {
          const before = owner.ready()
          yield* produce(numbered(topic, i, i + 1))
          const sent = performance.now()
          yield* until(() => owner.ready() > before, "ready")
          times.push(performance.now() - sent)
          owner.client.poll(10, 1e9)
          const from = performance.now()
          const last = ticked
          yield* until(() => ticked > last, "a tick")
          ticks.push(performance.now() - from)
        }
        clearInterval(timer)
        const median = (values: Array<number>) => values.sort((a, b) => a - b)[7]!
        // Without the wake-up it would be found by the client's timer, which goes as often as the one here.
        assert.isBelow(median(times), median(ticks) * 0.7)
        yield* owner.client.close(deadline)
      }))

    it.effect("start where the answer says", () =>
      Effect.gen(function*() {
        const topic = fresh("start")
        yield* produce(numbered(topic, 0, 10))
        const owner = yield* open({ topics: [topic] })
        yield* until(() => owner.due.length > 0, "the assignment")
        yield* owner.client.answer(owner.due.shift()!.id, [{ topic, partition: 0, offset: 6 }])
        yield* owner.run(() => owner.records.length > 0, "a record")
        assert.strictEqual(owner.records[0]!.offset, 6)
        yield* owner.client.close(deadline)
      }))

    it.effect("of fixed partitions come without a group, with the end of the partition", () =>
      Effect.gen(function*() {
        const topic = fresh("manual")
        yield* produce(numbered(topic, 0, 5, 2))
        const owner = yield* open({
          subscription: { _tag: "Manual", positions: [{ topic, partition: 2, offset: 3 }] },
          signalEnd: true
        })
        yield* owner.run(() => owner.find("EndOfPartition").length > 0, "the end")
        assert.deepStrictEqual(values(owner.records), ["3", "4"])
        assert.strictEqual(owner.find("EndOfPartition")[0]!.offset, 5)
        yield* owner.client.close(deadline)
      }))
  })

  describe("pause, resume and seek", () => {
    it.effect("back from the end forgets that end", () =>
      Effect.gen(function*() {
        const topic = fresh("end")
        yield* produce(numbered(topic, 0, 5))
        const owner = yield* open({
          subscription: { _tag: "Manual", positions: [{ topic, partition: 0, offset: 3 }] },
          signalEnd: true
        })
        // The last two records, and the end behind them; neither is taken.
        yield* until(() => owner.ready() >= 2, "the end")
        yield* owner.client.seek({ topic, partition: 0, offset: 0 })
        yield* owner.run(() => owner.find("EndOfPartition").length > 0, "the end again")
        assert.deepStrictEqual(values(owner.records), ["0", "1", "2", "3", "4"])
        yield* owner.client.close(deadline)
      }))

    it.effect("stop and go on at the exact offset", () =>
      Effect.gen(function*() {
        const topic = fresh("pause")
        const at = { topic, partition: 0 }
        yield* produce(numbered(topic, 0, 3))
        const owner = yield* open({ topics: [topic] })
        yield* owner.run(() => owner.records.length === 3, "three records")
        owner.client.pause([at])
        owner.client.pause([at])
        yield* produce([...numbered(topic, 3, 6), ...numbered(topic, 0, 1, 1)])
        yield* owner.run(() => owner.records.length === 4, "the record of the other partition")
        assert.strictEqual(owner.records[3]!.partition, 1)
        owner.client.resume([at])
        yield* owner.run(() => owner.records.length === 7, "the records after the pause")
        assert.deepStrictEqual(values(owner.records.slice(4)), ["3", "4", "5"])
        yield* owner.client.seek({ ...at, offset: 2 })
        yield* owner.run(() => owner.records.length === 11, "the records after the seek")
        assert.deepStrictEqual(values(owner.records.slice(7)), ["2", "3", "4", "5"])
        yield* owner.client.close(deadline)
      }))

    it.effect("a seek drops what was fetched before, and fails for a partition that is not assigned", () =>
      Effect.gen(function*() {
        const topic = fresh("seek")
        yield* produce(numbered(topic, 0, 50))
        const owner = yield* open({ topics: [topic] })
        yield* until(() => owner.due.length > 0, "the assignment")
        yield* owner.answerDue
        const before = owner.ready()
        yield* until(() => owner.ready() > before, "fetched records")
        yield* owner.client.seek({ topic, partition: 0, offset: 40 })
        yield* owner.run(() => owner.records.length >= 10, "records")
        assert.strictEqual(owner.records[0]!.offset, 40)
        const error = yield* Effect.flip(owner.client.seek({ topic, partition: 77, offset: 1 }))
        assert.strictEqual(error.reason._tag, "UnknownTopic")
        yield* owner.client.close(deadline)
      }))
  })

  describe("commits", () => {
    it.effect("end with the broker's word, at an unchanged offset too", () =>
      Effect.gen(function*() {
        const topic = fresh("commit")
        yield* produce(numbered(topic, 0, 5))
        const owner = yield* open({ topics: [topic] })
        yield* owner.run(() => owner.records.length === 5, "five records")
        const position = { topic, partition: 0, offset: 3, metadata: "note" }
        for (let i = 0; i < 2; i++) {
          const answers = owner.find("Committed").length
          yield* owner.client.commit([position])
          assert.isAbove(owner.find("Committed").length, answers)
        }
        const partitions = [{ topic, partition: 0 }, { topic, partition: 1 }]
        assert.deepInclude(yield* owner.client.committed(partitions), position)
        assert.lengthOf(yield* owner.client.committed(partitions), 1)
        yield* owner.client.close(deadline)
      }))

    it.effect("that the broker refuses fail with its reason, long before the time is up", () =>
      Effect.gen(function*() {
        const topic = fresh("refused")
        yield* produce(numbered(topic, 0, 1))
        const owner = yield* open({ topics: [topic] })
        yield* owner.run(() => owner.records.length === 1, "a record")
        // After the time it would be a `Timeout`.
        const error = yield* Effect.flip(owner.client.commit([{ topic, partition: 99, offset: 1 }]))
        assert.strictEqual(error.reason._tag, "UnknownTopic")
        yield* owner.client.close(deadline)
      }))

    it.effect("are answered although fetched records wait and nobody polls", () =>
      Effect.gen(function*() {
        const topic = fresh("unpolled")
        yield* produce(numbered(topic, 0, 2_000))
        const owner = yield* open({ topics: [topic] })
        yield* until(() => owner.due.length > 0, "the assignment")
        yield* owner.answerDue
        yield* until(() => owner.ready() > 0, "fetched records")
        // Without an answer it would fail with a `Timeout`.
        yield* owner.client.commit([{ topic, partition: 0, offset: 1 }])
        yield* owner.run(() => owner.records.length === 2_000, "every record")
        assert.deepStrictEqual(owner.records.map(({ offset }) => offset), Array.from({ length: 2_000 }, (_, i) => i))
        yield* owner.client.close(deadline)
      }))

    it.effect("of stored positions happen at the close", () =>
      Effect.gen(function*() {
        const topic = fresh("stored")
        const group = fresh("group")
        yield* produce(numbered(topic, 0, 5))
        const owner = yield* open({ topics: [topic], group })
        yield* owner.run(() => owner.records.length === 5, "five records")
        assert.isTrue(owner.client.store({ topic, partition: 0, offset: 4 }))
        assert.isFalse(owner.client.store({ topic, partition: 77, offset: 4 }))
        yield* owner.client.close(deadline)
        const next = yield* open({ topics: [topic], group })
        yield* next.run(() => next.records.length > 0, "a record")
        assert.strictEqual(next.records[0]!.offset, 4)
        yield* next.client.close(deadline)
      }))
  })

  describe("offsets to begin with", () => {
    it.effect("that are out of range are reset, and the owner hears of it", () =>
      Effect.gen(function*() {
        const topic = fresh("range")
        yield* produce(numbered(topic, 0, 3))
        const owner = yield* open({
          subscription: { _tag: "Manual", positions: [{ topic, partition: 0, offset: 1_000 }] }
        })
        yield* owner.run(() => owner.records.length === 3, "the records")
        const [reset] = owner.find("OffsetReset")
        assert.deepInclude(reset, { topic, partition: 0, outOfRange: true })
        yield* owner.client.close(deadline)
      }))

    it.effect("that are missing are chosen, and the owner hears of it", () =>
      Effect.gen(function*() {
        const topic = fresh("first")
        const group = fresh("group")
        yield* produce(numbered(topic, 0, 3))
        const owner = yield* open({ topics: [topic], group })
        yield* owner.run(() => owner.find("OffsetReset").length === 4, "four resets")
        assert.deepStrictEqual(new Set(owner.find("OffsetReset").map(({ outOfRange }) => outOfRange)), new Set([false]))
        yield* owner.client.commit([0, 1, 2, 3].map((partition) => ({ topic, partition, offset: 0 })))
        yield* owner.client.close(deadline)
        const next = yield* open({ topics: [topic], group })
        yield* next.run(() => next.records.length === 3, "the records")
        assert.deepStrictEqual(next.find("OffsetReset"), [])
        yield* next.client.close(deadline)
      }))

    it.effect("of a single partition are required too, although records of others arrive", () =>
      Effect.gen(function*() {
        const topic = fresh("one-of-four")
        const group = fresh("group")
        yield* produce([0, 1, 2, 3].flatMap((partition) => numbered(topic, 0, 50, partition)))
        const owner = yield* open({ topics: [topic], group })
        yield* owner.run(() => owner.assigned.size === 4, "the assignment")
        yield* owner.client.commit([0, 1, 3].map((partition) => ({ topic, partition, offset: 1 })))
        yield* owner.client.close(deadline)
        const strict = yield* open({ topics: [topic], group, offsetReset: "none" })
        yield* strict.run(() => strict.find("Failed").length > 0, "the failure")
        assert.deepInclude(strict.find("Failed")[0]!.error.reason, { _tag: "NoOffset", topic, partition: 2 })
        yield* strict.client.close(deadline)
      }))

    it.effect("that are out of range end a client under offsetReset none, also when records come with the news", () =>
      Effect.gen(function*() {
        const topic = fresh("outside")
        const group = fresh("group")
        yield* produce([0, 1, 2, 3].flatMap((partition) => numbered(topic, 0, 50, partition)))
        const owner = yield* open({ topics: [topic], group })
        yield* owner.run(() => owner.assigned.size === 4, "the assignment")
        yield* owner.client.commit([0, 1, 2, 3].map((partition) => ({
          topic,
          partition,
          offset: partition === 2 ? 1_000 : 1
        })))
        yield* owner.client.close(deadline)
        const strict = yield* open({ topics: [topic], group, offsetReset: "none" })
        yield* until(() => strict.due.length > 0, "the assignment")
        yield* strict.answerDue
        // A busy process: one consume finds all that was fetched meanwhile.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
        yield* strict.run(() => strict.find("Failed").length > 0, "the failure")
        assert.deepInclude(strict.find("Failed")[0]!.error.reason, {
          _tag: "OffsetOutOfRange",
          topic,
          partition: 2,
          offset: 1_000
        })
        assert.lengthOf(strict.find("Failed"), 1)
        yield* strict.client.close(deadline)
      }))

    it.effect("are required under offsetReset none", () =>
      Effect.gen(function*() {
        const topic = fresh("none")
        yield* produce(numbered(topic, 0, 3))
        const owner = yield* open({ topics: [topic], offsetReset: "none" })
        yield* owner.run(() => owner.find("Failed").length > 0, "the failure")
        assert.strictEqual(owner.find("Failed")[0]!.error.reason._tag, "NoOffset")
        yield* owner.client.close(deadline)
      }))
  })
})

describe("a missing topic", () => {
  layer(mockEngine, { excludeTestServices: true })((it) => {
    it.effect("fails the start, by name", () =>
      Effect.gen(function*() {
        const engine = yield* KafkaEngine.Service
        assert.strictEqual(engine.name, "confluent")
        const topic = fresh("missing")
        const error = yield* Effect.flip(open({ topics: [topic] }))
        assert.deepInclude(error.reason, { _tag: "UnknownTopic", topic })
      }))
  })
})
