import { assert, describe, it } from "@effect/vitest"
import * as BigDecimal from "effect/BigDecimal"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Codec, Record, Topic } from "millrace"
import { Change } from "millrace/sql"
import { Epoch } from "../../../src/sql/cells/epoch.ts"
import { decoderOf, goldenEvents, headersOf } from "../golden.ts"

const source = { connector: "postgresql", schema: "public", table: "users", lsn: 5, ts_ms: 1000, origin: null }
const event = (op: string, more: object = {}) => ({ op, before: null, after: null, source, ...more })

const read = (
  format: Change.Format,
  value: unknown,
  { headers = {}, key = { id: 1 }, keyFields }: {
    readonly headers?: { readonly [name: string]: string | null }
    readonly key?: unknown
    readonly keyFields?: ReadonlyArray<string>
  } = {}
) => format.read({ key, value, headers: headersOf(Object.entries(headers)) }, keyFields)

const problemOf = (...args: Parameters<typeof read>): string => {
  const found = read(...args)
  return found._tag === "Malformed" ? found.message : found._tag
}

describe("Change.envelope", () => {
  const format = Change.envelope()

  it("names the field that is wrong", () => {
    assert.strictEqual(problemOf(format, "text"), "value: a string is no envelope")
    assert.strictEqual(problemOf(format, [1]), "value: an array is no envelope")
    assert.match(problemOf(format, { id: 1, name: "Ada" }), /^value.op: there is none; .*Change.flattened/)
    assert.strictEqual(problemOf(format, event("x")), "value.op: \"x\" is unknown")
    assert.strictEqual(problemOf(format, event("u")), "value.after: null is no row, and op \"u\" needs one")
    assert.strictEqual(problemOf(format, event("c", { after: "row" })).split(":")[0], "value.after")
    assert.strictEqual(problemOf(format, { op: "c", after: {} }), "value.source: undefined is no source of a change")
    assert.strictEqual(problemOf(format, event("d"), { key: null }).split(":")[0], "value.before")
    assert.strictEqual(problemOf(format, event("c", { after: {} }), { key: 1 }).split(":")[0], "key")
  })

  it("takes a key that is no object for the only field of the table's key", () => {
    const change = read(format, event("d"), { key: 7, keyFields: ["id"] })
    assert.deepInclude(change, { _tag: "Delete", key: { id: 7 } })
  })

  it("deletes by the old row where the record has no key", () => {
    const before = { id: 1, name: "Ada" }
    assert.deepInclude(read(format, event("d", { before }), { key: null }), { _tag: "Delete", key: before })
  })

  it("leaves out what another origin wrote, and obeys nulls only when it is told to", () => {
    const guarded = Change.envelope({ ignoreOrigins: ["millrace_*", "other"], tombstones: "delete" })
    const from = (origin: string | null) => event("c", { after: { id: 1 }, source: { ...source, origin } })
    const whys = ["millrace_a", "other", "others", null].map((origin) => read(guarded, from(origin))._tag)
    assert.deepStrictEqual(whys, ["Ignore", "Ignore", "Upsert", "Upsert"])
    assert.deepInclude(read(format, null), { _tag: "Ignore", why: "tombstone" })
    assert.deepInclude(read(guarded, null), { _tag: "Delete", key: { id: 1 } })
    assert.strictEqual(problemOf(guarded, null, { key: null }).split(":")[0], "key")
  })

  it("leaves out rows that are marked", () => {
    const skipping = Change.envelope({ skipField: "kafka_skip" })
    const row = { id: 1, kafka_skip: true }
    assert.deepInclude(read(skipping, event("c", { after: row })), { _tag: "Ignore", why: "kafkaSkip" })
    assert.deepInclude(read(skipping, event("d", { before: row })), { _tag: "Ignore", why: "kafkaSkip" })
    assert.strictEqual(read(skipping, event("c", { after: { ...row, kafka_skip: false } }))._tag, "Upsert")
  })

  it("ignores heartbeats, messages and the bounds of transactions", () => {
    assert.deepInclude(read(format, { ts_ms: 5 }, { key: { serverName: "shop" } }), { why: "heartbeat" })
    const end = { status: "END", id: "571:1", event_count: 1, data_collections: [], ts_ms: 5 }
    assert.deepInclude(read(format, end), { why: "transaction" })
    assert.deepInclude(read(format, { op: "m", message: { prefix: "a", content: "" }, source }), { why: "message" })
  })

  it("knows a null that may be an unchanged value", () => {
    const unsure = (value: object, headers = {}, from = format) =>
      (read(from, value, { headers }) as Change.Upsert).hasUnsureNulls
    const after = { id: 1, tags: null }
    const moved = { "__debezium.oldkey": "{\"id\":0}" }
    assert.isTrue(unsure(event("u", { after })))
    assert.isTrue(unsure(event("c", { after }), moved))
    assert.isFalse(unsure(event("c", { after })))
    assert.isFalse(unsure(event("r", { after })))
    // REPLICA IDENTITY FULL shows itself by the old row, but for a change of the key.
    assert.isFalse(unsure(event("u", { after, before: after })))
    assert.isFalse(unsure(event("c", { after }), moved, Change.envelope({ replicaIdentity: "full" })))
  })

  it("reads the version, and the place in the transaction", () => {
    const transaction = { id: "571:53195829", total_order: 2, data_collection_order: 1 }
    const change = read(format, event("u", { after: { id: 1 }, transaction }))
    assert.deepStrictEqual((change as Change.Upsert).version, {
      lsn: 5n,
      timestamp: 1000,
      transaction: { id: "571:53195829", order: 2 },
      isSnapshot: false
    })
  })

  it("reads what an Avro codec has decoded", () => {
    const changes = goldenEvents("f-envelope-avro").map(({ key, value }) => {
      const decoded = (part: any) => part?.value ?? null
      return format.read({ key: decoded(key), value: decoded(value), headers: [] })
    })
    assert.deepStrictEqual(changes.map(({ _tag }) => _tag), ["Upsert", "Upsert", "Delete", "Ignore"])
    assert.include((changes[1] as Change.Upsert).row, { name: "upd", price: "12.30" })
    assert.strictEqual((changes[1] as Change.Upsert).version?.lsn, 23082456n)
  })

  it("leaves placeholders out in every form, also another one", () => {
    const other = "unchanged"
    const bytes = Buffer.from(other)
    const after = {
      id: 1,
      text: other,
      bytes: bytes.toString("base64"),
      raw: new Uint8Array(bytes),
      hex: bytes.toString("hex"),
      texts: [other],
      blobs: [bytes.toString("base64")],
      integers: [...bytes],
      bigints: [...bytes].map(BigInt),
      map: { [other]: other },
      json: `{"${other}":"${other}"}`,
      // What is not quite one stays.
      shorter: [...bytes].slice(1),
      longer: [other, other],
      named: { a: other },
      default: "__debezium_unavailable_value"
    }
    const change = read(Change.envelope({ placeholder: other }), event("u", { after }))
    const kept = Object.keys((change as Change.Upsert).row)
    assert.deepStrictEqual(kept, ["id", "shorter", "longer", "named", "default"])
  })
})

