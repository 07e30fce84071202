import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql/SqlClient"
import { Codec, Topic } from "millrace"
import { Change, ModelSync, type SyncError } from "millrace/sql"
import { database } from "../../services/database.ts"
import { connectTopic } from "./kit.ts"

const statements = [
  `CREATE TABLE items (
    id int PRIMARY KEY,
    name text NOT NULL,
    count int,
    at timestamptz,
    price numeric(10, 2),
    doc jsonb,
    tags text[],
    data bytea,
    ok boolean,
    place point,
    took interval,
    version bigint
  )`
]

const base = { table: "public.items", format: Change.plain } as const
const row = { id: Schema.Int, name: Schema.String }
const Untyped = connectTopic("untyped")

/** How a derivation failed, or "ok". */
const outcomeOf = (derived: Effect.Effect<unknown, SyncError.SyncError, SqlClient>): Effect.Effect<
  string,
  never,
  SqlClient
> =>
  Effect.match(derived, {
    onSuccess: () => "ok",
    onFailure: ({ message }) => message.replace(/^.*into public\.items: /, "")
  })

const outcomes = (models: ReadonlyArray<Schema.Top>, settings: Partial<ModelSync.TableSettings> = {}) =>
  Effect.forEach(models, (model) => outcomeOf(ModelSync.derive(Untyped, { ...base, ...settings, model })))

class Doc extends Schema.Class<Doc>("Doc")({ title: Schema.String }) {}
class Item extends Schema.Class<Item>("Item")({ ...row, doc: Doc }) {}

layer(database(statements))("ModelSync.derive", (it) => {
  it.effect("takes what the columns take", () =>
    Effect.gen(function*() {
      const fields: ReadonlyArray<Schema.Struct.Fields> = [
        { count: Schema.Option(Schema.Int), ok: Schema.UndefinedOr(Schema.Boolean), name: Schema.Literals(["a", "b"]) },
        { at: Schema.DateTimeUtc, price: Schema.BigDecimal, took: Schema.Duration, version: Schema.BigInt },
        { at: Schema.Date, price: Schema.Union([Schema.String, Schema.Finite]), data: Schema.Uint8Array },
        { doc: Doc, tags: Schema.Array(Schema.String), place: Schema.Struct({ x: Schema.Finite, y: Schema.Finite }) },
        { doc: Schema.NullOr(Schema.BigInt), count: Schema.Enum({ one: 1 }), name: Schema.TemplateLiteral(["n", "m"]) }
      ]
      const models = fields.map((more) => Schema.Struct({ ...row, ...more }))
      const rows = [
        ...models,
        Item,
        Schema.NullOr(Schema.Union([Item, Schema.Struct(row)])),
        Schema.suspend(() => Item),
        Schema.StructWithRest(Schema.Struct({ id: Schema.Int }), [Schema.Record(Schema.String, Schema.Unknown)])
      ]
      assert.deepStrictEqual(yield* outcomes(rows), rows.map(() => "ok"))
    }))

  it.effect("names the column of values that none of its records could store", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [column: string, Schema.Top]> = [
        ["name", Schema.Option(Schema.String)],
        ["name", Schema.UndefinedOr(Schema.String)],
        ["name", Schema.Redacted(Schema.String)],
        ["count", Schema.Date],
        ["count", Doc],
        ["count", Schema.Uint8Array],
        ["count", Schema.Literal("many")],
        ["at", Schema.Int],
        ["tags", Schema.Array(Schema.Int)],
        ["doc", Schema.ReadonlyMap(Schema.String, Schema.String)],
        ["ok", Schema.Enum({ yes: 1 })],
        ["ok", Schema.String],
        ["place", Schema.Struct({ lat: Schema.Finite })]
      ]
      for (const [column, type] of wrong) {
        const model = Schema.Struct({ ...row, [column]: type })
        const either = Schema.Union([Schema.Struct(row), model])
        for (const outcome of yield* outcomes([model, either, Schema.suspend(() => model)])) {
          assert.match(outcome, new RegExp(`^column public\\.items\\.${column}: the Schema `), column)
        }
      }
    }))

  it.effect("asks for a Schema of the rows where there is none", () =>
    Effect.gen(function*() {
      for (const outcome of yield* outcomes([Schema.String, Schema.Unknown, Schema.Array(Item)])) {
        assert.match(outcome, /says no fields; give one of an object as `model`/)
      }
      const Typed = Topic.make("typed", {
        key: Codec.string,
        value: Codec.json(Schema.Struct({ full: Schema.String }))
      })
      const made = ModelSync.derive(Typed, { ...base, row: ({ full }) => ({ name: full }) })
      const enveloped = ModelSync.derive(Typed, { ...base, format: Change.envelope() })
      for (const derived of [ModelSync.derive(Untyped, base), made, enveloped]) {
        assert.match(yield* outcomeOf(derived), /the topic has no Schema of the rows; give one as `model`/)
      }
      const model = Schema.Struct({ name: Schema.String })
      const told = ModelSync.derive(Typed, { ...base, row: ({ full }) => ({ name: full }), model })
      assert.strictEqual(yield* outcomeOf(told), "ok")
    }))

  it.effect("finds a key and a version that no record would have", () =>
    Effect.gen(function*() {
      const version = { column: "version", from: { field: "updated" } }
      assert.deepStrictEqual(yield* outcomes([Schema.Struct(row)], { version }), [
        "column public.items.version: its version comes from the field \"updated\", and the Schema has no field for it;"
        + " add one"
      ])
      const model = Schema.Struct({ name: Schema.String })
      const Keyless = Topic.make("keyless", { key: Codec.none, value: Change.debezium })
      assert.match(yield* outcomeOf(ModelSync.derive(Keyless, { ...base, model })), /items\.id: .* have the field "id"/)
      assert.deepStrictEqual(yield* outcomes([model]), ["ok"])
    }))

  it("throws at once for settings that are none", () => {
    const derive = (settings: unknown) => () => ModelSync.derive(Untyped, settings as ModelSync.Settings<any, any, any>)
    assert.throws(derive(undefined), /ModelSync\.make\(untyped\): table: is missing/)
    assert.throws(derive({ ...base, model: "Item" }), /ModelSync\.derive\(untyped\): model: it takes a Schema/)
    assert.throws(derive({ ...base, modle: Item }), /unknown field "modle"/)
  })
})
