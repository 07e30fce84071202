import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Codec } from "millrace/registry"

class Order extends Schema.Class<Order>("Order")({ id: Schema.String }) {}

const site = { topic: "orders", part: "value" } as const
const text = JSON.stringify({
  type: "record",
  name: "Order",
  namespace: "shop",
  fields: [{ name: "id", type: "string" }]
})

describe("what a codec registers", () => {
  it("is said without a registry", () => {
    const codec = Codec.avro(Order, { namespace: "shop", normalize: true })
    const registration = { subject: "orders-value", schema: { type: "AVRO", text }, normalize: true }
    assert.deepStrictEqual(codec.registration?.(site), registration as never)
    const byName = Codec.avro(Order, { namespace: "shop", subject: "topic-record" })
    assert.strictEqual(byName.registration?.({ ...site, part: "key" }).subject, "orders-shop.Order")
  })

  it("is under a subject, or the function that should have named it is said", () => {
    for (const wrong of [undefined, "", 7, Promise.resolve("orders-value")]) {
      const codec = Codec.avro(Order, { subject: () => wrong as string })
      assert.throws(
        () => codec.registration?.(site),
        /the subject strategy returned .* for the value of topic "orders", which is no subject/
      )
    }
  })

  it("is that of the codec within", () => {
    const codec = Codec.avro(Order, { namespace: "shop" })
    const mapped = Codec.map(codec, { decode: ({ id }) => id, encode: (id: string) => new Order({ id }) })
    for (const outer of [Codec.nullable(codec), mapped]) {
      assert.strictEqual(outer.registration?.(site).schema.text, text)
    }
    assert.isUndefined(Codec.nullable(Codec.string).registration)
  })
})