describe("Change.flattened", () => {
  const format = Change.flattened()

  it("knows deletions in every form", () => {
    for (const deleted of [true, "true", "True"]) {
      assert.deepInclude(read(format, { id: 1, name: "", __deleted: deleted }), { _tag: "Delete", key: { id: 1 } })
    }
    assert.strictEqual(read(format, { id: 1, __op: "d" })._tag, "Delete")
    assert.strictEqual(read(format, { id: 1 }, { headers: { __op: "d" } })._tag, "Delete")
    assert.deepInclude(read(format, null), { _tag: "Delete", key: { id: 1 } })
    assert.strictEqual(read(format, { id: 1, __deleted: "false" })._tag, "Upsert")
    assert.deepInclude(read(Change.flattened({ tombstones: "ignore" }), null), { why: "tombstone" })
  })

  it("takes the version from fields or headers", () => {
    const versionOf = (value: object, headers = {}) => (read(format, value, { headers }) as Change.Upsert).version
    const version = { transaction: undefined, isSnapshot: undefined }
    assert.deepStrictEqual(versionOf({ id: 1, __lsn: 5, __ts_ms: 7 }), { ...version, lsn: 5n, timestamp: 7 })
    assert.deepStrictEqual(versionOf({ id: 1 }, { __source_lsn: "6", __source_ts_ms: "8" }), {
      ...version,
      lsn: 6n,
      timestamp: 8
    })
    assert.deepInclude(versionOf({ id: 1, __op: "r", __lsn: 5 }), { isSnapshot: true })
    assert.isUndefined(versionOf({ id: 1 }))
  })

  it("leaves fields about the change out of the row, and no others", () => {
    const value = { id: 1, __op: "u", __table: "users", __source_ts_us: 5, __mine: 1, operation: "u" }
    assert.deepStrictEqual((read(format, value) as Change.Upsert).row, { id: 1, __mine: 1, operation: "u" })
    const renamed = Change.flattened({ prefix: "dbz_", metadata: ["operation"] })
    const row = { id: 1, dbz_lsn: 5, __deleted: "false", __op: "u", operation: "u" }
    const change = read(renamed, row) as Change.Upsert
    assert.deepStrictEqual(change.row, { id: 1, __op: "u" })
    assert.strictEqual(change.version?.lsn, 5n)
  })

  it("asks each record for its origin where some are ignored", () => {
    const guarded = Change.flattened({ ignoreOrigins: ["millrace_*"] })
    assert.deepInclude(read(guarded, { id: 1, __source_origin: "millrace_a" }), { why: "origin" })
    assert.strictEqual(read(guarded, { id: 1, __origin: null })._tag, "Upsert")
    assert.match(problemOf(guarded, { id: 1 }), /^value.__origin: .*add.fields/)
    assert.match(problemOf(guarded, null), /^headers.__origin: .*add.headers/)
    assert.deepInclude(read(guarded, null, { headers: { __origin: "millrace_a" } }), { why: "origin" })
    // The native client reads a null header as an empty one.
    assert.strictEqual(read(guarded, null, { headers: { __origin: "" } })._tag, "Delete")
    assert.strictEqual(read(guarded, null, { headers: { __origin: null } })._tag, "Delete")
  })

  it("refuses envelopes, lists, and a null without a key", () => {
    assert.match(problemOf(format, event("c", { after: { id: 1 } })), /^value: this is a whole envelope/)
    assert.strictEqual(problemOf(format, [1]), "value: an array is no row")
    assert.strictEqual(problemOf(format, null, { key: null }).split(":")[0], "key")
  })
})

