import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { Connector, Connectors, KafkaConnect } from "millrace/connect"

const file = "org.apache.kafka.connect.file.FileStreamSourceConnector"
const sink = "org.apache.kafka.connect.file.FileStreamSinkConnector"

const orders = (config: Connector.Options["config"] = {}, rest: Partial<Connector.Options> = {}) =>
  Connector.make("orders", { plugin: file, config: { file: "/in.txt", topic: "orders", ...config }, ...rest })

/** The plan's steps and changes, in short. */
const short = ({ entries }: Connectors.Plan) =>
  entries.map(({ changes, name, problems, steps }) => [
    name,
    steps.map((step) => step._tag).join(" "),
    changes.map(({ from, key, kind, to }) => `${kind} ${key} ${from} ${to}`),
    problems.map(({ key }) => key)
  ])

const published = Effect.fnUntraced(function*(connectors: ReadonlyArray<Connector.Connector>, settings = {}) {
  return yield* Connectors.publish(yield* Connectors.plan(connectors, settings))
})

const live = <A, E>(
  name: string,
  run: () => Effect.Effect<A, E, KafkaConnect.Service>,
  layer: Layer.Layer<KafkaConnect.Service> = KafkaConnect.layerMemory
) => it.live(name, () => Effect.provide(run(), layer))

/** A distribution that hides secrets and adds settings, before a Connect in memory. */
const distribution = Layer.effect(
  KafkaConnect.Service,
  Effect.map(KafkaConnect.Service, (connect) => ({
    ...connect,
    connectors: Effect.map(connect.connectors, (all) =>
      all.map(({ info, status }) => ({
        status,
        info: {
          ...info,
          config: {
            ...Object.fromEntries(
              Object.entries(info.config).map(([key, value]) => [key, key.endsWith("password") ? "••••••" : value])
            ),
            "__internal.config.version": "3",
            "cloud.zone": "b"
          }
        }
      })))
  }))
).pipe(Layer.provide(KafkaConnect.layerMemory))

