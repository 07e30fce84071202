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
import { millrace } from "../cli/millrace.ts"
import { startConnect } from "../services/connect.ts"
import type { ConnectServer } from "../services/connect.ts"
import { debeziumPlugins } from "../services/debezium.ts"
import { sharedKafka } from "../services/env.ts"
import { startPostgres } from "../services/postgres.ts"
import type { PostgresServer } from "../services/postgres.ts"
import { connectSuite } from "./connectSuite.ts"

const config = fileURLToPath(new URL("real.config.ts", import.meta.url))

let server: ConnectServer
let database: PostgresServer
beforeAll(async () => {
  const [plugins, postgres] = await Promise.all([
    debeziumPlugins(),
    startPostgres(
      "CREATE TABLE items (id int PRIMARY KEY, name text)\nINSERT INTO items VALUES (1, 'bolt'), (2, 'nut')\n"
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
            database: { hostname: host, port, name: "postgres", user: "postgres", password: Redacted.make("hunter2") },
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
      assert.notInclude(JSON.stringify(refused), "hunter2")
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

  it("is operated by the command", async () => {
    const name = `cli${process.pid}`
    const secret = "hunter2-of-a-planted-secret"
    const settings = {
      URL: server.url,
      NAME: name,
      PORT: String(database.port),
      PASSWORD: secret,
      FILE: `${server.files}/cli.txt`,
      HEARTBEAT: "1 second"
    }
    let printed = ""
    const command = async (args: ReadonlyArray<string>, more: Readonly<Record<string, string>> = {}) => {
      const env = Object.fromEntries(
        Object.entries({ ...settings, ...more }).map(([key, value]) => [`MILLRACE_TEST_CONNECT_${key}`, value])
      )
      const { code, err, out } = await millrace(["connect", ...args, "--config", config], { env })
      printed += out + err
      return { code, output: out + err }
    }
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
    assert.strictEqual((await command(["publish", "--yes"], { REMOVED: "yes" })).code, 0)
    assert.notInclude((await command(["status"], { REMOVED: "yes" })).output, "FAILED")
    assert.notInclude(printed, secret)
    await command(["stop", "items"])
  }, 300_000)
})
