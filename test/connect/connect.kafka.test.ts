import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { FetchHttpClient } from "effect/http"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Connector, Connectors, Debezium, FileStream, KafkaConnect } from "millrace/connect"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll } from "vitest"
import { millrace, start } from "../cli/millrace.ts"
import { startConnect } from "../services/connect.ts"
import type { ConnectServer } from "../services/connect.ts"
import { debeziumPlugins } from "../services/debezium.ts"
import { sharedKafka } from "../services/env.ts"
import { startPostgres } from "../services/postgres.ts"
import type { PostgresServer } from "../services/postgres.ts"
import { connectSuite } from "./connectSuite.ts"
import { startGuard } from "./guard.ts"

const secret = "hunter2-of-a-planted-secret"
const config = fileURLToPath(new URL("real.config.ts", import.meta.url))

let server: ConnectServer
let database: PostgresServer
beforeAll(async () => {
  const [plugins, postgres] = await Promise.all([
    debeziumPlugins(),
    startPostgres(
      "CREATE TABLE items (id int PRIMARY KEY, name text)\nINSERT INTO items VALUES (1, 'bolt'), (2, 'nut')\n",
      undefined,
      secret
    )
  ])
  database = postgres
  server = await startConnect(sharedKafka(), plugins)
}, 300_000)
afterAll(async () => {
  await server.kill()
  await database.stop()
})

const connect = Layer.unwrap(Effect.sync(() => KafkaConnect.layer({ url: server.url }))).pipe(
  Layer.provide(FetchHttpClient.layer)
)

connectSuite("on a real worker", connect, () => server.files)

const publish = (connectors: ReadonlyArray<Connector.Connector>) =>
  Effect.flatMap(Connectors.plan(connectors), (plan) => Connectors.publish(plan))

const lineIn = (file: string) => Effect.sync(() => readFileSync(file, "utf8"))

