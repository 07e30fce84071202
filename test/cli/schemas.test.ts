import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as TestConsole from "effect/testing/TestConsole"
import { Topic } from "millrace"
import { Codec, SchemaRegistry } from "millrace/registry"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { untyped } from "../../src/cli/configModule.ts"
import { Operator } from "../../src/cli/confirm.ts"
import { run } from "../../src/cli/main.ts"
import { checkOf } from "../../src/cli/schemas/check.ts"
import { importedBy } from "../../src/cli/schemas/imports.ts"
import { targetsOf } from "../../src/cli/schemas/registrations.ts"
import { comparable, readable } from "../../src/cli/schemas/text.ts"
import { cluster } from "./fixtures/registry.config.ts"

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}.config.ts`, import.meta.url))

const within = (config: string) => (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const before = [(yield* TestConsole.logLines).length, (yield* TestConsole.errorLines).length] as const
    const code = yield* run("0.0.0", ["schemas", ...args, "--config", fixture(config)])
    const out = (yield* TestConsole.logLines).slice(before[0]).map(String).join("\n")
    const err = (yield* TestConsole.errorLines).slice(before[1]).map(String).join("\n")
    return { code, out, err }
  })

const schemas = within("registry")

const registry = SchemaRegistry.Service.pipe(Effect.provideContext(cluster))

const order = (...fields: ReadonlyArray<object>) => ({
  type: "AVRO" as const,
  text: JSON.stringify({ type: "record", name: "Order", namespace: "shop", fields })
})

describe("schemas of one subject by the command", () => {
  const oneSubject = within("oneSubject")

  it.effect("are checked against each other before any is registered", () =>
    Effect.gen(function*() {
      const { code, out } = yield* oneSubject("check")
      assert.strictEqual(code, 1)
      assert.deepStrictEqual(out.split("\n"), [
        "Order: new",
        "Order: new",
        "Order: new",
        "Order: incompatible (BACKWARD, no version)",
        "  after the one of topic orders-noted: BACKWARD: the new schema cannot read version 2: "
        + "READER_FIELD_MISSING_DEFAULT_VALUE at /fields/paid: the writer has no \"paid\", and it has no default"
      ])
      const registering = yield* oneSubject("register")
      assert.strictEqual(registering.code, 1)
      assert.notInclude(registering.out, ", id ")
    }))

  it.effect("are counted as the versions that they would be", () =>
    Effect.gen(function*() {
      const { code, out } = yield* oneSubject("register", "orders", "orders-copy", "orders-noted", "--dry-run")
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(out.split("\n"), [1, 1, 2].map((n) => `Order: would be registered as version ${n}`))
      const made = yield* oneSubject("register", "orders", "orders-copy", "orders-noted")
      assert.deepStrictEqual(made.out.split("\n"), [
        "Order: registered as version 1, id 1",
        "Order: registered as version 1, id 1",
        "Order: registered as version 2, id 2"
      ])
    }))
})

/** One registry, so one story: each step stands on the ones before. */
describe("schemas by the command", () => {
  it.effect("finds what the topics register, and that nothing is there", () =>
    Effect.gen(function*() {
      const { code, out } = yield* schemas("ls")
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(out.split("\n"), [
        "SUBJECT       TYPE  TOPIC   PART   VERSION  ID  LATEST  COMPATIBILITY  STATE",
        "orders-value  AVRO  orders  value  -        -   -       BACKWARD       no subject",
        "users-key     AVRO  users   key    -        -   -       BACKWARD       no subject",
        "User          AVRO  users   value  -        -   -       BACKWARD       no subject"
      ])
      assert.strictEqual((yield* schemas("check")).out, "orders-value: new\nusers-key: new\nUser: new")
      assert.include((yield* schemas("diff", "orders")).out, "--- no subject\n+++ orders-value, topic orders")
    }))

  it.effect("says which topic or subject is meant, and who has none", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* schemas("check", "order")).code, 2)
      assert.strictEqual((yield* schemas("ls", "plain")).code, 2)
      assert.strictEqual((yield* schemas("show", "orders")).code, 1)
      assert.strictEqual((yield* schemas("show", "orders", "--version", "0")).code, 2)
      assert.strictEqual((yield* schemas("show", "orders", "--local")).code, 2)
      assert.strictEqual((yield* within("memory")("ls")).code, 2)
      const wrong = { registry: "http://localhost:8081", engine: Layer.empty, topics: [], consumers: [], shapes: {} }
      assert.include(untyped(wrong as never), "registry must be a Layer")
    }))

  it.effect("registers when it is not a dry run", () =>
    Effect.gen(function*() {
      const dry = yield* schemas("register", "orders", "--dry-run")
      assert.deepStrictEqual([dry.code, dry.out], [0, "orders-value: would be registered as version 1"])
      assert.deepStrictEqual(yield* Effect.flatMap(registry, ({ subjects }) => subjects()), [])
      const { out } = yield* schemas("register", "orders")
      assert.strictEqual(out, "orders-value: registered as version 1, id 1")
      assert.strictEqual((yield* schemas("register", "orders")).out, "orders-value: version 1")
      assert.strictEqual((yield* schemas("diff", "orders")).out, "orders-value: as version 1")
      const [row] = JSON.parse((yield* schemas("ls", "orders", "--json")).out)
      assert.include(row, { subject: "orders-value", status: "registered", version: 1, id: 1, latest: 1 })
    }))

  it.effect("shows a schema, and the versions of a subject", () =>
    Effect.gen(function*() {
      const { err, out } = yield* schemas("show", "orders-value")
      assert.strictEqual(err, "orders-value: version 1, id 1, AVRO")
      assert.strictEqual(JSON.parse(out).name, "Order")
      assert.strictEqual((yield* schemas("show", "orders-value", "--local")).out, out)
      assert.strictEqual((yield* schemas("show", "orders-value", "--local", "--version", "1")).code, 2)
      assert.strictEqual(JSON.parse((yield* schemas("show", "orders-value", "--json")).out).version, 1)
      assert.deepStrictEqual((yield* schemas("versions", "orders-value")).out.split("\n"), [
        "VERSION  ID  TYPE  REFERENCES  STATE",
        "      1   1  AVRO  -           there"
      ])
    }))

  it.effect("tells a compatible change from one that is not, and registers all or nothing", () =>
    Effect.gen(function*() {
      const { register, setCompatibility } = yield* registry
      const [id, total] = [{ name: "id", type: "string" }, { name: "total", type: "double" }]
      yield* setCompatibility("orders-value", "NONE")
      yield* register("orders-value", order(id, total, { name: "note", type: "string" }))
      yield* setCompatibility("orders-value", "BACKWARD")
      const older = yield* schemas("check", "orders")
      assert.deepStrictEqual([older.code, older.out], [0, "orders-value: version 1, not the latest, which is 2"])

      yield* register("User", { type: "AVRO", text: JSON.stringify({ type: "record", name: "User", fields: [] }) })
      const { code, out } = yield* schemas("check", "users")
      assert.strictEqual(code, 1)
      assert.deepStrictEqual(out.split("\n"), [
        "users-key: new",
        "User: incompatible (BACKWARD, latest version 1)",
        "  BACKWARD: the new schema cannot read version 1: READER_FIELD_MISSING_DEFAULT_VALUE at /fields/name: the "
        + "writer has no \"name\", and it has no default"
      ])
      const [, user] = JSON.parse((yield* schemas("check", "users", "--json")).out)
      assert.include(user, { subject: "User", status: "incompatible", compatibility: "BACKWARD", latest: 1 })
      assert.strictEqual((yield* schemas("register", "users")).code, 1)
      assert.notInclude(yield* Effect.flatMap(registry, ({ subjects }) => subjects()), "users-key")

      yield* setCompatibility("User", "FORWARD")
      const better = yield* schemas("check", "users")
      assert.deepStrictEqual([better.code, better.out.split("\n")[1]], [
        0,
        "User: compatible (FORWARD, latest version 1)"
      ])
      assert.include((yield* schemas("register", "users")).out, "User: registered as version 2")
      assert.include((yield* schemas("diff", "orders")).out, "-    { \"name\": \"note\", \"type\": \"string\" }")
    }))

  it.effect("generates a module from a subject that refers to others, and from one that is called as a file", () =>
    Effect.gen(function*() {
      const { deleteSubject, register } = yield* registry
      const price = { type: "object", properties: { price: { $ref: "money.json" } } }
      const references = [{ name: "money.json", subject: "money.json", version: 1 }]
      yield* register("money.json", { type: "JSON", text: JSON.stringify({ title: "Money", type: "number" }) })
      yield* register("price-value", { type: "JSON", text: JSON.stringify(price), references })
      const { out } = yield* schemas("generate", "price-value")
      assert.include(out, "export const Money = Schema.")
      assert.include(out, "price: Schema.optionalKey(Money)")
      assert.include((yield* schemas("generate", "money.json")).out, "from version 1 of subject money.json. */")
      for (const subject of ["price-value", "money.json"]) {
        yield* deleteSubject(subject)
        yield* deleteSubject(subject, { permanent: true })
      }
    }))

  it.effect("generates modules from subjects and files, and writes over nothing of others", () =>
    Effect.gen(function*() {
      const folder = mkdtempSync(join(tmpdir(), "millrace-schemas-"))
      const [out, file, foreign] = ["out.ts", "note.avsc", "foreign.ts"].map((name) => join(folder, name))
      const { out: module } = yield* schemas("generate", "orders-value", "--version", "1")
      assert.deepStrictEqual(module.split("\n").slice(0, 4), [
        "/** Generated by `millrace schemas generate` from version 1 of subject orders-value. */",
        "import { Schema } from \"effect\"",
        "",
        "export class Order extends Schema.Class<Order>(\"Order\")("
      ])
      writeFileSync(file!, "\"long\"")
      for (let i = 0; i < 2; i++) {
        assert.strictEqual((yield* schemas("generate", file!, "--out", out!, "--bigint")).code, 0)
      }
      assert.include(readFileSync(out!, "utf8"), "export const Note = Schema.BigInt")
      writeFileSync(foreign!, "export {}")
      assert.strictEqual((yield* schemas("generate", file!, "--out", foreign!)).code, 2)
      assert.strictEqual(readFileSync(foreign!, "utf8"), "export {}")
      assert.strictEqual((yield* schemas("generate", file!, "--out", folder)).code, 2)
      assert.strictEqual((yield* schemas("generate", file!, "--version", "1")).code, 2)
      writeFileSync(join(folder, "a.proto"), "syntax = \"proto3\";")
      writeFileSync(join(folder, "a.json"), "{\"title\":\"Size\",\"type\":\"integer\"}")
      assert.strictEqual((yield* schemas("generate", join(folder, "a.proto"))).code, 1)
      mkdirSync(join(folder, "shop"))
      const syntax = "syntax = \"proto3\"; package shop;"
      writeFileSync(join(folder, "shop", "money.proto"), `${syntax} message Money { int64 cents = 1; }`)
      const invoice = join(folder, "shop", "invoice.proto")
      const message = "message Invoice { Money sum = 1; google.protobuf.Timestamp at = 2; }"
      const imports = "import \"shop/money.proto\"; import \"google/protobuf/timestamp.proto\";"
      writeFileSync(invoice, `${syntax} ${imports} ${message}`)
      const generated = yield* schemas("generate", invoice, "--bigint")
      assert.include(generated.out, "cents: Schema.BigInt.annotateKey({ protobuf: { field: 1 } })")
      assert.include(generated.out, "  at: Schema.optionalKey(Schema.Date)")
      writeFileSync(invoice, `${syntax} import "shop/none.proto"; ${message}`)
      assert.strictEqual((yield* schemas("generate", invoice)).code, 2)
      const missing = yield* Effect.flip(importedBy(invoice, readFileSync(invoice, "utf8")))
      assert.include(missing.problem, "imports \"shop/none.proto\", which is in no folder from there upwards")
      assert.include((yield* schemas("generate", join(folder, "a.json"))).out, "export const Size = Schema.")
      assert.strictEqual((yield* schemas("generate", join(folder, "none.avsc"))).code, 2)
      assert.strictEqual((yield* schemas("generate", "nothing-value")).code, 1)
      rmSync(folder, { recursive: true })
    }))

  it.effect("says what was registered before the registry failed, in JSON, too", () =>
    Effect.gen(function*() {
      const { code, out } = yield* within("halfway")("register", "--json")
      assert.strictEqual(code, 1)
      assert.deepStrictEqual(
        JSON.parse(out).map(({ status, subject }: { readonly status: string; readonly subject: string }) => [
          subject,
          status
        ]),
        [["a-value", "made"]]
      )
    }))

  it.effect("deletes what the operator agrees to", () =>
    Effect.gen(function*() {
      const asked = yield* schemas("delete", "User", "--version", "1")
      assert.deepStrictEqual([asked.code, asked.out, asked.err], [
        1,
        "version 1 of subject \"User\" would be deleted",
        "nothing was done; add --yes to do it"
      ])
      const agreed = schemas("delete", "User", "--version", "1").pipe(
        Effect.provideService(Operator, { isThere: () => true, ask: () => Effect.succeed("y") })
      )
      assert.strictEqual((yield* agreed).out.split("\n").at(-1), "version 1 of subject \"User\": deleted")
      assert.strictEqual((yield* schemas("delete", "User", "--version", "1", "--yes")).code, 1)
      assert.strictEqual((yield* schemas("delete", "User", "--permanent", "--yes")).code, 1)
      assert.strictEqual((yield* schemas("delete", "User", "--yes")).code, 0)
      assert.strictEqual((yield* schemas("versions", "User")).code, 1)
      const deleted = JSON.parse((yield* schemas("versions", "User", "--deleted", "--json")).out)
      assert.deepStrictEqual(deleted.map(({ deleted }: { readonly deleted: boolean }) => deleted), [true, true])
      assert.strictEqual((yield* schemas("delete", "User", "--permanent", "--dry-run")).code, 0)
      assert.strictEqual((yield* schemas("delete", "User", "--permanent", "--yes")).code, 0)
      assert.strictEqual((yield* schemas("versions", "User", "--deleted")).code, 1)
      assert.strictEqual((yield* schemas("delete", "User", "--yes")).code, 1)
    }))

  it.effect("lists the subjects of others when asked to", () =>
    Effect.gen(function*() {
      yield* Effect.flatMap(registry, ({ register }) => register("others-value", order()))
      const { out } = yield* schemas("ls", "--all")
      assert.match(out, /^others-value  AVRO  -       -      -        -        1  BACKWARD       -$/m)
      // Also where the config has none of its own.
      const uncoded = yield* within("uncoded")("ls", "--all")
      assert.strictEqual(uncoded.code, 0)
      assert.match(uncoded.out, /^others-value  AVRO /m)
      assert.strictEqual((yield* within("uncoded")("ls")).code, 2)
    }))
})

describe("schemas that are compared", () => {
  const topic = (name: string, value: Codec.Codec<any, any, any>) => Topic.make(name, { key: Codec.none, value })
  const config = (...topics: ReadonlyArray<ReturnType<typeof topic>>) => ({ topics, consumers: [] }) as never

  it.effect("name the topic whose subject cannot be told", () =>
    Effect.gen(function*() {
      const nameless = topic("notes", Codec.avro(Schema.String, { subject: "record" }))
      const error = yield* Effect.flip(targetsOf(config(nameless), []))
      assert.include(error.message, "topic \"notes\": the subject strategy \"record\" needs a schema with a name")
    }))

  describe("have reasons of ours where the registry gives none", () => {
    const at = (field: number) => ({ protobuf: { field } })
    const Note = Schema.Struct({ text: Schema.String.annotateKey(at(1)) })
    const cases: ReadonlyArray<readonly [string, Codec.Codec<any, any, any>, SchemaRegistry.SchemaText, string]> = [
      [
        "Avro",
        Codec.avro(Schema.String),
        { type: "AVRO", text: "\"int\"" },
        "the new schema cannot read version 1: TYPE_MISMATCH at /: int cannot be read as string"
      ],
      [
        "JSON Schema",
        Codec.jsonSchema(Note),
        {
          type: "JSON",
          text: JSON.stringify({ properties: { text: { type: "string" } }, additionalProperties: false })
        },
        "the new schema cannot read version 1: REQUIRED at /properties/text: it is required, and may be missing in "
        + "what is read"
      ],
      [
        "Protobuf",
        Codec.protobuf(Note, { name: "Note" }),
        { type: "PROTOBUF", text: "syntax = \"proto3\"; message Note { double text = 1; }" },
        "the new schema cannot read version 1: FIELD_CHANGED at Note.text: the field 1 is double there, and cannot be "
        + "read as string"
      ],
      [
        "a version in another language",
        Codec.protobuf(Note, { name: "Note" }),
        { type: "AVRO", text: "\"int\"" },
        "version 1 is AVRO, and the schema PROTOBUF"
      ],
      [
        "a version that is no schema",
        Codec.protobuf(Note, { name: "Note" }),
        { type: "PROTOBUF", text: "message Note { Gone gone = 1; }" },
        "the versions cannot be compared: "
      ]
    ]
    for (const [name, codec, before, reason] of cases) {
      it.effect(name, () =>
        Effect.gen(function*() {
          const silent = yield* SchemaRegistry.Service.pipe(
            Effect.map((registry): SchemaRegistry.Registry => ({
              ...registry,
              versions: () => Effect.succeed([1]),
              version: (subject) => Effect.succeed({ ...before, subject, version: 1, id: 1 }),
              check: () => Effect.succeed({ isCompatible: false, messages: [] })
            })),
            Effect.provide(SchemaRegistry.layerMemory)
          )
          const [target] = yield* targetsOf(config(topic("notes", codec)), [])
          const { messages } = yield* Effect.provideService(checkOf(target!), SchemaRegistry.Service, silent)
          assert.strictEqual(messages.length, 1)
          assert.include(messages[0], `BACKWARD: ${reason}`)
        }))
    }
  })

  it("look alike however they are written", () => {
    const schema = (text: string, type: "AVRO" | "JSON" | "PROTOBUF" = "AVRO") => ({ type, text })
    assert.strictEqual(comparable(schema("{\"type\":\"string\"}")), comparable(schema("\"string\"")))
    assert.strictEqual(comparable(schema("string")), "\"string\"")
    const fields = { fields: [{ default: { b: 1, a: 2 }, name: "a" }], type: "record" }
    assert.strictEqual(
      comparable(schema(JSON.stringify(fields))),
      "{ \"type\": \"record\", \"fields\": [{ \"name\": \"a\", \"default\": { \"b\": 1, \"a\": 2 } }] }"
    )
    assert.strictEqual(comparable(schema("{\"b\":[{}],\"a\":1}", "JSON")), "{ \"a\": 1, \"b\": [{}] }")
    assert.strictEqual(readable(schema("{\"b\":1,\"a\":[]}", "JSON")), "{ \"b\": 1, \"a\": [] }")
    assert.strictEqual(readable(schema(" message A {}\n", "PROTOBUF")), "message A {}")
    const long = JSON.stringify(Array.from({ length: 40 }, (_, i) => `symbol-${i}`))
    assert.deepStrictEqual(JSON.parse(readable(schema(long, "JSON"))), JSON.parse(long))
    assert.isTrue(readable(schema(long, "JSON")).split("\n").length > 3)
  })
})
