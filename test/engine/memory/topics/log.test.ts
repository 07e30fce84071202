import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import type { RawRecord } from "../../../../src/engine/KafkaEngine.ts"
import { PartitionLog } from "../../../../src/engine/memory/topics/log.ts"
import type { Isolation } from "../../../../src/engine/memory/topics/log.ts"
import { bytes } from "../owner.ts"

const small = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 }))

const Step = Schema.Union([
  Schema.TaggedStruct("Append", { key: small, producer: small }),
  Schema.TaggedStruct("Append", { key: small, producer: Schema.Literal(0) }),
  Schema.TaggedStruct("Finish", { producer: small, outcome: Schema.Literals(["commit", "abort"]) }),
  Schema.TaggedStruct("Truncate", { by: small }),
  Schema.TaggedStruct("Compact", {})
])

const Steps = Arbitrary.array(Arbitrary.schema(Step), { maxLength: 60 })

interface Entry {
  readonly offset: number
  readonly key: number
  readonly producer: number
  state: "plain" | "open" | "aborted"
}

/** The log as one would write it down: a list of entries, and nothing fast. */
class Model {
  entries: Array<Entry> = []
  end = 0
  start = 0

  append(key: number, producer: number): void {
    this.entries.push({ offset: this.end++, key, producer, state: producer === 0 ? "plain" : "open" })
  }

  finish(producer: number, outcome: "commit" | "abort"): void {
    if (!this.everOpen.has(producer)) return
    this.everOpen.delete(producer)
    for (const entry of this.entries) {
      if (entry.producer === producer && entry.state === "open") entry.state = outcome === "abort" ? "aborted" : "plain"
    }
    this.end++
  }

  /** Producers with an open transaction, with its first offset; also when retention took the records. */
  everOpen = new Map<number, number>()

  limit(isolation: Isolation): number {
    if (isolation === "read_uncommitted") return this.end
    return Math.max(this.start, Math.min(this.end, ...this.everOpen.values()))
  }

  visible(isolation: Isolation): Array<number> {
    return this.entries.filter(({ offset, state }) =>
      offset >= this.start && offset < this.limit(isolation) && (isolation === "read_uncommitted" || state === "plain")
    ).map(({ offset }) => offset)
  }

  compact(): void {
    const limit = this.limit("read_committed")
    this.entries = this.entries.filter((entry, index) =>
      entry.offset >= limit
      || (entry.state === "plain" && !this.entries.some((other, at) =>
        at > index && other.key === entry.key && other.offset < limit && other.state === "plain"
      ))
    )
  }
}

const readAll = (log: PartitionLog, isolation: Isolation, maxRecords: number, maxBytes: number): Array<RawRecord> => {
  const records: Array<RawRecord> = []
  for (let offset = log.startOffset;;) {
    const read = log.read(isolation, offset, maxRecords, maxBytes, true)
    assert.isAtMost(read.records.length, maxRecords)
    assert.strictEqual(read.bytes, read.records.reduce((sum, { size }) => sum + size, 0))
    assert.isTrue(read.records.length <= 1 || read.bytes <= maxBytes)
    assert.isAtMost(read.next, log.limit(isolation))
    if (read.records.length === 0) {
      assert.isFalse(log.hasRecords(isolation, offset))
      assert.strictEqual(read.next, Math.max(offset, log.limit(isolation)))
      return records
    }
    assert.isTrue(log.hasRecords(isolation, offset))
    assert.isAbove(read.next, read.records.at(-1)!.offset)
    records.push(...read.records)
    offset = read.next
  }
}

const newRecord = (key: number, timestamp = 0) => ({
  key: bytes(`k${key}`),
  value: bytes("v".repeat(key)),
  headers: undefined,
  timestamp,
  timestampType: "CreateTime" as const
})

describe("a partition's log", () => {
  it.prop(
    "shows what a plain list would, in steps of any size",
    [Steps, small, small],
    ([steps, records, maxBytes]) => {
      const log = new PartitionLog("t", 0)
      const model = new Model()
      for (const step of steps) {
        switch (step._tag) {
          case "Append": {
            log.append(newRecord(step.key), step.producer === 0 ? undefined : step.producer)
            if (step.producer !== 0 && !model.everOpen.has(step.producer)) model.everOpen.set(step.producer, model.end)
            model.append(step.key, step.producer)
            break
          }
          case "Finish": {
            log.finish(step.producer, step.outcome)
            model.finish(step.producer, step.outcome)
            break
          }
          case "Truncate": {
            log.truncate(log.startOffset + step.by)
            model.start = Math.min(model.end, model.start + step.by)
            model.entries = model.entries.filter(({ offset }) => offset >= model.start)
            break
          }
          case "Compact": {
            log.compact(0)
            model.compact()
            break
          }
        }
        assert.strictEqual(log.endOffset, model.end)
        assert.strictEqual(log.startOffset, model.start)
        for (const isolation of ["read_committed", "read_uncommitted"] as const) {
          const offsets = readAll(log, isolation, records + 1, maxBytes * 4).map(({ offset }) => offset)
          assert.deepStrictEqual(offsets, model.visible(isolation), `${isolation} after ${step._tag}`)
        }
      }
    }
  )

  it("removes tombstones when they are old enough", () => {
    const log = new PartitionLog("t", 0)
    log.append(newRecord(1))
    log.append({ ...newRecord(1, 10), value: null })
    assert.strictEqual(log.compact(5), 1)
    assert.deepStrictEqual(readAll(log, "read_committed", 10, 100).map(({ offset }) => offset), [1])
    assert.strictEqual(log.compact(11), 1)
    assert.deepStrictEqual(readAll(log, "read_committed", 10, 100), [])
    assert.strictEqual(log.endOffset, 2)
  })

  it("forgets what is too old or too much, from the front", () => {
    const log = new PartitionLog("t", 0)
    for (let time = 0; time < 10; time++) log.append(newRecord(2, time))
    assert.strictEqual(log.retain(3, Number.POSITIVE_INFINITY), 3)
    assert.strictEqual(log.startOffset, 3)
    assert.strictEqual(log.retain(0, 4 * 4), 3)
    assert.strictEqual(log.startOffset, 6)
    assert.strictEqual(log.retain(100, 0), 4)
    assert.strictEqual(log.startOffset, 10)
  })

  it("finds offsets by time", () => {
    const log = new PartitionLog("t", 0)
    for (const time of [5, 7, 9]) log.append(newRecord(1, time))
    assert.deepStrictEqual([0, 6, 9, 10].map((time) => log.offsetAt("read_committed", time)), [0, 1, 2, 3])
  })

  it("counts the bytes of key, value and headers as the size of a record", () => {
    const log = new PartitionLog("t", 0)
    const headers = [["name", new Uint8Array(100)], ["n", null]] as const
    const record = { key: new Uint8Array(3), value: new Uint8Array(10), headers, timestamp: 0 }
    assert.strictEqual(log.append({ ...record, timestampType: "CreateTime" }).size, 118)
  })
})