describe("Connect on a real worker", () => {
  it.live(
    "moves lines from file to file, with a value of a provider, and goes on after it was restarted",
    () =>
      Effect.gen(function*() {
        const [input, output] = [`${server.files}/in.txt`, `${server.files}/out.txt`]
        writeFileSync(input, "one\ntwo\n")
        writeFileSync(output, "")
        writeFileSync(`${server.files}/names.properties`, `out=${output}\n`)
        const topic = `lines-${process.pid}`
        const connectors = [
          Connector.make(
            `${topic}-in`,
            FileStream.source({ file: input, topic, topics: { partitions: 1, replication: 1 } })
          ),
          Connector.make(
            `${topic}-out`,
            FileStream.sink({ file: `\${file:${server.files}/names.properties:out}`, topics: [topic] })
          )
        ]
        yield* publish(connectors)
        for (const { name } of connectors) yield* Connectors.settled(name, "60 seconds")
        const untilLines = (lines: string) =>
          Effect.repeat(lineIn(output), { until: (text) => text === lines, schedule: Schedule.spaced("50 millis") })
            .pipe(
              Effect.timeout("60 seconds")
            )
        yield* untilLines("one\ntwo\n")
        assert.isTrue(Connectors.isUpToDate(yield* Connectors.plan(connectors)))
        yield* Effect.promise(() => server.stop())
        const restarted = yield* Effect.forkChild(Effect.promise(() => server.start()))
        // Requests are repeated until the worker serves again.
        for (const { name } of connectors) yield* Connectors.settled(name, "120 seconds")
        yield* Fiber.join(restarted)
        writeFileSync(input, "one\ntwo\nthree\n")
        yield* untilLines("one\ntwo\nthree\n")
        yield* publish(connectors.map(({ name }) => Connector.remove(name)))
      }).pipe(Effect.provide(connect)),
    300_000
  )

  it.live("reports a failed task with its trace, restarts it, and gives it up", () =>
    Effect.gen(function*() {
      const name = `fails-${process.pid}`
      const fails = Connector.make(name, FileStream.sink({ file: "/proc/nope/out.txt", topics: ["lines"] }))
      yield* publish([fails])
      const error = yield* Effect.flip(Connectors.settled(name, "60 seconds"))
      assert.match(error.message, /task 0 failed: org.apache.kafka.connect.errors.ConnectException: Couldn't find/)
      const seen = yield* Connectors.watch([fails], {
        every: "200 millis",
        restart: Schedule.spaced("200 millis").pipe(Schedule.upTo({ times: 2 }))
      }).pipe(
        Stream.takeUntil(({ health }) => health === "given-up"),
        Stream.runCollect,
        Effect.timeout("60 seconds")
      )
      const last = seen.at(-1)!
      assert.deepStrictEqual([last.health, last.restarts], ["given-up", 2])
      assert.match(last.problem!, /Couldn't find or create file '\/proc\/nope\/out.txt'.*; given up after 2 restarts/)
      yield* publish([Connector.remove(name)])
    }).pipe(Effect.provide(connect)), 180_000)

  it.live("reads a table with Debezium, and refuses a database that does not answer", () =>
    Effect.gen(function*() {
      const name = `shop${process.pid}`
      const output = `${server.files}/items.txt`
      const { host, port } = database
      const source = (port: number) =>
        Connector.make(
          name,
          Debezium.postgresSource({
            database: { hostname: host, port, name: "postgres", user: "postgres", password: Redacted.make(secret) },
            prefix: name,
            tables: ["public.items"],
            slot: name,
            publication: { name },
            topics: { partitions: 1, replication: 1 },
            transforms: [Debezium.flatten()],
            config: { "key.converter.schemas.enable": false, "value.converter.schemas.enable": false }
          })
        )
      const [refused] = (yield* Connectors.plan([source(1)])).entries
      assert.isNotEmpty(refused!.problems)
      assert.notInclude(JSON.stringify(refused), secret)
      const converters = {
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": false
      }
      const connectors = [
        source(port),
        Connector.make(
          `${name}-out`,
          FileStream.sink({ file: output, topics: [`${name}.public.items`], config: converters })
        )
      ]
      yield* publish(connectors)
      for (const connector of connectors) yield* Connectors.settled(connector.name, "120 seconds")
      const rows = yield* Effect.sync(() => existsSync(output) ? readFileSync(output, "utf8") : "").pipe(
        Effect.repeat({ until: (text) => text.split("\n").length > 2, schedule: Schedule.spaced("100 millis") }),
        Effect.timeout("60 seconds")
      )
      assert.include(rows, "bolt")
      assert.include(rows, "nut")
      const again = yield* Connectors.plan(connectors)
      assert.deepStrictEqual(again.entries.flatMap(({ changes }) => changes), [])
      assert.isTrue(Connectors.isUpToDate(again))
      yield* publish(connectors.map(({ name }) => Connector.remove(name)))
    }).pipe(Effect.provide(connect)), 300_000)

  it.live("publishes while another worker joins, and after it is gone", () =>
    Effect.gen(function*() {
      const name = (i: number) => `moves-${process.pid}-${i}`
      const sinks = (round: number) =>
        [0, 1, 2, 3].map((i) =>
          Connector.make(
            name(i),
            FileStream.sink({ file: `${server.files}/${name(i)}`, topics: ["lines"], config: { "my.round": round } })
          )
        )
      yield* publish(sinks(0))
      const joining = yield* Effect.forkChild(Effect.promise(() => server.join()))
      let round = 0
      while (joining.pollUnsafe() === undefined || round < 5) {
        const published = yield* publish(sinks(++round))
        assert.deepStrictEqual(published.map(({ error }) => error?.message), published.map(() => undefined))
      }
      const second = yield* Fiber.join(joining)
      const workers = Effect.map(
        Effect.forEach(sinks(0), (sink) => Connectors.settled(sink.name, "60 seconds"), { concurrency: "unbounded" }),
        (all) => new Set(all.flatMap(({ tasks }) => tasks.map(({ worker }) => worker)))
      )
      yield* Effect.repeat(workers, { until: ({ size }) => size === 2 }).pipe(Effect.timeout("60 seconds"))
      assert.isTrue(Connectors.isUpToDate(yield* Connectors.plan(sinks(round))))
      yield* Effect.promise(() => second.stop())
      yield* Effect.repeat(workers, { until: (all) => all.size === 1 && all.has(new URL(server.url).host) }).pipe(
        Effect.timeout("90 seconds")
      )
      const health = yield* Connectors.watch(sinks(0), { restart: "never" }).pipe(Stream.take(4), Stream.runCollect)
      assert.deepStrictEqual(health.map((each) => each.health), ["well", "well", "well", "well"])
      yield* publish(sinks(0).map((each) => Connector.remove(each.name)))
    }).pipe(Effect.provide(connect)), 300_000)

  /** The command with the config beside this file; all that it prints is searched for secrets at the end. */
  const name = `cli${process.pid}`
  let printed = ""
  const environment = (more: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries({
        URL: server.url,
        NAME: name,
        PORT: String(database.port),
        PASSWORD: secret,
        FILE: `${server.files}/cli.txt`,
        HEARTBEAT: "1 second",
        ...more
      }).map(([key, value]) => [`MILLRACE_TEST_CONNECT_${key}`, value])
    )
  const command = async (args: ReadonlyArray<string>, more: Readonly<Record<string, string>> = {}) => {
    const { code, err, out } = await millrace(["connect", ...args, "--config", config], { env: environment(more) })
    printed += out + err
    return { code, output: out + err }
  }

  it("is operated by the command", async () => {
    assert.include((await command(["plan"])).output, "2 to create, 0 to change, 0 to delete")
    assert.strictEqual((await command(["validate"])).code, 0)
    const wrong = await command(["validate"], { WRONG: "yes" })
    assert.strictEqual(wrong.code, 1)
    assert.match(wrong.output, /wrong: not valid\n {2}tasks.max: /)
    const broken = await command(["plan"], { HEARTBEAT: "soon" })
    assert.strictEqual(broken.code, 2)
    const published = await command(["publish", "--wait", "120s"])
    assert.include(published.output, `${name}.out: RUNNING, 1 tasks`)
    assert.strictEqual(published.code, 0)
    assert.strictEqual((await command(["plan", "--check"])).code, 0)
    assert.match((await command(["status"])).output, /items +RUNNING +1\/1 .* well/)
    const old = await command(["--list", "--validate", "--publish", "--check-status"])
    assert.strictEqual(old.code, 0)
    assert.include(old.output, `${name}.items: nothing to do`)
  }, 300_000)

  it("says to the command who is not reached, or refuses the password", async () => {
    const closed = await command(["plan"], { URL: "http://127.0.0.1:9", RETRIES: "0" })
    assert.strictEqual(closed.code, 1)
    assert.include(closed.output, "(http://127.0.0.1:9): Connect is not available (")
    const nowhere = await command(["status"], { URL: "http://nowhere.invalid:8083", RETRIES: "0" })
    assert.strictEqual(nowhere.code, 1)
    assert.match(nowhere.output, /getaddrinfo \w+ nowhere.invalid/)
    const guard = await startGuard(server.url, secret)
    const refused = await command(["plan"], { URL: guard.url, LOGIN: `${secret}-not` })
    assert.strictEqual(refused.code, 1)
    assert.include(refused.output, "Connect refused the request (status 401: User cannot access the resource.)")
    assert.strictEqual((await command(["plan", "--check"], { URL: guard.url, LOGIN: secret })).code, 0)
    await guard.stop()
    const database = await command(["validate"], { PASSWORD: `${secret}-not` })
    assert.strictEqual(database.code, 1)
    assert.match(database.output, /items: not valid\n.*password authentication failed/)
  }, 180_000)

  it("is watched by the command until a signal, while a change makes a task fail and the next one helps", async () => {
    const watching = start(["connect", "watch", "out", "--every", "200ms", "--restart", "--config", config], {
      env: environment({})
    })
    await watching.until(`${name}.out: well`)
    const failing = await command(["publish", "out", "--wait", "60s"], { FILE: "/proc/nope/out.txt" })
    // Right after the change the task of before still runs.
    assert.strictEqual(failing.code, 1)
    assert.include(failing.output, "task 0 failed: org.apache.kafka.connect.errors.ConnectException: Couldn't find")
    await watching.until(`${name}.out: failed: task 0 failed: org.apache.kafka.connect.errors.ConnectException`)
    assert.strictEqual((await command(["--check-status", "--connector", "out"])).code, 1)
    const helped = await command(["publish", "out", "--wait", "60s"])
    assert.deepStrictEqual([helped.code, helped.output.includes(`${name}.out: RUNNING, 1 tasks`)], [0, true])
    await watching.until(`${name}.out: well\n${name}.out: failed`)
    watching.child.kill("SIGINT")
    const { code, err, out } = await watching.ended
    printed += out + err
    assert.strictEqual(code, 0)
    assert.match(out, /; restart 1 in 10s\n/)
  }, 180_000)

  it("is left by the command, and none of what it printed has a secret", async () => {
    assert.strictEqual((await command(["publish", "--yes"], { REMOVED: "yes" })).code, 0)
    assert.notInclude((await command(["status"], { REMOVED: "yes" })).output, "FAILED")
    await command(["stop", "items"])
    assert.isAbove(printed.length, 1_000)
    assert.notInclude(printed, secret)
  }, 60_000)
})
