import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import type { ConnectError } from "millrace/connect"
import { KafkaConnect } from "millrace/connect"
import { globSync, readFileSync } from "node:fs"
import { fakeHttp, json } from "../../rest/fakeHttp.ts"
import type { Reply } from "../../rest/fakeHttp.ts"

interface Recorded {
  readonly request: { readonly method: string; readonly path: string }
  readonly response: { readonly status: number; readonly body: unknown }
}

/** What a real worker was asked and returned. */
const recorded = new Map(
  globSync("test/fixtures/connect/*.json").map((file) => [
    file.replace(/^.*\/|\.json$/g, ""),
    JSON.parse(readFileSync(file, "utf8")) as Recorded
  ])
)

const responseOf = (name: string): Reply => recorded.get(name)!.response

const connectOf = (reply: (url: URL, method: string) => Reply, options: Partial<KafkaConnect.Options> = {}) => {
  const http = fakeHttp((url, { method }) => reply(url, method))
  const layer = KafkaConnect.layer({ url: "http://one", ...options }).pipe(Layer.provide(http.layer))
  const use = <A, E>(run: (connect: KafkaConnect.Connect) => Effect.Effect<A, E>) =>
    Effect.gen(function*() {
      return yield* run(yield* KafkaConnect.Service)
    }).pipe(Effect.provide(layer))
  return { ...http, use }
}

/** Lets the repetitions of a request happen. */
const patiently = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust("5 minutes")
    return yield* Fiber.join(fiber)
  })

const replayed = (name: string) => connectOf(() => responseOf(name))

/** The reason of a failure that is the same however often it is tried. */
const reasonOf = <A>(name: string, run: (connect: KafkaConnect.Connect) => Effect.Effect<A, any>) =>
  Effect.map(patiently(Effect.flip(replayed(name).use(run))), ({ reason }) => reason)

