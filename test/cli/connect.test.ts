import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import * as TestConsole from "effect/testing/TestConsole"
import { Connector, Connectors, KafkaConnect } from "millrace/connect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { vi } from "vitest"
import { Operator } from "../../src/cli/confirm.ts"
import { carriedOut } from "../../src/cli/connect/publish.ts"
import { run } from "../../src/cli/main.ts"
import { services } from "./fixtures/connect.config.ts"

const fixture = fileURLToPath(new URL("fixtures/connect.config.ts", import.meta.url))
const secret = "hunter2-of-a-planted-secret"

/** All that was printed, to be searched for the secret. */
let printed = ""

const connect = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const before = [(yield* TestConsole.logLines).length, (yield* TestConsole.errorLines).length] as const
    // What is said of a failure goes past the console.
    const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true)
    const code = yield* run("0.0.0", ["connect", ...args, "--config", fixture])
    const failure = stderr.mock.calls.map(([text]) => String(text)).join("")
    stderr.mockRestore()
    const out = (yield* TestConsole.logLines).slice(before[0]).map(String).join("\n")
    const err = (yield* TestConsole.errorLines).slice(before[1]).map(String).join("\n") + failure
    printed += out + err
    return { code, out, err }
  }).pipe(
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ LINES_PASSWORD: secret }))
  )

const memory = Effect.provide(KafkaConnect.Service, services)

const noOne = Effect.provideService(Operator, { isThere: () => false, ask: () => Effect.undefined })

