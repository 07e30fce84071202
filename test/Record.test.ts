import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Codec, Headers, Record, Topic } from "millrace"

class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}

const Orders = Topic.make("orders", {
  key: Codec.string,
  value: Codec.nullable(Codec.json(Order)),
  keyOf: ({ id }) => id
})
const order = new Order({ id: "1", total: 5 })

describe("Record.make", () => {
  it("is the record that a handler would get for a value", () => {
    const record = Record.make(Orders, order, { offset: 7 })
    assert.strictEqual(record.value, order)
    assert.deepInclude(
      { topic: record.topic, partition: record.partition, offset: record.offset, key: record.key },
      { topic: "orders", partition: 0, offset: 7, key: "1" }
    )
    assert.deepStrictEqual(record.headerValues, {})
    assert.strictEqual(Buffer.from(record.raw.value!).toString(), `{"id":"1","total":5}`)
    assert.strictEqual(Buffer.from(record.raw.key!).toString(), "1")
    assert.strictEqual(record.raw.size, 21)
  })

  it("takes what a message may have", () => {
    const Tagged = Topic.make("tagged", {
      key: Codec.none,
      value: Codec.string,
      headers: Schema.Struct({ tenant: Schema.String, attempt: Schema.optional(Schema.FiniteFromString) })
    })
    const record = Record.make(Tagged, {
      key: null,
      value: "v",
      partition: 3,
      timestamp: 1_000,
      headers: { own: "x" },
      headerValues: { tenant: "acme", attempt: undefined }
    })
    assert.deepStrictEqual(Headers.toTexts(record.headers), { tenant: "acme", own: "x" })
    assert.deepStrictEqual(record.headerValues, { tenant: "acme", attempt: undefined })
    assert.strictEqual(record.partition, 3)
    assert.strictEqual(record.timestamp, 1_000)
    const Audit = Topic.pattern(/audit\..+/, { key: Codec.none, value: Codec.string })
    assert.strictEqual(Record.make(Audit, { key: null, value: "a" }, { topic: "audit.users" }).topic, "audit.users")
  })

  it("needs the key of a tombstone", () => {
    assert.strictEqual(Record.make(Orders, { key: "1", value: null }).raw.value, null)
    const tombstone: any = { value: null }
    assert.throws(() => Record.make(Orders, tombstone), /tombstone needs its key/)
  })
})
