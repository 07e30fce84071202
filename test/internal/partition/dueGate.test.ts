import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Chunk, RawRecord } from "../../../src/engine/KafkaEngine.ts"
import { DueGate } from "../../../src/internal/partition/dueGate.ts"
import { alive, collected } from "../../kit/garbage.ts"

const chunkOf = (offsets: ReadonlyArray<number>, next = offsets.at(-1)! + 1): Chunk => ({
  topic: "t",
  partition: 0,
  records: offsets.map((offset): RawRecord => ({
    topic: "t",
    partition: 0,
    offset,
    timestamp: 0,
    key: null,
    value: null,
    size: 10
  })),
  // More than its records, as engines count it.
  bytes: offsets.length * 10 + 7,
  next
})

/** A gate over chunks whose records are due at the times of their offsets. */
const gateOver = (chunks: ReadonlyArray<Chunk>, dueAt: (offset: number) => number) => {
  const queue = [...chunks]
  const asked: Array<number> = []
  const late: Array<number> = []
  const gate = new DueGate(() => queue.shift(), ({ offset }) => {
    asked.push(offset)
    return dueAt(offset)
  }, (millis) => late.push(millis))
  return { asked, gate, late }
}

const Steps = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 }))), {
  minLength: 1,
  maxLength: 40
})

describe("a retry topic's gate", () => {
  it.prop(
    "lets everything through once, in order, never early, and all of its bytes",
    { steps: Steps },
    ({ steps }) => {
      let due = 0
      const times = steps.map((step) => due += step)
      const offsets = times.map((_, i) => i * 2)
      const half = Math.ceil(offsets.length / 2)
      const chunks = [chunkOf(offsets.slice(0, half)), ...(half < offsets.length ? [chunkOf(offsets.slice(half))] : [])]
      const { asked, gate, late } = gateOver(chunks, (offset) => times[offset / 2]!)
      const out: Array<number> = []
      let bytes = 0
      let next = 0
      for (let now = 0; now <= due; now++) {
        for (let part = gate.take(now); part !== undefined; part = gate.take(now)) {
          for (const { offset } of part.records) {
            assert.isAtMost(times[offset / 2]!, now)
            out.push(offset)
          }
          assert.isAbove(part.next, part.records.at(-1)!.offset)
          bytes += part.bytes
          next = part.next
        }
        if (gate.held !== undefined) assert.isAbove(gate.dueAt!, now)
      }
      assert.deepStrictEqual(out, offsets)
      assert.deepStrictEqual(asked, offsets, "each is asked once")
      assert.strictEqual(late.length, offsets.length)
      assert.strictEqual(bytes, chunks.reduce((sum, chunk) => sum + chunk.bytes, 0))
      assert.strictEqual(next, chunks.at(-1)!.next)
    }
  )

  it("hands a chunk on as it is when all of it is due, behind a gap too", () => {
    const chunk = chunkOf([3, 4], 9)
    const { gate } = gateOver([chunk], () => 0)
    assert.strictEqual(gate.take(0), chunk)
    assert.isUndefined(gate.dueAt)
  })

  it("lets the record go that it is told to, and that one alone", () => {
    const { gate } = gateOver([chunkOf([1, 2])], () => 100)
    assert.isUndefined(gate.take(0))
    assert.strictEqual(gate.held?.offset, 1)
    gate.force()
    assert.deepStrictEqual(gate.take(0)?.records.map(({ offset }) => offset), [1])
    assert.isUndefined(gate.take(0))
    assert.strictEqual(gate.held?.offset, 2)
  })

  it.effect("keeps nothing of what it let go, in the middle of a chunk too", () =>
    Effect.gen(function*() {
      const refs: Array<WeakRef<RawRecord>> = []
      const { gate } = gateOver([chunkOf([0, 1, 2, 3])], (offset) => offset < 3 ? 0 : 100)
      refs.push(...gate.take(0)!.records.map((record) => new WeakRef(record)))
      yield* collected
      assert.strictEqual(alive(refs).length, 0)
      assert.strictEqual(gate.held?.offset, 3)
    }))

  it("lets a record go to be skipped, once, and none when nothing is held back", () => {
    const { gate } = gateOver([chunkOf([0, 1])], () => 10)
    gate.skip()
    assert.isUndefined(gate.take(0))
    gate.skip()
    assert.deepStrictEqual(gate.take(0)?.records.map(({ offset }) => offset), [0])
    assert.deepStrictEqual([...gate.skips], [0])
    assert.isUndefined(gate.take(0))
    assert.strictEqual(gate.held?.offset, 1)
  })
})