describe("Change.plain", () => {
  it("upserts objects and deletes by nulls", () => {
    class User extends Schema.Class<User>("User")({ id: Schema.Int, name: Schema.optional(Schema.String) }) {}
    const user = new User({ id: 1, name: undefined })
    assert.deepInclude(read(Change.plain, user, { key: "1" }), { _tag: "Upsert", key: {}, row: { id: 1 } })
    assert.deepInclude(read(Change.plain, null, { key: 1, keyFields: ["id"] }), { _tag: "Delete", key: { id: 1 } })
    assert.strictEqual(problemOf(Change.plain, null, { key: 1, keyFields: ["a", "b"] }).split(":")[0], "key")
    assert.strictEqual(problemOf(Change.plain, 5), "value: a number is no row")
  })

  it("takes a key that a codec has made one value of for that", () => {
    const one = BigDecimal.fromStringUnsafe("1.5")
    for (const key of [new Date(0), DateTime.makeUnsafe(0), one, Option.some(1), Duration.seconds(1), 5n]) {
      assert.deepInclude(read(Change.plain, null, { key, keyFields: ["at"] }), { _tag: "Delete", key: { at: key } })
    }
  })

  it("reads the record of a handler", () => {
    const Users = Topic.make("users", { key: Codec.string, value: Codec.json(Schema.Struct({ id: Schema.Int })) })
    const change = Change.plain.read(Record.make(Users, { key: "1", value: { id: 1 } }), ["id"])
    assert.deepInclude(change, { _tag: "Upsert", key: { id: "1" }, row: { id: 1 } })
  })
})

describe("options", () => {
  it("that are unknown or of another kind are refused", () => {
    assert.throws(() => Change.envelope({ time: "connect" } as object), /Change.envelope: time: unknown field.*"times"/)
    assert.throws(() => Change.flattened({ times: "iso" } as object), /times: "iso" is not "adaptive"/)
    assert.throws(() => Change.plainWith({ decimals: "string" } as object), /decimals: unknown field/)
  })
})

