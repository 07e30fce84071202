/** Workers that take connections, or requests, and never answer: that is said once, and soon. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Connector, Connectors, KafkaConnect } from "millrace/connect"
import { fakeHttp, json } from "../rest/fakeHttp.ts"
import type { Reply } from "../rest/fakeHttp.ts"

const plugin = "com.example.Sink"
const connectors = Array.from(
  { length: 20 },
  (_, i) => Connector.make(`c${i}`, { plugin, config: { topics: "orders" } })
)
const root = json({ version: "4.3.1", kafka_cluster_id: "c" })
const valid = json({ name: plugin, error_count: 0, configs: [] })

/** A worker without connectors, but for what a test says. */
const worker = (reply: (path: string, method: string) => Reply | undefined, options = {}) => {
  const http = fakeHttp(({ pathname }, { method }) => {
    const said = reply(pathname, method)
    if (said !== undefined) return said
    if (pathname === "/") return root
    if (pathname === "/health") return json({ status: "healthy" })
    if (pathname === "/connectors" && method === "GET") return json({})
    if (pathname === "/connector-plugins") return json([])
    return pathname.endsWith("/validate") ? valid : json({ error_code: 404, message: "none" }, 404)
  })
  const layer = KafkaConnect.layer({ url: "http://one", ...options }).pipe(Layer.provide(http.layer))
  return { requests: http.requests, layer }
}

/** How a program ends, and after how many seconds, however long it waits. */
const timed = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(Effect.exit(effect))
  let seconds = 0
  while (true) {
    // Bodies of responses are promises.
    for (let i = 0; i < 5; i++) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return { exit: yield* Effect.flatten(Effect.succeed(exit)), seconds }
    assert.isBelow(seconds, 7_200)
    yield* TestClock.adjust("1 second")
    seconds++
  }
})

const failureOf = <A, E>(exit: Exit.Exit<A, E>): E => Effect.runSync(Effect.flip(exit))

describe("a worker that never answers", () => {
  it.effect("is said soon, of whatever it is asked", () => {
    const { layer } = worker(() => "silent")
    return Effect.gen(function*() {
      const connect = yield* KafkaConnect.Service
      const first = yield* timed(connect.worker)
      assert.isAtMost(first.seconds, 35)
      assert.include(
        failureOf(first.exit).message,
        "get the worker (http://one): Connect is not available (no response within 15s); check its URL"
      )
      for (const call of [connect.isHealthy, connect.connectors, connect.get("a"), connect.pause("a")]) {
        assert.isAtMost((yield* timed(call)).seconds, 65)
      }
    }).pipe(Effect.provide(layer))
  })

  it.effect("is asked as often as `retry` says, where it is given", () => {
    const { layer, requests } = worker(() => "silent", { retry: Schedule.recurs(3), timeout: "1 minute" })
    return Effect.gen(function*() {
      const connect = yield* KafkaConnect.Service
      yield* timed(connect.get("a"))
      assert.lengthOf(requests, 4)
    }).pipe(Effect.provide(layer))
  })

  it.effect("ends a plan, with the first connector that it says nothing of", () => {
    let isHung = false
    const { layer, requests } = worker((path) => {
      isHung ||= path.endsWith("/validate")
      return isHung ? "silent" : undefined
    })
    return Effect.gen(function*() {
      const { exit, seconds } = yield* timed(Connectors.plan(connectors))
      assert.include(failureOf(exit).message, "validate (http://one): Connect is not available (no response within 1m)")
      assert.isAtMost(seconds, 100)
      assert.isAtMost(requests.filter(({ url }) => url.endsWith("/validate")).length, 4)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is no worker that is busy with one plugin, such as one whose database does not answer", () => {
    const { layer } = worker((path) => path.includes("Slow") ? "silent" : undefined)
    return Effect.gen(function*() {
      const slow = Connector.make("slow", { plugin: "com.example.Slow", config: { topics: "orders" } })
      const { exit } = yield* timed(Connectors.plan([slow, ...connectors]))
      const { entries } = yield* exit
      assert.include(entries[0]!.problems[0]!.messages[0], "no response within 1m")
      assert.isTrue(entries.slice(1).every(({ problems }) => problems.length === 0))
    }).pipe(Effect.provide(layer))
  })

  it.effect("ends publishing: the other connectors are held back", () => {
    let isHung = false
    const { layer, requests } = worker((path, method) => {
      isHung ||= method === "POST"
      return isHung ? "silent" : undefined
    })
    return Effect.gen(function*() {
      const plan = yield* Connectors.plan(connectors)
      const { exit, seconds } = yield* timed(Connectors.publish(plan))
      const [first, ...rest] = yield* exit
      assert.strictEqual(first!.error?.reason._tag, "Unavailable")
      assert.deepStrictEqual(
        rest.map(({ done, error, isHeldBack }) => [done, error, isHeldBack]),
        rest.map(() => [[], undefined, true])
      )
      assert.lengthOf(requests.filter(({ method }) => method === "POST"), 1)
      assert.isAtMost(seconds, 120)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is no worker that fails with one connector", () => {
    let created = 0
    const { layer } = worker((path, method) => {
      if (method !== "POST") return path.startsWith("/connectors/") ? json({ name: "", config: {} }) : undefined
      return created++ === 0 ? json({ error_code: 500, message: "NoClassDefFoundError" }, 500) : json({
        name: "c",
        config: {}
      }, 201)
    })
    return Effect.gen(function*() {
      const { exit } = yield* timed(Connectors.publish(yield* Connectors.plan(connectors.slice(0, 3))))
      assert.deepStrictEqual((yield* exit).map(({ error, isHeldBack }) => [error?.reason._tag, isHeldBack]), [
        ["Unavailable", false],
        [undefined, false],
        [undefined, false]
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is waited for no longer than a connector", () => {
    const { layer } = worker(() => "silent")
    return Effect.gen(function*() {
      const { exit, seconds } = yield* timed(Connectors.settled("a", "10 seconds"))
      assert.isAtMost(seconds, 16)
      assert.match(
        failureOf(exit).message,
        /connector "a" does not run: not after 10s \(no status: .*\(http:\/\/one\).*no response/
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("is named by a watch", () => {
    const { layer } = worker(() => "silent")
    return Effect.gen(function*() {
      const { exit } = yield* timed(Stream.runHead(Connectors.watch(connectors)))
      const seen = Option.getOrThrow(yield* exit)
      assert.strictEqual(seen.health, "unreachable")
      assert.include(seen.problem, "list connectors (http://one): Connect is not available (nothing came within 30s)")
    }).pipe(Effect.provide(layer))
  })
})
