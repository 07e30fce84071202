import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as TestConsole from "effect/testing/TestConsole"
import { KafkaEngine } from "millrace"
import { SchemaRegistry } from "millrace/registry"
import { InMemoryKafka } from "millrace/testing"
import { fileURLToPath } from "node:url"
import { run } from "../../src/cli/main.ts"
import { find, sendLines } from "../../src/cli/produce.ts"
import config, { cluster } from "./fixtures/formats.config.ts"

const path = fileURLToPath(new URL("fixtures/formats.config.ts", import.meta.url))

const millrace = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const before = (yield* TestConsole.logLines).length
    const code = yield* run("0.0.0", [...args, "--config", path])
    return { code, out: (yield* TestConsole.logLines).slice(before).map(String).join("\n") }
  })

const kafka = Context.get(cluster, InMemoryKafka)
const registry = Context.get(cluster, SchemaRegistry.Service)

const formats = [
  {
    group: "json",
    type: "JSON",
    shown: "\"title\": \"Order\"",
    other: { total: { type: "string" }, id: { type: "string" } },
    reason: "  BACKWARD: the new schema cannot read version 2: TYPE at /properties/total: string is not among integer",
    change: /^-.*"total": \{ "type": "string" \}/m
  },
  {
    group: "proto",
    type: "PROTOBUF",
    shown: "message Order {",
    other: "syntax = \"proto3\";\n\npackage shop;\n\nmessage Order {\n  string id = 1;\n  string total = 2;\n}\n",
    reason:
      "  BACKWARD: the new schema cannot read version 2: FIELD_CHANGED at shop.Order.total: the field 2 is string "
      + "there, and cannot be read as int64",
    change: /^- {2}string total = 2;\n\+ {2}int64 total = 2;$/m
  }
]

/** One cluster and one registry, so one story for each format: each step stands on the ones before. */
for (const { change, group, other, reason, shown, type } of formats) {
  describe(`topics of ${type} by the command`, () => {
    const topic = `${group}-orders`
    const subject = `${topic}-value`

    it.effect("have their schemas registered, listed and shown", () =>
      Effect.gen(function*() {
        assert.match(
          (yield* millrace("schemas", "ls", topic)).out,
          new RegExp(`^${subject} +${type} .*no subject$`, "m")
        )
        assert.strictEqual((yield* millrace("schemas", "check", topic)).out, `${subject}: new`)
        const { code, out } = yield* millrace("schemas", "register", topic)
        assert.strictEqual(code, 0)
        assert.match(out, new RegExp(`^${subject}: registered as version 1, id \\d$`))
        assert.match((yield* millrace("schemas", "ls", topic)).out, /registered$/)
        const local = yield* millrace("schemas", "show", subject, "--local")
        assert.include(local.out, shown)
        assert.strictEqual((yield* millrace("schemas", "show", subject)).out, local.out)
        assert.strictEqual((yield* millrace("schemas", "diff", topic)).out, `${subject}: as version 1`)
        const generated = yield* millrace("schemas", "generate", subject)
        assert.include(generated.out, "Order")
        assert.include(generated.out, "total: Schema.Int")
      }))

    it.effect("are written from lines, shown, and consumed; dead letters are shown and redriven", () =>
      Effect.gen(function*() {
        const admin = yield* Context.get(cluster, KafkaEngine.Service).admin
        yield* admin.createTopic({ name: topic, partitions: 1 })
        assert.strictEqual((yield* millrace("retry", "topics", group, "--create")).code, 0)
        const line = (id: string, total: number) => JSON.stringify({ key: id, value: { id, total } })
        const input = (async function*() {
          yield `${line("1", 5)}\n${line("2", -7)}\n`
        })()
        const found = yield* find({ topics: [], consumers: config.consumers }, topic)
        yield* Effect.provideContext(Effect.scoped(sendLines(found, input)), cluster as Context.Context<any>)
        assert.strictEqual((yield* kafka.records(topic))[0]?.value?.[0], 0)
        const tail = yield* millrace("tail", topic, "--from", "beginning", "--until", "end")
        assert.match(tail.out, /0\/0 .* 1 {2}\{"id":"1","total":5\}/)
        assert.strictEqual((yield* millrace("consume", group)).out, `${group} 1: 5`)
        const letters = yield* millrace("dlt", "show", group)
        assert.include(letters.out, "value    {\"id\":\"2\",\"total\":-7}")
        const redriven = yield* millrace("dlt", "redrive", group, "--to", "origin", "--yes")
        assert.include(redriven.out, "1 redriven")
      }).pipe(Effect.scoped))

    it.effect("are checked against the latest version, with the reason, and compared with it", () =>
      Effect.gen(function*() {
        const { text } = yield* registry.version(subject, "latest")
        const changed = typeof other === "string" ? other : JSON.stringify({ ...JSON.parse(text), properties: other })
        yield* registry.setCompatibility(subject, "NONE")
        yield* registry.register(subject, { type: type as SchemaRegistry.SchemaType, text: changed })
        yield* registry.setCompatibility(subject, "BACKWARD")
        const older = yield* millrace("schemas", "check", topic)
        assert.strictEqual(older.out, `${subject}: version 1, not the latest, which is 2`)
        assert.match((yield* millrace("schemas", "diff", topic)).out, change)
        yield* registry.deleteVersion(subject, 1)
        const { code, out } = yield* millrace("schemas", "check", topic)
        assert.strictEqual(code, 1)
        assert.deepStrictEqual(out.split("\n"), [`${subject}: incompatible (BACKWARD, latest version 2)`, reason])
      }))
  })
}
