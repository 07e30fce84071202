/** The pure parts of publishing exactly once: receipts, and what is tried after a transaction that a row broke. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { KafkaError } from "millrace"
import { decode, encode, mostRows, stamps } from "../../../src/sql/outbox/receipts.ts"
import { rowOf } from "../../../src/sql/outbox/rows.ts"
import { type Blame, split } from "../../../src/sql/outbox/splitting.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** How far an id is from the one before, in two parts: ids have 63 bits. */
const Rows = Arbitrary.array(
  Arbitrary.schema(
    Schema.Struct({ far: between(0, 2 ** 20), near: between(1, 2 ** 30), stamp: between(0, stamps - 1) })
  ),
  { maxLength: 200 }
)

describe("a receipt", () => {
  it.prop("comes back as it was", { rows: Rows, leaps: Arbitrary.schema(Schema.Boolean) }, ({ leaps, rows }) => {
    let id = 0n
    const receipted = rows.map(({ far, near, stamp }) => {
      id += (leaps ? BigInt(far) << 34n : 0n) + BigInt(near)
      return { id: String(id), stamp }
    })
    assert.deepStrictEqual(decode(encode(receipted)), receipted)
  })

  it("holds the largest id", () => {
    const rows = [{ id: "1", stamp: 5 }, { id: String(2n ** 63n - 1n), stamp: 0 }]
    assert.deepStrictEqual(decode(encode(rows)), rows)
  })

  it("has room for all rows of a batch, however far they are from each other", () => {
    const step = (2n ** 63n - 1n) / BigInt(mostRows)
    const rows = Array.from(
      { length: mostRows },
      (_, i) => ({ id: String(step * BigInt(i + 1)), stamp: (i % 2) * (stamps - 1) })
    )
    assert.isBelow(encode(rows).length, 1_000_000)
  })

  it("takes few characters for each row of a usual batch", () => {
    // Ids of one of 16 shards, written some milliseconds apart.
    const rows = Array.from({ length: 1_000 }, (_, i) => ({ id: String(10_000_000 + i * 16), stamp: 7e11 + i * 2_000 }))
    assert.isBelow(encode(rows).length, 5_000)
  })

  it("is nothing else", () => {
    for (const text of ["", "millrace/2 BC", "millrace/1 B", "millrace/1 B?", "millrace/1 ggggggggggggggg", "{}"]) {
      assert.isUndefined(decode(text), text)
    }
    assert.deepStrictEqual(decode(encode([])), [])
  })
})

const row = (id: number, topic = "t") => rowOf([String(id), topic, null, null, null, null, "0"])
const rowsOf = (count: number, topic?: string) => Array.from({ length: count }, (_, i) => row(i, topic))

const blames: ReadonlyArray<Blame> = ["row", "topic", "another"]
const [ofRow, ofTopic, ofAnother] = blames.map((problem) =>
  KafkaError.make("produce", new KafkaError.InvalidRecord({ topic: "t", problem }))
) as [KafkaError.KafkaError, KafkaError.KafkaError, KafkaError.KafkaError]
const blameOf = (error: KafkaError.KafkaError): Blame =>
  error === ofRow ? "row" : error === ofTopic ? "topic" : "another"

describe("split", () => {
  it("ends the next batch before the first row that was refused", () => {
    const { most, settled } = split(rowsOf(10), new Map([[7, ofRow], [4, ofRow], [2, ofAnother]]), blameOf)
    assert.strictEqual(most, 4)
    assert.deepStrictEqual([settled.published.length, settled.refused.length, settled.failed.size], [0, 0, 0])
  })

  it("halves a batch whose first row was refused, for that may be innocent", () => {
    assert.strictEqual(split(rowsOf(10), new Map([[0, ofRow]]), blameOf).most, 5)
    assert.strictEqual(split(rowsOf(3), new Map([[1, ofAnother]]), blameOf).most, 2)
  })

  it("refuses a row that was alone", () => {
    const { most, settled } = split(rowsOf(1), new Map([[0, ofRow]]), blameOf)
    assert.isUndefined(most)
    assert.deepStrictEqual(settled.refused.map(({ row }) => row.id), ["0"])
  })

  it("leaves a topic out that cannot be written to, with as many rows as before", () => {
    const rows = [row(0), row(1, "u"), row(2)]
    const { most, settled } = split(rows, new Map([[1, ofTopic]]), blameOf)
    assert.isUndefined(most)
    assert.deepStrictEqual([...settled.failed.keys()], ["u"])
    assert.deepStrictEqual([...split([row(0)], new Map([[0, ofAnother]]), blameOf).settled.failed.keys()], ["t"])
  })

  it("gets on with any errors: the next batch is smaller, or a row or a topic less", () => {
    for (let count = 1; count < 6; count++) {
      for (let i = 0; i < count; i++) {
        for (const error of [ofRow, ofTopic, ofAnother]) {
          const { most, settled } = split(rowsOf(count), new Map([[i, error]]), blameOf)
          const isLess = (most ?? count) < count || settled.refused.length > 0 || settled.failed.size > 0
          assert.isTrue(isLess, `${i} of ${count}`)
        }
      }
    }
  })
})
