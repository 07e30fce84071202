import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { Consumer, Health, OnFailure, Producer, Topic } from "millrace"
import { Codec, SchemaRegistry } from "millrace/registry"
import { InMemoryKafka } from "millrace/testing"
import { fakeHttp, json } from "../rest/fakeHttp.ts"
import type { Reply } from "../rest/fakeHttp.ts"

const Note = Schema.Struct({ text: Schema.String.annotateKey({ protobuf: { field: 1 } }) })
const text = new TextEncoder()

const formats = [
  {
    type: "AVRO",
    codec: Codec.avro(Note, { name: "Note" }),
    schema: JSON.stringify({ type: "record", name: "Note", fields: [{ name: "text", type: "string" }] }),
    payload: [2, 97]
  },
  { type: "JSON", codec: Codec.jsonSchema(Note), schema: "{}", payload: [...text.encode("{\"text\":\"a\"}")] },
  {
    type: "PROTOBUF",
    codec: Codec.protobuf(Note, { name: "Note" }),
    schema: "syntax = \"proto3\"; message Note { string text = 1; }",
    payload: [0, 10, 1, 97]
  }
]

/** A registry that does not serve for five minutes, and then does. */
const outage = (
  { codec, payload, schema, type }: (typeof formats)[number],
  reply: Reply,
  logged: RegExp
) => {
  let isUp = false
  const http = fakeHttp(() => isUp ? json({ schema, schemaType: type }) : reply)
  const registry = SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    if (logLevel === "Warn") lines.push(String(message))
  })
  const services = Layer.mergeAll(
    InMemoryKafka.layer,
    registry,
    Layer.sync(Health.Registry, () => new Set()),
    Logger.layer([logger])
  )
  return Effect.gen(function*() {
    const raw = Topic.make("notes", { key: Codec.none, value: Codec.bytes })
    yield* Producer.send(raw, { key: null, value: new Uint8Array([0, 0, 0, 0, 7, ...payload]) })
    const seen: Array<string> = []
    let failures = 0
    const running = yield* Effect.forkChild(Consumer.run(Consumer.make("reader", {
      offsetReset: "earliest",
      maxHandlerStall: "1 minute",
      onFailure: OnFailure.make(() => {
        failures++
        return OnFailure.skip
      }),
      handlers: [
        Topic.handle(
          Topic.make("notes", { key: Codec.none, value: codec }),
          ({ value }) => Effect.sync(() => seen.push(value.text))
        )
      ]
    })))
    for (let i = 0; i < 20; i++) yield* TestClock.adjust("15 seconds")
    assert.isUndefined(running.pollUnsafe())
    const [down] = yield* Health.all
    assert.isFalse(down!.healthy)
    assert.include(down!.stalled[0], { topic: "notes", partition: 0, offset: 0 })
    assert.match(down!.stalled[0]!.problem, /codec waits/)
    assert.isTrue(lines.some((line) => logged.test(line)))
    isUp = true
    for (let i = 0; i < 4 && seen.length === 0; i++) yield* TestClock.adjust("15 seconds")
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual([seen, failures], [["a"], 0])
    assert.isTrue((yield* Health.all)[0]!.healthy)
    yield* Fiber.interrupt(running)
  }).pipe(Effect.provide(services))
}

describe("a registry that is down for longer than a handler may take", () => {
  for (const format of formats) {
    it.effect(`holds the partition, red, and makes no poison (${format.type})`, () =>
      outage(format, "refused", /records of subject "notes-value" wait until the registry serves: .*not available/))
  }
})

describe("a registry that answers, and does not serve", () => {
  const html = "<html>Sign in</html>"
  const cases: ReadonlyArray<readonly [what: string, reply: Reply, logged: RegExp]> = [
    ["refuses the credentials", json({ message: "expired" }, 401), /status 401: expired.*check `auth`/],
    ["forbids everything", json({ message: "no" }, 403), /status 403/],
    ["is a page for people", json(html), /the body is a page of HTML/],
    ["is behind a wrong path", json(html, 404), /status 404: <html>Sign in/]
  ]
  for (const [what, reply, logged] of cases) {
    it.effect(`holds the partition as one that is down does: it ${what}`, () => outage(formats[0]!, reply, logged))
  }

  it.effect("makes poison of what no registry would ever have", () => {
    const replies: { readonly [path: string]: Reply } = {
      "/schemas/ids/7": json({ error_code: 40403, message: "Schema not found" }, 404),
      "/schemas/ids/8": json({ schema: "<schema/>", schemaType: "XSD" })
    }
    // As registries without GUIDs, and those that are asked for more than an int32, say it.
    const http = fakeHttp(({ pathname }) => replies[pathname] ?? json({ error_code: 404, message: "HTTP 404" }, 404))
    const registry = SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))
    return Effect.gen(function*() {
      const { codec, payload } = formats[0]!
      const decode = yield* codec.decoder({ topic: "notes", part: "value" })
      const problem = (...id: ReadonlyArray<number>) =>
        Effect.suspend(() => {
          try {
            return (decode(new Uint8Array([...id, ...payload]), []) as { readonly effect: Effect.Effect<unknown> })
              .effect
          } catch (error) {
            return Effect.fail(error)
          }
        }).pipe(Effect.flip, Effect.map(String))
      assert.match(yield* problem(0, 0, 0, 0, 7), /no schema with id 7/)
      assert.match(yield* problem(0, 0, 0, 0, 8), /of type "XSD"/)
      assert.match(yield* problem(0, 255, 255, 255, 255), /the id of the schema is 4294967295/)
      assert.match(yield* problem(1, ...Array.from({ length: 16 }, () => 7)), /no schema with GUID 0707.*no GUIDs/)
    }).pipe(Effect.provide(registry))
  })
})
