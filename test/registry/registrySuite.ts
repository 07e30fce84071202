/** What every registry does: run over the one in memory, and over a real one. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { SchemaRegistry } from "millrace/registry"

const record = (fields: ReadonlyArray<object>, name = "Order") => ({
  type: "AVRO" as const,
  text: JSON.stringify({ type: "record", name, namespace: "shop", fields })
})

export const order = record([{ name: "id", type: "string" }, { name: "total", type: "double" }])
const withNote = record([
  { name: "id", type: "string" },
  { name: "total", type: "double" },
  { name: "note", type: ["null", "string"], default: null }
])
const noteRequired = record([
  { name: "id", type: "string" },
  { name: "total", type: "double" },
  { name: "note", type: ["null", "string"] }
])
const withoutDefault = record([{ name: "id", type: "string" }, { name: "must", type: "string" }])

const tagOf = <A, E extends { readonly reason: { readonly _tag: string } }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

/** `layer` is of a registry that these tests may fill; subjects are their own. */
export const registrySuite = <E>(name: string, layer: Layer.Layer<SchemaRegistry.Service, E>) => {
  let subjects = 0
  const with_ = (
    test: (registry: SchemaRegistry.Registry, subject: string) => Effect.Effect<unknown, unknown>
  ) =>
  () =>
    Effect.gen(function*() {
      yield* test(yield* SchemaRegistry.Service, `${name}-${++subjects}-value`)
    }).pipe(Effect.provide(layer))

  describe(`the registry ${name}`, () => {
    it.effect(
      "gives one schema one id, whatever its white space and subject",
      with_(Effect.fnUntraced(function*(registry, subject) {
        const { id } = yield* registry.register(subject, order)
        const spaced = { ...order, text: JSON.stringify(JSON.parse(order.text), null, 2) }
        assert.strictEqual((yield* registry.register(subject, order)).id, id)
        assert.strictEqual((yield* registry.register(subject, spaced, { normalize: true })).id, id)
        assert.strictEqual((yield* registry.register(`${subject}-other`, order)).id, id)
        assert.deepStrictEqual(yield* registry.versions(subject), [1])
        assert.deepStrictEqual(JSON.parse((yield* registry.byId(id)).text), JSON.parse(order.text))
        assert.include((yield* registry.versionsOf(id)).map((version) => version.subject), `${subject}-other`)
      }))
    )

    it.effect(
      "keeps versions, finds them by schema, and knows the latest one",
      with_(Effect.fnUntraced(function*(registry, subject) {
        yield* registry.setCompatibility(subject, "BACKWARD")
        const first = yield* registry.register(subject, order)
        const second = yield* registry.register(subject, withNote)
        assert.notStrictEqual(second.id, first.id)
        assert.strictEqual((yield* registry.version(subject, 1)).id, first.id)
        const latest = yield* registry.version(subject, "latest")
        assert.deepStrictEqual([latest.version, latest.id, latest.type], [2, second.id, "AVRO"])
        assert.strictEqual((yield* registry.lookup(subject, order)).version, 1)
        assert.isTrue((yield* registry.subjects()).includes(subject))
        assert.deepStrictEqual(yield* registry.subjects({ prefix: subject }), [subject])
      }))
    )

    it.effect(
      "says what is not there",
      with_(Effect.fnUntraced(function*(registry, subject) {
        assert.strictEqual(yield* tagOf(registry.version(subject, "latest")), "SubjectNotFound")
        assert.strictEqual(yield* tagOf(registry.lookup(subject, order)), "SubjectNotFound")
        assert.strictEqual(yield* registry.compatibility(subject), yield* registry.compatibility())
        yield* registry.register(subject, order)
        assert.strictEqual(yield* tagOf(registry.version(subject, 99)), "SchemaNotFound")
        assert.strictEqual(yield* tagOf(registry.lookup(subject, withoutDefault)), "SchemaNotFound")
        assert.strictEqual(yield* tagOf(registry.byId(987_654)), "SchemaNotFound")
      }))
    )

    it.effect(
      "refuses what is not compatible, and what is no schema",
      with_(Effect.fnUntraced(function*(registry, subject) {
        yield* registry.setCompatibility(subject, "BACKWARD")
        yield* registry.register(subject, order)
        assert.strictEqual(yield* registry.compatibility(subject), "BACKWARD")
        assert.isTrue((yield* registry.check(subject, withNote)).isCompatible)
        assert.isFalse((yield* registry.check(subject, withoutDefault)).isCompatible)
        assert.isTrue((yield* registry.check(`${subject}-new`, withoutDefault)).isCompatible)
        assert.strictEqual(yield* tagOf(registry.register(subject, withoutDefault)), "Incompatible")
        const nonsense = { type: "AVRO" as const, text: "{\"type\":\"recor\"}" }
        assert.strictEqual(yield* tagOf(registry.register(`${subject}-bad`, nonsense)), "InvalidSchema")
      }))
    )

    it.effect(
      "checks against all versions where the level asks for it",
      with_(Effect.fnUntraced(function*(registry, subject) {
        yield* registry.setCompatibility(subject, "BACKWARD_TRANSITIVE")
        yield* registry.register(subject, order)
        yield* registry.register(subject, withNote)
        // The latest version has the field, the first one has not.
        const { isCompatible, messages } = yield* registry.check(subject, noteRequired)
        assert.isFalse(isCompatible)
        assert.include(messages.join(), "/fields/")
        assert.strictEqual(yield* tagOf(registry.register(subject, noteRequired)), "Incompatible")
      }))
    )

    it.effect(
      "follows references, and lists who refers",
      with_(Effect.fnUntraced(function*(registry, subject) {
        const money = record([{ name: "cents", type: "long" }], "Money")
        const invoice = record([{ name: "sum", type: "shop.Money" }], "Invoice")
        yield* registry.register(`${subject}-money`, money)
        const references = [{ name: "shop.Money", subject: `${subject}-money`, version: 1 }]
        const { id } = yield* registry.register(subject, { ...invoice, references })
        assert.deepStrictEqual((yield* registry.byId(id)).references, references)
        assert.deepStrictEqual(yield* registry.referencedBy(`${subject}-money`, 1), [id])
        const missing = { ...invoice, references: [{ ...references[0]!, subject: `${subject}-none` }] }
        assert.strictEqual(yield* tagOf(registry.register(`${subject}-bad`, missing)), "InvalidSchema")
      }))
    )

    it.effect(
      "deletes softly, then for good",
      with_(Effect.fnUntraced(function*(registry, subject) {
        const { id } = yield* registry.register(subject, order)
        assert.strictEqual(yield* tagOf(registry.deleteSubject(subject, { permanent: true })), "Unexpected")
        assert.deepStrictEqual(yield* registry.deleteSubject(subject), [1])
        assert.strictEqual(yield* tagOf(registry.versions(subject)), "SubjectNotFound")
        assert.deepStrictEqual((yield* registry.byId(id)).type, "AVRO")
        assert.deepStrictEqual(yield* registry.deleteSubject(subject, { permanent: true }), [1])
        assert.isFalse((yield* registry.subjects({ deleted: true })).includes(subject))
      }))
    )

    it.effect(
      "refuses a field of Protobuf that changes its type, and takes another one",
      with_(Effect.fnUntraced(function*(registry, subject) {
        const orders = (fields: string) => ({
          type: "PROTOBUF" as const,
          text: `syntax = "proto3";\npackage shop;\nmessage Order {\n  string id = 1;\n  ${fields}\n}\n`
        })
        yield* registry.setCompatibility(subject, "BACKWARD")
        yield* registry.register(subject, orders("double total = 2;"))
        const changed = orders("string total = 2;")
        assert.isFalse((yield* registry.check(subject, changed)).isCompatible)
        assert.strictEqual(yield* tagOf(registry.register(subject, changed)), "Incompatible")
        assert.isTrue((yield* registry.check(subject, orders("double total = 2;\n  bool more = 3;"))).isCompatible)
        const nonsense = { type: "PROTOBUF" as const, text: "syntax = \"proto3\";\nmessage A {" }
        assert.strictEqual(yield* tagOf(registry.register(`${subject}-bad`, nonsense)), "InvalidSchema")
      }))
    )

    it.effect(
      "refuses a JSON Schema that does not take what the one before it took",
      with_(Effect.fnUntraced(function*(registry, subject) {
        const object = (properties: object, required: ReadonlyArray<string>) => ({
          type: "JSON" as const,
          text: JSON.stringify({
            $schema: "http://json-schema.org/draft-07/schema#",
            type: "object",
            properties,
            required,
            additionalProperties: false
          })
        })
        const [text, number] = [{ type: "string" }, { type: "number" }]
        yield* registry.setCompatibility(subject, "BACKWARD")
        yield* registry.register(subject, object({ id: text, total: { type: "integer" } }, ["id"]))
        const isCompatible = (schema: SchemaRegistry.SchemaText) =>
          Effect.map(registry.check(subject, schema), (verdict) => verdict.isCompatible)
        assert.isTrue(yield* isCompatible(object({ id: text, total: number, note: text }, ["id"])))
        assert.isFalse(yield* isCompatible(object({ id: text, total: number, note: text }, ["id", "note"])))
        assert.isFalse(yield* isCompatible(object({ id: number, total: number }, ["id"])))
        assert.isFalse(yield* isCompatible(object({ id: text }, ["id"])))
        assert.strictEqual(yield* tagOf(registry.register(subject, object({ id: number }, ["id"]))), "Incompatible")
      }))
    )

    it.effect(
      "refuses what is no schema of Avro, and no level",
      with_(Effect.fnUntraced(function*(registry, subject) {
        const wrong = [
          record([{ name: "id", type: "int", default: "x" }]).text,
          record([{ name: "order-id", type: "int" }]).text,
          JSON.stringify({ type: "record", name: "Order", namespace: "my-shop", fields: [] }),
          JSON.stringify({ type: "enum", name: "State", symbols: ["OPEN", "OPEN"] }),
          JSON.stringify({ type: "enum", name: "State", symbols: ["to-do"] })
        ]
        for (const text of wrong) {
          assert.strictEqual(yield* tagOf(registry.register(subject, { type: "AVRO", text })), "InvalidSchema", text)
        }
        yield* registry.register(subject, order)
        const level = "BACKWARDS" as SchemaRegistry.Compatibility
        assert.strictEqual(yield* tagOf(registry.setCompatibility(subject, level)), "Unexpected")
      }))
    )

    it.effect(
      "keeps JSON Schema and Protobuf as they are",
      with_(Effect.fnUntraced(function*(registry, subject) {
        const json = {
          type: "JSON" as const,
          text: "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"type\":\"object\"}"
        }
        const proto = { type: "PROTOBUF" as const, text: "syntax = \"proto3\";\nmessage A { int32 n = 1; }\n" }
        const { id } = yield* registry.register(subject, json)
        assert.strictEqual((yield* registry.byId(id)).type, "JSON")
        yield* registry.register(`${subject}-proto`, proto)
        const latest = yield* registry.version(`${subject}-proto`, "latest")
        assert.deepStrictEqual([latest.type, latest.text.includes("message A")], ["PROTOBUF", true])
      }))
    )
  })
}
