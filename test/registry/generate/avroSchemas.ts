import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"

/** Avro schemas of every kind, from which modules are generated. */
export const schemas: { readonly [name: string]: unknown } = {
  order: {
    type: "record",
    name: "Order",
    namespace: "shop",
    doc: "An order, as */ it came in.\nOf any channel.",
    aliases: ["shop.Purchase"],
    fields: [
      { name: "id", type: { type: "string", logicalType: "uuid" }, doc: "Given by the shop." },
      { name: "kind", type: { type: "enum", name: "Kind", doc: "How.", symbols: ["web", "shop"], default: "web" } },
      { name: "total", type: { type: "bytes", logicalType: "decimal", precision: 12, scale: 2 }, aliases: ["sum"] },
      { name: "placed", type: { type: "long", logicalType: "timestamp-millis" } },
      { name: "local", type: { type: "long", logicalType: "local-timestamp-millis" } },
      { name: "micros", type: { type: "long", logicalType: "timestamp-micros" } },
      { name: "day", type: { type: "int", logicalType: "date" } },
      { name: "time", type: { type: "int", logicalType: "time-millis" } },
      { name: "note", type: ["null", "string"], default: null },
      { name: "count", type: "int", default: 1 },
      { name: "big", type: "long", default: 0 },
      { name: "rate", type: "float" },
      { name: "other", type: ["null", "Kind"], default: null },
      { name: "again", type: "Kind", default: "shop" },
      { name: "raw", type: "bytes" },
      {
        name: "lines",
        type: {
          type: "array",
          items: {
            type: "record",
            name: "Line",
            fields: [
              { name: "sku", type: "string" },
              { name: "price", type: ["string", "null"], default: "0" }
            ]
          }
        }
      },
      { name: "tags", type: { type: "map", values: ["null", "double"] } },
      { name: "last", type: ["null", "Line"], default: null }
    ]
  },
  recursive: {
    type: "record",
    name: "Node",
    namespace: "tree",
    fields: [
      { name: "value", type: "int" },
      { name: "left", type: ["null", "Node"], default: null },
      { name: "children", type: { type: "array", items: "Node" } },
      {
        name: "link",
        type: ["null", { type: "record", name: "Link", fields: [{ name: "to", type: "Node" }] }],
        default: null
      }
    ]
  },
  fixed: {
    type: "record",
    name: "Fixed",
    namespace: "shop",
    fields: [
      { name: "hash", type: { type: "fixed", name: "Hash", size: 16, doc: "Of the payload." } },
      { name: "before", type: ["null", "Hash"], default: null },
      {
        name: "money",
        type: { type: "fixed", name: "Money", size: 8, logicalType: "decimal", precision: 10, scale: 2 }
      },
      { name: "lasts", type: { type: "fixed", name: "Lasts", namespace: "time", size: 12, logicalType: "duration" } }
    ]
  },
  unions: {
    type: "record",
    name: "unions",
    fields: [
      { name: "required", type: ["null", "string"] },
      { name: "lastNull", type: ["string", "null"] },
      { name: "middle", type: ["int", "null", "string"], default: 3 },
      { name: "many", type: ["null", "boolean", "bytes", { type: "array", items: "string" }], default: null },
      {
        name: "records",
        type: [
          { type: "record", name: "A", fields: [{ name: "a", type: "string" }] },
          { type: "record", name: "B", namespace: "other", fields: [{ name: "b", type: "string" }] },
          { type: "record", name: "A", namespace: "other", fields: [{ name: "c", type: "string" }] }
        ]
      },
      { name: "single", type: { type: "enum", name: "Single", symbols: ["only"] } },
      { name: "constructor", type: "string" },
      { name: "default", type: { type: "record", name: "Schema", fields: [] } }
    ]
  },
  primitive: "string",
  list: { type: "array", items: { type: "map", values: "boolean" } },
  events: [
    { type: "record", name: "Placed", namespace: "shop", fields: [{ name: "id", type: "string" }] },
    {
      type: "record",
      name: "Shipped",
      namespace: "shop",
      fields: [{ name: "order", type: "string" }, {
        name: "at",
        type: { type: "long", logicalType: "timestamp-millis" }
      }]
    }
  ]
}

const Field = Schema.Struct({
  kind: Schema.Literals(["plain", "nullable", "last", "array", "map", "enum", "fixed", "record", "union"]),
  primitive: Schema.Literals(["boolean", "int", "long", "float", "double", "bytes", "string"]),
  hasDefault: Schema.Boolean,
  namespace: Schema.Literals(["", "one", "two.three"])
})

/** A record of any types, whose names are used once. */
export const anyRecord = Arbitrary.map(Arbitrary.array(Arbitrary.schema(Field), { maxLength: 8 }), (fields) => ({
  type: "record",
  name: "Any",
  namespace: "any",
  fields: fields.map(({ hasDefault, kind, namespace, primitive }, i) => {
    const name = `field_${i}`
    const named = { name: `Type_${i}`, ...(namespace === "" ? {} : { namespace }) }
    switch (kind) {
      case "plain":
        return { name, type: primitive }
      case "nullable":
        return { name, type: ["null", primitive], ...(hasDefault ? { default: null } : {}) }
      case "last":
        return { name, type: [primitive, "null"] }
      case "array":
        return { name, type: { type: "array", items: ["null", primitive] } }
      case "map":
        return { name, type: { type: "map", values: { type: "array", items: primitive } } }
      case "enum":
        return {
          name,
          type: { type: "enum", ...named, symbols: ["a", "B_1"] },
          ...(hasDefault ? { default: "a" } : {})
        }
      case "fixed":
        return { name, type: { type: "fixed", ...named, size: i } }
      case "record":
        return {
          name,
          type: ["null", { type: "record", ...named, fields: [{ name: "next", type: ["null", named.name] }] }]
        }
      default:
        return {
          name,
          type: ["boolean", { type: "array", items: primitive }, "null", { type: "map", values: "string" }]
        }
    }
  })
}))