describe("Connect over HTTP", () => {
  it.effect("reads what a real worker returned", () =>
    Effect.gen(function*() {
      const read = <A>(name: string, run: (connect: KafkaConnect.Connect) => Effect.Effect<A, unknown>) =>
        replayed(name).use(run)
      assert.strictEqual((yield* read("root", ({ worker }) => worker)).version, "4.3.1")
      assert.isTrue(yield* read("health", ({ isHealthy }) => isHealthy))
      const [one] = yield* read("list-expand", ({ connectors }) => connectors)
      assert.deepStrictEqual([one?.info.name, one?.info.type, one?.status?.state], ["file-src", "source", "RUNNING"])
      assert.strictEqual((yield* read("get-connector", ({ get }) => get("file-src"))).config["topic"], "svc-from-file")
      const failed = yield* connectOf(({ pathname }) =>
        pathname.endsWith("/status")
          ? responseOf("status-task-failed")
          : responseOf(pathname.startsWith("/connectors/") ? "get-connector" : "connector-plugins")
      ).use(({ status }) => status("file-fail"))
      assert.deepStrictEqual([failed.state, failed.tasks[0]?.state], ["RUNNING", "FAILED"])
      assert.match(failed.tasks[0]!.trace!, /Couldn't find or create file/)
      assert.deepStrictEqual(yield* read("offsets-get", ({ offsets }) => offsets("file-src")), [
        { partition: { filename: "/data/in.txt" }, offset: { position: 14 } }
      ])
      assert.deepStrictEqual(yield* read("offsets-get-empty", ({ offsets }) => offsets("file-src")), [])
      assert.deepStrictEqual(yield* read("topics", ({ topics }) => topics("file-src")), ["svc-from-file"])
      assert.strictEqual((yield* read("connector-plugins", ({ plugins }) => plugins())).length, 3)
      assert.isAbove((yield* read("connector-plugins-all", ({ plugins }) => plugins({ all: true }))).length, 3)
    }))

  it.effect("lists a connector that has no status yet", () =>
    Effect.gen(function*() {
      const listed = recorded.get("list-expand")!.response.body as Record<string, Record<string, unknown>>
      const young = { ...listed["file-src"]!["info"] as object, name: "young" }
      // A worker leaves out of a list what lacks anything that was asked for.
      const { use } = connectOf((url) => {
        const asked = url.searchParams.getAll("expand")
        const all: Record<string, Record<string, unknown>> = { ...listed, young: { info: young } }
        return json(Object.fromEntries(
          Object.entries(all).filter(([, each]) => asked.every((expansion) => expansion in each))
        ))
      })
      const all = yield* use(({ connectors }) => connectors)
      assert.deepStrictEqual(all.map(({ info, status }) => [info.name, status?.state]), [
        ["file-src", "RUNNING"],
        ["young", undefined]
      ])
    }))

  it.effect("reads a validation: 200 is not valid, and settings may have no value", () =>
    Effect.gen(function*() {
      const config = { "connector.class": "FileStreamSource" }
      const invalid = yield* replayed("validate-invalid").use(({ validate }) => validate(config))
      assert.isFalse(invalid.isValid)
      assert.deepStrictEqual(
        invalid.settings.filter(({ errors }) => errors.length > 0).map(({ key }) => key),
        ["tasks.max", "topic"]
      )
      assert.isTrue((yield* replayed("validate-valid").use(({ validate }) => validate(config))).isValid)
      const debezium = yield* replayed("validate-debezium-no-database").use(({ validate }) => validate(config))
      assert.isFalse(debezium.isValid)
      assert.isAbove(debezium.settings.length, 0)
    }))

  it.effect("tells refusals apart", () =>
    Effect.gen(function*() {
      const tagOf = <A>(name: string, run: (connect: KafkaConnect.Connect) => Effect.Effect<A, unknown>) =>
        Effect.map(reasonOf(name, run), ({ _tag }) => _tag)
      const config = { "connector.class": "com.example.Nope" }
      assert.strictEqual(yield* tagOf("get-missing-404", ({ get }) => get("file-src")), "ConnectorNotFound")
      assert.strictEqual(yield* tagOf("status-right-after-put", ({ status }) => status("x")), "ConnectorNotFound")
      assert.strictEqual(yield* tagOf("restart-409-rebalance", ({ restart }) => restart("h1")), "Rebalancing")
      assert.strictEqual(yield* tagOf("get-config-500-rebalance", ({ get }) => get("h3")), "Rebalancing")
      assert.strictEqual(yield* tagOf("post-connectors-409-exists", (c) => c.create("file-src", {})), "ConnectorExists")
      assert.strictEqual(yield* tagOf("offsets-delete-not-stopped", (c) => c.resetOffsets("f")), "NotStopped")
      assert.strictEqual(yield* tagOf("put-config-debezium-invalid-500", (c) => c.update("d", {})), "Unexpected")
      const unknown = yield* reasonOf("validate-unknown-class", ({ validate }) => validate(config))
      assert.strictEqual(unknown._tag, "UnknownPlugin")
      const invalid = yield* reasonOf("put-config-invalid-400", (c) => c.update("file-src", {}))
      assert.strictEqual(invalid._tag, "InvalidConfig")
      assert.deepStrictEqual(invalid.problems.map(({ key }: { key: string }) => key), ["topic"])
    }))

  it.effect("names plugins like the one that is not there", () =>
    Effect.gen(function*() {
      const reason = yield* reasonOf("validate-unknown-class", ({ validate }) =>
        validate({ "connector.class": "io.debezium.PostgreConnector" }))
      assert.match(reason.message, /no plugin "io.debezium.PostgreConnector", but they have .*PostgresConnector/)
    }))

  it.effect("repeats while the cluster rebalances, also what must be done once", () =>
    Effect.gen(function*() {
      let asked = 0
      const connect = connectOf(() => ++asked < 3 ? responseOf("restart-409-rebalance") : responseOf("restart-204"))
      yield* patiently(connect.use(({ restart }) => restart("h1", { tasks: "failed" })))
      assert.strictEqual(asked, 3)
      assert.include(connect.requests[0]!.url, "includeTasks=true&onlyFailed=true")
    }))

  it.effect("tells refusals apart by words that a secret or a name is a part of", () =>
    Effect.gen(function*() {
      const short = { "connector.class": "A", "my.own": Redacted.make("s"), "my.other": Redacted.make("invalid") }
      const reason = <A>(name: string, run: (connect: KafkaConnect.Connect) => Effect.Effect<A, any>) =>
        reasonOf(name, run)
      assert.strictEqual(
        (yield* reason("post-connectors-409-exists", (c) => c.create("x", short)))._tag,
        "ConnectorExists"
      )
      const invalid = yield* reason("put-config-invalid-400", (c) => c.update("file-src", short))
      assert.deepStrictEqual([invalid._tag, invalid.problems.map(({ key }: { key: string }) => key)], [
        "InvalidConfig",
        ["topic"]
      ])
      const broken = connectOf(() => json({ error_code: 500, message: "cannot restart rebalancer: no heap" }, 500))
      yield* patiently(Effect.flip(broken.use((c) => c.restart("rebalancer"))))
      // It may have been done.
      assert.strictEqual(broken.requests.length, 1)
    }))

  it.effect("waits out each recorded form of a rebalance before a change is taken", () =>
    Effect.gen(function*() {
      const refusals = ["restart-409-rebalance", "get-config-500-rebalance", "restart-409-rebalance"]
      let asked = 0
      const connect = connectOf(() => responseOf(refusals[asked++] ?? "put-config-200"))
      const { name } = yield* patiently(connect.use((c) => c.update("file-src", { "connector.class": "A" })))
      assert.deepStrictEqual([name, asked], ["file-src", 4])
    }))

  it.effect("takes no 404 of a worker that starts for Connect's", () =>
    Effect.gen(function*() {
      let asked = 0
      const jetty = json({ servlet: "-", message: "Not Found", url: "/connectors/x", status: "404" }, 404)
      const connect = connectOf(() => ++asked < 3 ? jetty : responseOf("get-connector"))
      assert.strictEqual((yield* patiently(connect.use(({ get }) => get("file-src")))).name, "file-src")
    }))

  it.effect("takes no page of a proxy for a change that is done, or for a list", () =>
    Effect.gen(function*() {
      const { use } = connectOf(() => json("\n<!doctype html><title>Sign in</title>"))
      const calls: ReadonlyArray<(connect: KafkaConnect.Connect) => Effect.Effect<unknown, ConnectError.ConnectError>> =
        [
          (c) => c.pause("a"),
          (c) => c.resume("a"),
          (c) => c.stop("a"),
          (c) => c.restart("a"),
          (c) => c.restartTask("a", 0),
          (c) => c.delete("a"),
          (c) => c.alterOffsets("a", []),
          (c) => c.resetOffsets("a"),
          (c) => c.resetTopics("a"),
          (c) => c.setLogger("a", "INFO"),
          (c) => c.offsets("a"),
          (c) => c.topics("a")
        ]
      for (const call of calls) {
        assert.include((yield* Effect.flip(use(call))).message, "status 200: the body is a page of HTML")
      }
    }))

  it.effect("repeats nothing that may have been done and must be done once", () =>
    Effect.gen(function*() {
      const connect = connectOf(() => "silent", { timeout: "1 second" })
      const error = yield* patiently(Effect.flip(connect.use((c) => c.create("x", { "connector.class": "A" }))))
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.strictEqual(connect.requests.length, 1)
      const patient = connectOf(() => "silent", { timeout: "1 second" })
      yield* patiently(Effect.flip(patient.use((c) => c.update("x", { "connector.class": "A" }))))
      assert.isAbove(patient.requests.length, 1)
    }))

  it.effect("knows no health before Kafka 3.9, and a worker that starts", () =>
    Effect.gen(function*() {
      const old = connectOf(({ pathname }) =>
        pathname === "/health" ? json({ error_code: 404, message: "HTTP 404 Not Found" }, 404) : responseOf("root")
      )
      assert.isTrue(yield* old.use(({ isHealthy }) => isHealthy))
      const starting = connectOf(() => json({ status: "starting", message: "wait" }, 503))
      assert.isFalse(yield* patiently(starting.use(({ isHealthy }) => isHealthy)))
    }))

  it.effect("keeps secrets out of texts that quote a part of them, are cut, or are traces", () =>
    Effect.gen(function*() {
      const secret = "hunter2-secret"
      const messageOf = (message: string, config: KafkaConnect.ConnectorConfig) =>
        connectOf(() => json({ error_code: 400, message }, 400)).use((c) => c.update("x", config)).pipe(
          Effect.flip,
          Effect.map((error) => error.message)
        )
      const url = { "connection.url": `jdbc:postgresql://db/shop?user=u&password=${secret}` }
      assert.notInclude(yield* messageOf(`no login with ${secret}`, url), secret)
      const jaas = { "sasl.jaas.config": `Plain required password="${secret}";` }
      assert.notInclude(yield* messageOf(`${secret} is wrong`, jaas), secret)
      // A part of a secret is one, too.
      const cut = yield* messageOf(`${"x".repeat(1_993)}${secret}`, { "db.password": Redacted.make(secret) })
      assert.notInclude(cut, secret.slice(0, 7))
      const trace = (words: string) => ({
        name: "x",
        connector: { state: "RUNNING", worker_id: "w" },
        tasks: [{ id: 0, state: "FAILED", worker_id: "w", trace: `java.lang.Error: ${words}\n\tat A.b` }]
      })
      const listing = { x: { info: { name: "x", config: { "db.password": secret } }, status: trace(`no ${secret}`) } }
      const all = yield* connectOf(() => json(listing)).use(({ connectors }) => connectors)
      assert.match(all[0]!.status!.tasks[0]!.trace!, /^java.lang.Error: no <redacted>\n\tat A.b$/)
      const status = yield* connectOf(({ pathname }) =>
        json(
          pathname.endsWith("/status")
            ? trace(`jdbc:x://u:${secret}@h and password=${secret}`)
            : { name: "x", config: {} }
        )
      ).use((c) => c.status("x"))
      assert.include(status.tasks[0]!.trace!, "jdbc:x://u:<redacted>@h and password=<redacted>")
      const body = {
        name: "A",
        error_count: 1,
        configs: [{
          definition: { name: "my.pin", type: "PASSWORD", required: true },
          value: { name: "my.pin", errors: [`${secret} is too short, as ${"password=${file:/x:y}"}`] }
        }]
      }
      const { settings } = yield* connectOf(() => json(body)).use((c) =>
        c.validate({ "connector.class": "A", "my.pin": secret })
      )
      assert.deepStrictEqual(settings[0]!.errors, ["<redacted> is too short, as password=${file:/x:y}"])
    }))

  it.effect("keeps secrets out of errors and of what it returns", () =>
    Effect.gen(function*() {
      const secret = "hunter2-secret"
      const echo = connectOf(() => json({ error_code: 400, message: `Invalid value ${secret} for x` }, 400))
      const config = { "connector.class": "A", "database.password": Redacted.make(secret) }
      for (
        const run of [
          (c: KafkaConnect.Connect) => c.create("x", config),
          (c: KafkaConnect.Connect) => c.update("x", config),
          (c: KafkaConnect.Connect) => c.patch("x", config),
          (c: KafkaConnect.Connect) => c.validate({ ...config, "database.password": secret })
        ]
      ) {
        const error = yield* patiently(Effect.flip(echo.use((c): Effect.Effect<unknown, any> => run(c))))
        assert.notInclude(JSON.stringify(error) + String(error) + error.message, secret)
      }
      const body = { name: "x", type: "sink", tasks: [], config: { "db.password": secret, "key.converter": "K" } }
      const info = yield* connectOf(() => json(body)).use(({ get }) => get("x"))
      assert.isTrue(Redacted.isRedacted(info.config["db.password"]))
      assert.strictEqual(info.config["key.converter"], "K")
      assert.notInclude(JSON.stringify(info), secret)
    }))
})