describe("a plan", () => {
  live("is empty once it was published", () =>
    Effect.gen(function*() {
      const connectors = [orders(), Connector.make("out", { plugin: sink, config: { topics: ["orders", "items"] } })]
      assert.deepStrictEqual(short(yield* Connectors.plan(connectors)).map(([, steps]) => steps), ["Create", "Create"])
      assert.deepStrictEqual((yield* published(connectors)).map(({ error }) => error), [undefined, undefined])
      const again = yield* Connectors.plan(connectors)
      assert.isTrue(Connectors.isUpToDate(again))
      assert.deepStrictEqual(again.entries.flatMap(({ changes }) => changes), [])
    }))

  live("knows the spellings of one value, and defaults", () =>
    Effect.gen(function*() {
      yield* published([orders({ "batch.size": "0100", "errors.log.enable": "TRUE", transforms: "a , b" })])
      const same = orders({ "batch.size": 100, "errors.log.enable": true, transforms: ["a", "b"], "tasks.max": 1 })
      assert.deepStrictEqual(short(yield* Connectors.plan([same])), [["orders", "", [], []]])
      const short_ = Connector.make("orders", { plugin: "FileStreamSource", config: { ...same.config } })
      assert.isTrue(Connectors.isUpToDate(yield* Connectors.plan([short_])))
    }))

  live("says what is added, changed and removed", () =>
    Effect.gen(function*() {
      yield* published([orders({ "batch.size": 7, "my.own": "x" })])
      const next = orders({ topic: "other", transforms: "a" })
      assert.deepStrictEqual(short(yield* Connectors.plan([next])), [["orders", "Update", [
        "removed batch.size 7 undefined",
        "removed my.own x undefined",
        "changed topic orders other",
        "added transforms undefined a"
      ], []]])
    }))

  live("deletes what is marked, once", () =>
    Effect.gen(function*() {
      yield* published([orders()])
      const { config, plugin } = orders()
      const next = [Connector.remove("orders"), Connector.make("new", { plugin, config })]
      assert.deepStrictEqual((yield* published(next)).map(({ done }) => done.map(({ _tag }) => _tag)), [
        ["Delete"],
        ["Create"]
      ])
      const connect = yield* KafkaConnect.Service
      assert.deepStrictEqual((yield* connect.connectors).map(({ info }) => info.name), ["new"])
      assert.isTrue(Connectors.isUpToDate(yield* Connectors.plan(next)))
    }))

  live("creates stopped, sets offsets, and then lets it go on", () =>
    Effect.gen(function*() {
      const offsets = [{ partition: { filename: "/in.txt" }, offset: { position: 4 } }]
      const [entry] = (yield* Connectors.plan([orders({}, { offsets })])).entries
      assert.deepStrictEqual(entry!.steps.map(({ _tag }) => _tag), ["Create", "SetOffsets", "Resume"])
      yield* published([orders({}, { offsets })])
      const connect = yield* KafkaConnect.Service
      assert.deepStrictEqual(yield* connect.offsets("orders"), offsets)
      assert.strictEqual((yield* connect.status("orders")).state, "RUNNING")
      // Offsets move: they are no difference later.
      assert.isTrue(Connectors.isUpToDate(yield* Connectors.plan([orders({}, { offsets: [] })])))
    }))

  live("moves states, and leaves them alone where none is declared", () =>
    Effect.gen(function*() {
      const connect = yield* KafkaConnect.Service
      yield* published([orders({}, { state: "paused" })])
      assert.strictEqual((yield* connect.status("orders")).state, "PAUSED")
      assert.isTrue(Connectors.isUpToDate(yield* Connectors.plan([orders()])))
      yield* published([orders({}, { state: "stopped" })])
      assert.strictEqual((yield* connect.status("orders")).state, "STOPPED")
      yield* published([orders({}, { state: "running" })])
      assert.strictEqual((yield* connect.status("orders")).state, "RUNNING")
    }))

  live("deletes what is not declared, within its prefix, if that is wanted", () =>
    Effect.gen(function*() {
      const { config, plugin } = orders()
      yield* published([orders(), Connector.make("old", { plugin, config })], { prefix: "eu." })
      yield* published([orders()], { prefix: "us." })
      const plan = yield* Connectors.plan([orders()], { prefix: "eu.", prune: true })
      assert.deepStrictEqual(short(plan).map(([name, steps]) => `${name} ${steps}`), ["eu.orders ", "eu.old Delete"])
    }))

  live("puts a prefix before all names", () =>
    Effect.gen(function*() {
      yield* published([orders()], { prefix: "eu." })
      const connect = yield* KafkaConnect.Service
      assert.deepStrictEqual((yield* connect.connectors).map(({ info }) => info.name), ["eu.orders"])
      assert.isTrue(Connectors.isUpToDate(yield* Connectors.plan([orders()], { prefix: "eu." })))
    }))

  live(
    "tells what a plugin refuses, and publishes nothing then, or the others if that is wanted",
    () =>
      Effect.gen(function*() {
        const connect = yield* KafkaConnect.Service
        const wrong = Connector.make("wrong", { plugin: file, config: { "tasks.max": "zero" } })
        const unknown = Connector.make("unknown", { plugin: "a.FileStreamSurce", config: {} })
        const plan = yield* Connectors.plan([orders(), wrong, unknown])
        assert.deepStrictEqual(short(plan).map(([, steps, , problems]) => [steps, problems]), [
          ["Create", []],
          ["", ["tasks.max", "topic"]],
          ["", ["connector.class"]]
        ])
        assert.match(plan.entries[2]!.problems[0]!.messages[0]!, /they have .*FileStreamSourceConnector/)
        const first = yield* Connectors.publish(plan)
        assert.deepStrictEqual(first.map(({ error }) => error?.reason._tag), [
          undefined,
          "InvalidConfig",
          "InvalidConfig"
        ])
        assert.deepStrictEqual(yield* connect.connectors, [])
        yield* Connectors.publish(plan, { ignoreFailures: true })
        assert.deepStrictEqual((yield* connect.connectors).map(({ info }) => info.name), ["orders"])
      })
  )

  live("refuses two connectors of one name", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Connectors.plan([orders(), Connector.remove("orders")], { prefix: "eu." }))
      assert.match(error.message, /two connectors are called "eu.orders"/)
    }))

  live("reads values of the environment, and names what is missing", () =>
    Effect.gen(function*() {
      const declared = [orders({ file: Config.String("IN_FILE"), password: Config.Redacted("IN_PASSWORD") })]
      const with_ = (env: Record<string, string>) =>
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(env))
      const error = yield* Connectors.plan(declared).pipe(with_({ IN_FILE: "/x" }), Effect.flip)
      assert.match(error.message, /connector "orders", setting password: .*IN_PASSWORD/)
      const plan = yield* Connectors.plan(declared).pipe(with_({ IN_FILE: "/x", IN_PASSWORD: "hunter2" }))
      assert.notInclude(JSON.stringify(plan), "hunter2")
      const [step] = plan.entries[0]!.steps
      assert.strictEqual(step?._tag === "Create" ? step.config["file"] : undefined, "/x")
    }))
})

