/** What is said when nobody is reached, and what is not: requests have secrets in them. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { FetchHttpClient } from "effect/http"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Tracer from "effect/Tracer"
import { KafkaConnect } from "millrace/connect"
import { inspect } from "node:util"
import { freePorts } from "../services/ports.ts"
import { fakeHttp, json } from "./fakeHttp.ts"

const secret = "hunter2-of-a-planted-secret"
const basic = Buffer.from(`deploy:${secret}`).toString("base64")

/** All texts that can be reached from a value, by its properties and in its bytes. */
const textsIn = (value: unknown, seen = new Set<unknown>()): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  if (typeof value !== "object" || value === null || seen.has(value)) return []
  seen.add(value)
  if (value instanceof Uint8Array) return [new TextDecoder().decode(value)]
  const parts = value instanceof Map ? [...value] : Reflect.ownKeys(value).map((key) => Reflect.get(value, key))
  return parts.flatMap((part) => textsIn(part, seen))
}

describe("a service that nobody reaches", () => {
  it.live("is named with its address, and the error and the spans have no secret in any place", () =>
    Effect.gen(function*() {
      const [port] = yield* Effect.promise(() => freePorts(1))
      const layer = KafkaConnect.layer({
        url: `http://127.0.0.1:${port}`,
        auth: { _tag: "Basic", username: "deploy", password: Redacted.make(secret) },
        headers: { "x-vault": secret },
        retry: Schedule.recurs(0)
      }).pipe(Layer.provide(FetchHttpClient.layer))
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const exit = yield* Effect.gen(function*() {
        const connect = yield* KafkaConnect.Service
        yield* connect.update("orders", { "connector.class": "A", "db.password": Redacted.make(secret) })
      }).pipe(
        Effect.provide(layer),
        Effect.withTracer(tracer),
        Effect.updateService(HttpClient.TracerHeaderFilter, () => () => true),
        Effect.exit
      )
      assert.isTrue(Exit.isFailure(exit))
      const { cause } = exit as Exit.Failure<void, unknown>
      assert.include(Cause.pretty(cause), `Connect is not available (connect ECONNREFUSED 127.0.0.1:${port})`)
      assert.strictEqual(spans.length, 1)
      const attributes = spans.map((span) => [...span.attributes])
      assert.include(JSON.stringify(attributes), "x-vault")
      const all = [
        ...textsIn([cause, attributes]),
        JSON.stringify(cause),
        inspect([cause, spans], { depth: Infinity, showHidden: true }),
        Cause.pretty(cause)
      ]
      for (const text of all) {
        assert.notInclude(text, secret)
        assert.notInclude(text, basic)
      }
    }))

  it.effect("leaves what must be done once to the next server, for it has certainly not been done", () =>
    Effect.gen(function*() {
      const { layer, requests } = fakeHttp(({ hostname }) =>
        hostname === "one" ? "refused" : json({ name: "orders", type: "sink", tasks: [], config: {} }, 201)
      )
      yield* Effect.gen(function*() {
        const connect = yield* KafkaConnect.Service
        yield* connect.create("orders", { "connector.class": "A" })
      }).pipe(
        Effect.provide(KafkaConnect.layer({ url: ["http://one", "http://two"] }).pipe(Layer.provide(layer)))
      )
      assert.deepStrictEqual(requests.map(({ method, url }) => `${method} ${url}`), [
        "POST http://one/connectors",
        "POST http://two/connectors"
      ])
    }))
})
