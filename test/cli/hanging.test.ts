/** Services that take connections and never answer, as an operator meets them. */
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as TestConsole from "effect/testing/TestConsole"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { vi } from "vitest"
import { run } from "../../src/cli/main.ts"
import { fixture } from "./millrace.ts"

/** A server that answers nothing but what `reply` returns. */
const server = (reply: (request: IncomingMessage) => unknown) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const requests: Array<string> = []
      const listening = createServer((request: IncomingMessage, response: ServerResponse) => {
        requests.push(`${request.method} ${request.url}`)
        const body = reply(request)
        if (body !== undefined) response.end(JSON.stringify(body))
      })
      await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve))
      const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`
      return { close: () => (listening.closeAllConnections(), listening.close()), requests, url }
    }),
    ({ close }) => Effect.sync(close)
  )

const millrace = (url: string, ...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const before = [(yield* TestConsole.logLines).length, (yield* TestConsole.errorLines).length] as const
    const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true)
    const code = yield* TestClock.withLive(run("0.0.0", [...args, "--config", fixture("services")]))
    const failure = stderr.mock.calls.map(([text]) => String(text)).join("")
    stderr.mockRestore()
    const out = (yield* TestConsole.logLines).slice(before[0]).map(String).join("\n")
    const err = (yield* TestConsole.errorLines).slice(before[1]).map(String).join("\n") + failure
    return { code, out, err }
  }).pipe(
    Effect.provideService(
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromUnknown({ KAFKA_CONNECT_URL: url, SCHEMA_REGISTRY_URL: url })
    )
  )

const countOf = (text: string, part: string): number => text.split(part).length - 1

const root = { version: "4.3.1", kafka_cluster_id: "c" }
/** Connectors whose settings are not those of the config. */
const listed = Object.fromEntries(["a", "b", "c"].map((name) => {
  const config = { name, "connector.class": "com.example.Sink", topics: "of-before" }
  const connector = { state: "RUNNING", worker_id: "w" }
  return [name, { info: { name, config, tasks: [] }, status: { name, connector, tasks: [] } }]
}))
const valid = { name: "com.example.Sink", error_count: 0, configs: [] }

/** A worker that has answered so far. */
const until = (isHung: (request: IncomingMessage) => boolean) => {
  let hung = false
  return (request: IncomingMessage): unknown => {
    hung ||= isHung(request)
    if (hung) return undefined
    const path = request.url!.split("?")[0]!
    if (path === "/") return root
    if (path === "/health") return { status: "healthy" }
    return path === "/connectors" ? listed : path === "/connector-plugins" ? [] : valid
  }
}

describe("a service that never answers", () => {
  for (
    const args of [
      ["connect", "validate"],
      ["connect", "plan"],
      ["connect", "publish"],
      ["connect", "publish", "--json", "--wait", "1s"],
      ["connect", "restart"],
      ["connect", "pause"],
      ["connect", "resume"],
      ["connect", "stop"],
      ["connect", "offsets", "a"],
      ["connect", "plugins"],
      ["connect", "loggers"],
      ["connect", "status"],
      ["connect", "--validate", "--publish", "--check-status"],
      ["connect", "--validate", "--publish", "--check-status", "--ignore-failures"],
      ["schemas", "ls"],
      ["schemas", "check"],
      ["schemas", "register"],
      ["schemas", "diff"],
      ["schemas", "show", "orders-value"],
      ["schemas", "versions", "orders-value"],
      ["schemas", "delete", "orders-value", "--yes"],
      ["schemas", "generate", "orders-value"]
    ]
  ) {
    it.effect(`is said once by ${args.join(" ")}`, () =>
      Effect.gen(function*() {
        const { url } = yield* server(() => undefined)
        const { code, err, out } = yield* millrace(url, ...args)
        assert.strictEqual(code, 1, out + err)
        assert.strictEqual(countOf(out + err, `(${url})`), 1, out + err)
        assert.strictEqual(countOf(out + err, "no response within 300ms"), 1, out + err)
        assert.include(out + err, "check its URL")
      }).pipe(Effect.scoped))
  }

  it.effect("is said once by a watch", () =>
    Effect.gen(function*() {
      const { url } = yield* server(() => undefined)
      const watching = yield* Effect.forkScoped(millrace(url, "connect", "watch", "--every", "100ms"))
      while (!(yield* TestConsole.logLines).includes("c: unreachable")) {
        yield* TestClock.withLive(Effect.sleep("20 millis"))
      }
      yield* Fiber.interrupt(watching)
      const lines = (yield* TestConsole.logLines).map(String)
      assert.strictEqual(countOf(lines.join(), "no response within 300ms"), 1)
      assert.match(lines[0]!, /^a: unreachable: list connectors \(http.*\): Connect is not available/)
      assert.deepStrictEqual(lines.slice(1), ["b: unreachable", "c: unreachable"])
    }).pipe(Effect.scoped))

  it.effect("ends publishing: what is left is said, and not asked for", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* server(until(({ method, url }) => method === "PUT" && url!.endsWith("/config")))
      // Nothing was tried of what is left, so it is no failure to be ignored.
      const { code, err, out } = yield* millrace(url, "connect", "publish", "--ignore-failures")
      assert.strictEqual(code, 1)
      assert.strictEqual(countOf(out + err, "no response within"), 1)
      assert.match(out, /^a: failed: update a connector \(.*\): Connect is not available/)
      assert.include(
        out,
        "\nb: not published, because Connect is not available\nc: not published, because Connect is not available"
      )
      assert.lengthOf(requests.filter((request) => request.endsWith("/config")), 1)
    }).pipe(Effect.scoped))

  it.effect("and an interruption meanwhile leave an account of what was done", () =>
    Effect.gen(function*() {
      const asked = Effect.fnUntraced(function*(path: string, ...args: ReadonlyArray<string>) {
        const { requests, url } = yield* server(
          until(({ method, url }) => (method === "PUT" || method === "POST") && url!.includes(path))
        )
        const running = yield* Effect.forkScoped(millrace(url, ...args))
        while (!requests.some((request) => /^(PUT|POST) /.test(request) && request.includes(path))) {
          yield* TestClock.withLive(Effect.sleep("2 millis"))
        }
        yield* Fiber.interrupt(running)
        vi.restoreAllMocks()
        const out = String((yield* TestConsole.logLines).at(-1))
        return JSON.parse(out) as ReadonlyArray<{ readonly name: string; readonly error?: string }>
      })
      const paused = yield* asked("/connectors/b", "connect", "pause", "--json")
      assert.deepStrictEqual(paused, [
        { name: "a" },
        { name: "b", error: "interrupted before an answer: it may be done" },
        { name: "c", error: "not asked, because interrupted" }
      ])
      const published = yield* asked("/connectors/b/config", "connect", "publish", "--json")
      assert.deepStrictEqual(published.map(({ name }) => name), ["a"])
    }).pipe(Effect.scoped))

  it.effect("is not asked for the other connectors", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* server(until(({ url }) => url!.includes("/connectors/b")))
      const { code, err, out } = yield* millrace(url, "connect", "pause", "--json")
      assert.strictEqual(code, 1)
      const done: ReadonlyArray<{ readonly name: string; readonly error?: string }> = JSON.parse(out)
      assert.deepStrictEqual(done.map(({ error, name }) => [name, error === undefined]), [
        ["a", true],
        ["b", false],
        ["c", false]
      ])
      assert.strictEqual(done[2]!.error, "not asked, because Connect is not available")
      assert.isFalse(requests.some((request) => request.includes("/connectors/c")))
      assert.strictEqual(err, "")
    }).pipe(Effect.scoped))
})