describe("Change.debezium", () => {
  const decode = decoderOf(Change.debezium)
  const decoded = (json: string) => decode(Buffer.from(json), [])
  const schema = {
    type: "struct",
    fields: [
      { type: "int64", field: "at", name: "io.debezium.time.MicroTimestamp", version: 1 },
      { type: "bytes", field: "price", name: "org.apache.kafka.connect.data.Decimal", parameters: { scale: "2" } },
      { type: "bytes", field: "bin" },
      { type: "array", field: "times", items: { type: "int32", name: "io.debezium.time.Time" } },
      { type: "struct", field: "inner", fields: [{ type: "int64", field: "id" }] }
    ]
  }
  const payload = { at: 5, price: "EtaA", bin: "AP8=", times: [1, null], inner: { id: 1 } }

  it("says what a schema says of the values, and parses a schema once", () => {
    for (const schemas of [1, 2, 3]) {
      const found = decoded(JSON.stringify({ schema: { ...schema, version: schemas % 2 }, payload })) as any
      assert.deepStrictEqual(found.at, new Epoch({ perSecond: 1_000_000, digits: 6 }, 5))
      assert.isTrue(BigDecimal.equals(found.price, BigDecimal.fromStringUnsafe("12345.60")))
      assert.deepStrictEqual([...found.bin], [0, 255])
      assert.deepStrictEqual(found.times, [new Epoch({ perSecond: 1_000, digits: 3 }, 1), null])
      assert.deepStrictEqual(found.inner, { id: 1 })
    }
    assert.deepStrictEqual(decoded("{\"schema\":{\"type\":\"int64\"},\"payload\":9007199254740993}"), 9007199254740993n)
    assert.strictEqual(decoded("{\"schema\":null,\"payload\":null}"), null)
    assert.deepStrictEqual(decoded("{ \"payload\" : {\"id\":1}, \"schema\" : {\"type\":\"struct\"} }"), { id: 1 })
  })

  it("leaves values alone that only look like it", () => {
    for (
      const value of [
        { schema: "public", payload: 1 },
        { schema: { type: "struct" }, payload: 1, more: 2 },
        { schema: { type: "struct", fields: [] } },
        { schema: { a: "}" } }
      ]
    ) {
      assert.deepStrictEqual(decoded(JSON.stringify(value)), value)
    }
  })

  it("says what bytes are that are no JSON, without showing them", () => {
    const problem = (bytes: Uint8Array) => {
      try {
        decode(bytes, [])
        return "none"
      } catch (error) {
        return (error as Error).message
      }
    }
    assert.match(problem(Buffer.from("secret")), /^the bytes are no JSON; check the converter/)
    assert.match(problem(Buffer.from([0, 0, 0, 0, 15, 2])), /Codec.avro of millrace\/registry/)
    assert.match(problem(Buffer.from([0xff, 0xfe])), /no JSON/)
    assert.match(problem(Buffer.from("{\"schema\":{},\"payload\":secret}")), /no JSON/)
  })

  it("admits null, and writes the digits that it reads", () => {
    assert.strictEqual(decode(null, []), null)
    const encode = Effect.runSync(Change.debezium.encoder({ topic: "t", part: "value" }))
    assert.strictEqual(encode(null), null)
    const json = "{\"a\":9007199254740993,\"b\":[1234567890123456789.5]}"
    assert.strictEqual(Buffer.from(encode(decoded(json)) as Uint8Array).toString(), json)
    assert.throws(() => encode(undefined), /there is no JSON/)
  })
})

describe("Change.json", () => {
  const decode = decoderOf(Change.json)
  const decoded = (json: string) => decode(Buffer.from(json), [])

  it("leaves rows as they are that look like values with their schema, and keeps the digits", () => {
    for (
      const row of [
        { schema: null, payload: "a" },
        { schema: null, payload: null },
        { schema: { type: "struct", fields: [{ type: "bytes", field: "a" }] }, payload: { a: "AP8=" } }
      ]
    ) {
      const value = decoded(JSON.stringify(row))
      assert.deepStrictEqual(value, row)
      const change = Change.plain.read({ key: { id: 1 }, value, headers: [] }, ["id"])
      assert.deepInclude(change, { _tag: "Upsert", key: { id: 1 }, row })
    }
    assert.deepStrictEqual(decoded("{\"id\":9007199254740993}"), { id: 9007199254740993n })
    const times = "{\"ts_us\":1795444929126535,\"ts_ns\":1795444929126535001}"
    assert.deepStrictEqual(decoded(times), { ts_us: 1795444929126535, ts_ns: 1795444929126535001n })
    assert.strictEqual(decode(null, []), null)
    const encode = Effect.runSync(Change.json.encoder({ topic: "t", part: "value" }))
    const json = "{\"schema\":null,\"payload\":9007199254740993}"
    assert.strictEqual(Buffer.from(encode(decoded(json)) as Uint8Array).toString(), json)
  })
})