/** One Connect, so one story: each step stands on the ones before. */
describe("connectors by the command", () => {
  it.effect("are listed and validated", () =>
    Effect.gen(function*() {
      const { code, out } = yield* connect("list")
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(out.split("\n").map((line) => line.split(/ {2,}/)), [
        ["CONNECTOR", "PLUGIN", "STATE"],
        ["shop.lines", "org.apache.kafka.connect.file.FileStreamSourceConnector", "-"],
        ["shop.crash", "com.example.CrashConnector", "-"],
        ["shop.wrong", "com.example.CrashConnector", "-"],
        ["shop.old", "-", "marked for removal"]
      ])
      const wrong = yield* connect("validate")
      assert.strictEqual(wrong.code, 1)
      assert.include(wrong.out, "shop.wrong: not valid\n  tasks.max: Invalid value zero for configuration tasks.max")
      assert.strictEqual((yield* connect("validate", "lines", "crash")).code, 0)
      assert.strictEqual((yield* connect("validate", "line")).code, 2)
      assert.include((yield* connect("validate", "line")).err, "did you mean \"lines\"?")
    }))

  it.effect("are planned, saved and published as saved", () =>
    Effect.gen(function*() {
      const folder = mkdtempSync(join(tmpdir(), "millrace-"))
      const file = join(folder, "plan.json")
      const { code, out } = yield* connect("plan", "lines", "--out", file)
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(out.split("\n").slice(0, 3), [
        "  shop.lines: create",
        "    + connector.class = org.apache.kafka.connect.file.FileStreamSourceConnector",
        "    + db.password = <redacted>"
      ])
      assert.strictEqual(out.split("\n").at(-1), "1 to create, 0 to change, 0 to delete")
      assert.notInclude(readFileSync(file, "utf8"), secret)
      assert.strictEqual((yield* connect("plan", "lines", "--check")).code, 1)
      writeFileSync(`${file}.edited`, readFileSync(file, "utf8").replace("/in.txt", "/etc/passwd"))
      const edited = yield* connect("publish", "lines", "--plan", `${file}.edited`)
      assert.strictEqual(edited.code, 1)
      assert.include(edited.err, "the file was edited")
      assert.deepStrictEqual(yield* Effect.flatMap(memory, ({ connectors }) => connectors), [])
      const published = yield* TestClock.withLive(connect("publish", "lines", "--plan", file, "--wait", "10s"))
      assert.deepStrictEqual([published.code, published.out], [
        0,
        "shop.lines: done: create\nshop.lines: RUNNING, 1 tasks"
      ])
      assert.strictEqual((yield* connect("publish", "lines", "--plan", file)).code, 1)
      assert.strictEqual((yield* connect("plan", "lines", "--check")).code, 0)
      assert.strictEqual((yield* connect("publish", "lines")).out, "shop.lines: nothing to do")
      rmSync(folder, { recursive: true })
    }))

  it.effect("are published although others are refused, if that is wanted", () =>
    Effect.gen(function*() {
      const held = yield* connect("publish")
      assert.strictEqual(held.code, 1)
      assert.include(
        held.out,
        "shop.wrong: failed: publish: the configuration of connector \"shop.wrong\" is not valid"
      )
      assert.include(held.out, "shop.crash: not published, because another connector is not valid")
      assert.include(held.out, "shop.lines: nothing to do")
      const ignoring = yield* connect("publish", "--ignore-failures", "--json")
      assert.strictEqual(ignoring.code, 0)
      assert.deepStrictEqual(JSON.parse(ignoring.out).map(({ done, name }: any) => [name, done]), [
        ["shop.lines", []],
        ["shop.crash", ["Create"]],
        ["shop.wrong", []],
        ["shop.old", []]
      ])
    }))

  it.effect("have a status, with the task that failed", () =>
    Effect.gen(function*() {
      const { code, out } = yield* connect("status", "lines", "crash")
      assert.strictEqual(code, 1)
      assert.deepStrictEqual(out.split("\n").map((line) => line.split(/ {2,}/)), [
        ["CONNECTOR", "STATE", "TASKS", "WORKER", "HEALTH"],
        ["shop.lines", "RUNNING", "1/1", "memory:8083", "well"],
        ["shop.crash", "RUNNING", "0/1", "memory:8083", "task 0 failed: java.lang.Error: no disk"]
      ])
      assert.strictEqual((yield* connect("status", "lines")).code, 0)
      const json = JSON.parse((yield* connect("status", "wrong", "--json")).out)
      assert.deepStrictEqual(json.map(({ health, name }: any) => [name, health]), [["shop.wrong", "missing"]])
    }))

  it.effect("are paused, resumed, stopped, moved and restarted", () =>
    Effect.gen(function*() {
      const state = Effect.flatMap(memory, (c) => Effect.map(c.status("shop.lines"), (status) => status.state))
      assert.strictEqual((yield* connect("pause", "lines")).out, "shop.lines: asked to pause")
      assert.strictEqual(yield* state, "PAUSED")
      assert.strictEqual((yield* connect("offsets", "lines", "--reset", "--yes")).code, 1)
      yield* connect("stop", "lines")
      const place = JSON.stringify({ partition: { filename: "/in.txt" }, offset: { position: 3 } })
      assert.strictEqual((yield* noOne(connect("offsets", "lines", "--set", place))).code, 1)
      assert.strictEqual((yield* connect("offsets", "lines", "--set", "[1]")).code, 2)
      assert.strictEqual((yield* connect("offsets", "lines", "--set", place, "--yes")).code, 0)
      assert.strictEqual((yield* connect("offsets", "lines")).out, place)
      assert.strictEqual((yield* connect("offsets", "lines", "--set", place, "--yes", "--json")).out, `[${place}]`)
      assert.strictEqual((yield* connect("resume", "lines", "old", "--json")).out, "[{\"name\":\"shop.lines\"}]")
      assert.strictEqual(yield* state, "RUNNING")
      const failed = yield* connect("restart", "lines", "wrong", "--json")
      assert.strictEqual(failed.code, 1)
      assert.match(JSON.parse(failed.out)[1].error, /there is no connector "shop.wrong"/)
      assert.strictEqual((yield* connect("restart", "lines", "wrong")).code, 1)
      assert.strictEqual((yield* connect("pause", "old")).err, "shop.old: marked for removal, left alone")
    }))

  it.effect("know plugins and loggers", () =>
    Effect.gen(function*() {
      assert.include((yield* connect("plugins")).out, "com.example.CrashConnector")
      assert.strictEqual((yield* connect("loggers", "--set", "root=debug")).out, "root: DEBUG")
      assert.include((yield* connect("loggers")).out, "DEBUG")
      assert.strictEqual((yield* connect("loggers", "--set", "root=warn", "--json")).out, "{\"root\":\"WARN\"}")
      assert.strictEqual((yield* connect("loggers", "--set", "root")).code, 2)
    }))

  it.effect("are deleted when they are marked or pruned, and only then without a question", () =>
    Effect.gen(function*() {
      const { connectors, create } = yield* memory
      yield* create("shop.old", { "connector.class": "com.example.CrashConnector", topics: "x" })
      yield* create("shop.stray", { "connector.class": "com.example.CrashConnector", topics: "x" })
      yield* create("other", { "connector.class": "com.example.CrashConnector", topics: "x" })
      const named = Effect.map(connectors, (all) => all.map(({ info }) => info.name))
      const asked = yield* noOne(connect("publish", "old"))
      assert.deepStrictEqual([asked.code, asked.err], [1, "nothing was done; add --yes to do it"])
      assert.include(yield* named, "shop.old")
      assert.strictEqual((yield* connect("publish", "old", "--yes")).out, "shop.old: done: delete")
      // With names the other connectors of the config would count as undeclared.
      const some = yield* connect("publish", "lines", "--prune", "--yes")
      assert.strictEqual(some.code, 2)
      assert.include(some.err, "--prune is about all connectors of the config; leave out the names")
      assert.include((yield* connect("plan", "--prune")).out, "shop.stray: delete")
      const json = yield* noOne(connect("publish", "--prune", "--ignore-failures", "--json"))
      assert.strictEqual(json.out, "")
      assert.include(json.err, "shop.stray")
      yield* connect("publish", "--prune", "--yes", "--ignore-failures")
      assert.deepStrictEqual(yield* named, ["other", "shop.crash", "shop.lines"])
    }))

  it.effect("are worked on by the flags of old: validate, publish, status, in this order", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* connect()).code, 2)
      assert.include((yield* connect("--list")).out, "shop.old")
      const one = yield* connect("--connector", "lines", "--check-status", "--validate", "--publish")
      assert.strictEqual(one.code, 0)
      const order = ["shop.lines: valid", "shop.lines: nothing to do", "CONNECTOR"].map((line) => one.out.indexOf(line))
      assert.deepStrictEqual(order, order.toSorted((a, b) => a - b))
      assert.isTrue(order.every((at) => at >= 0))
      assert.strictEqual((yield* connect("--validate")).code, 1)
      assert.strictEqual((yield* connect("--validate", "--ignore-failures")).code, 0)
    }))

  it.effect("are not looked at without a rest", () =>
    Effect.gen(function*() {
      const { code, err } = yield* connect("watch", "--every", "0s")
      assert.strictEqual(code, 2)
      assert.include(err, "--every 0s: use at least 100ms")
    }))

  it.effect("are said as they are done, so that an interruption tells what is left", () =>
    Effect.gen(function*() {
      const connect = yield* memory
      const begun = yield* Deferred.make<void>()
      const create: KafkaConnect.Connect["create"] = (name, config, options) =>
        name === "first"
          ? connect.create(name, config, options)
          : Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      const options = { plugin: "com.example.CrashConnector", config: { topics: "x" } }
      const before = (yield* TestConsole.logLines).length
      yield* Effect.gen(function*() {
        const plan = yield* Connectors.plan(["first", "second"].map((name) => Connector.make(name, options)))
        const wanted = { ignoreFailures: false, json: false, wait: undefined }
        const publishing = yield* Effect.forkChild(carriedOut(plan, wanted))
        yield* Deferred.await(begun)
        assert.deepStrictEqual((yield* TestConsole.logLines).slice(before), ["first: done: create"])
        yield* Fiber.interrupt(publishing)
      }).pipe(Effect.provideService(KafkaConnect.Service, { ...connect, create }))
      assert.include(
        (yield* TestConsole.errorLines).at(-1),
        "interrupted: 1 of 2 connectors are done; publish again to do what is left"
      )
      yield* connect.delete("first")
    }))

  it.effect("show no secret in the trace of a task that failed where Connect hides the settings", () =>
    Effect.gen(function*() {
      const connect = yield* memory
      const failed = { id: 0, state: "FAILED", worker: undefined, trace: `Error: no login with ${secret}` } as const
      const hiding: KafkaConnect.Connect = {
        ...connect,
        get: (name) => Effect.map(connect.get(name), (info) => ({ ...info, config: { ...info.config, pin: "••••" } })),
        status: (name) => Effect.map(connect.status(name), (status) => ({ ...status, tasks: [failed] }))
      }
      const config = { topics: "x", pin: Redacted.make(secret) }
      yield* Effect.gen(function*() {
        const plan = yield* Connectors.plan([
          Connector.make("hidden", { plugin: "com.example.CrashConnector", config })
        ])
        yield* carriedOut(plan, { ignoreFailures: false, json: false, wait: 0 })
      }).pipe(Effect.provideService(KafkaConnect.Service, hiding))
      const said = String((yield* TestConsole.errorLines).at(-1))
      assert.include(said, "task 0 failed: Error: no login with")
      printed += said
      assert.notInclude(said, secret)
      yield* connect.delete("hidden")
    }))

  it("show no secret anywhere", () => assert.notInclude(printed, secret))
})