describe("a plan that was saved", () => {
  const secret = (value: string) => orders({ "db.password": Redacted.make(value) })
  const saved = (connectors: ReadonlyArray<Connector.Connector>) =>
    Effect.flatMap(Connectors.plan(connectors), Connectors.save)

  live("is carried out if nothing has changed", () =>
    Effect.gen(function*() {
      const text = yield* saved([secret("hunter2")])
      assert.notInclude(text, "hunter2")
      const plan = yield* Connectors.restore(text, [secret("hunter2")])
      assert.deepStrictEqual((yield* Connectors.publish(plan)).map(({ done }) => done.length), [1])
    }))

  live("is refused if the cluster or what is declared has changed, or it was edited", () =>
    Effect.gen(function*() {
      const text = yield* saved([secret("one")])
      const problem = (text: string, connectors: ReadonlyArray<Connector.Connector>) =>
        Effect.map(Effect.flip(Connectors.restore(text, connectors)), ({ message }) => message)
      assert.match(yield* problem(text, [secret("two")]), /something else is to be done now for "orders"/)
      assert.match(yield* problem(text.replace("/in.txt", "/etc/passwd"), [secret("one")]), /the file was edited/)
      assert.match(yield* problem("{", [secret("one")]), /no JSON/)
      assert.match(yield* problem("{}", [secret("one")]), /no plan of this version/)
      yield* published([secret("one")])
      assert.match(yield* problem(text, [secret("one")]), /something else is to be done now for "orders"/)
    }))
})

describe("a plan for a distribution that hides secrets and adds settings", () => {
  const settings = { ignore: ["cloud.*"] }
  const secret = (value: string) => orders({ "db.password": Redacted.make(value), "db.user": "${file:/s:user}" })

  live("shows no drift where there is none, and a secret that changed", () =>
    Effect.gen(function*() {
      yield* published([secret("one")], settings)
      assert.deepStrictEqual(short(yield* Connectors.plan([secret("one")], settings)), [["orders", "", [], []]])
      const plan = yield* Connectors.plan([secret("two")], settings)
      assert.deepStrictEqual(short(plan), [
        ["orders", "Update", ["changed db.password <redacted> <redacted>"], []]
      ])
      yield* Connectors.publish(plan)
      assert.isTrue(Connectors.isUpToDate(yield* Connectors.plan([secret("two")], settings)))
    }), distribution)

  live(
    "says that it does not know where nothing is remembered, and sends it if that is wanted",
    () =>
      Effect.gen(function*() {
        yield* published([secret("one")], { ...settings, remember: false })
        const plan = yield* Connectors.plan([secret("one")], settings)
        assert.deepStrictEqual(short(plan), [["orders", "", ["unknown db.password <redacted> <redacted>"], []]])
        assert.isTrue(Connectors.isUpToDate(plan))
        yield* published([secret("one")], { ...settings, sendUnknown: true })
        assert.deepStrictEqual(short(yield* Connectors.plan([secret("one")], settings)), [["orders", "", [], []]])
      }),
    distribution
  )
})
