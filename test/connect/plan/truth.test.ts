/** A plan tells what will be done and what was left over, and shows nothing that is secret. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { ConnectError, Connector, Connectors, KafkaConnect } from "millrace/connect"

const file = "org.apache.kafka.connect.file.FileStreamSourceConnector"
const old = "hunter2-that-was"
const secret = "hunter2-of-a-planted-secret"

const orders = (config: Connector.Options["config"] = {}, rest: Partial<Connector.Options> = {}) =>
  Connector.make("orders", { plugin: file, config: { file: "/in.txt", topic: "orders", ...config }, ...rest })

/** A plugin with a setting that is secret by its type alone. */
const withPin = KafkaConnect.layerMemoryWith([
  { class: file, type: "source", settings: [{ name: "my.pin", type: "PASSWORD" }] }
])

const live = <A, E>(
  name: string,
  run: (connect: KafkaConnect.Connect) => Effect.Effect<A, E, KafkaConnect.Service>,
  layer: Layer.Layer<KafkaConnect.Service> = KafkaConnect.layerMemory
) => it.live(name, () => Effect.provide(Effect.flatMap(KafkaConnect.Service, run), layer))

const published = Effect.fnUntraced(function*(connectors: ReadonlyArray<Connector.Connector>, settings = {}) {
  return yield* Connectors.publish(yield* Connectors.plan(connectors, settings))
})

/** A Connect of which some operations are another's. */
const where = (connect: KafkaConnect.Connect, other: Partial<KafkaConnect.Connect>) =>
  Effect.provideService(KafkaConnect.Service, { ...connect, ...other })

const changes = ({ entries }: Connectors.Plan) =>
  entries.flatMap((entry) => entry.changes.map(({ from, key, kind, to }) => `${kind} ${key} ${from} ${to}`))

const steps = ({ entries }: Connectors.Plan) => entries.map((entry) => entry.steps.map(({ _tag }) => _tag).join(" "))

const unavailable = (problem: string) => ConnectError.make("test", new ConnectError.Unavailable({ problem }))

describe("a plan", () => {
  live("hides the old value of what is redacted or was, whatever its name", (connect) =>
    Effect.gen(function*() {
      yield* published([orders({ "my.own": Redacted.make(old) })])
      const changed = yield* Connectors.plan([orders({ "my.own": Redacted.make(secret) })])
      assert.deepStrictEqual(changes(changed), ["changed my.own <redacted> <redacted>"])
      const removed = yield* Connectors.plan([orders()])
      assert.deepStrictEqual(changes(removed), ["removed my.own <redacted> undefined"])
      const { config } = yield* connect.get("orders")
      assert.isTrue(Redacted.isRedacted(config["my.own"]))
      assert.notInclude(JSON.stringify([changed, removed, config]), "hunter2")
    }))

  live(
    "and its saved text hide what the plugin calls a password, and passwords that are plain texts",
    () =>
      Effect.gen(function*() {
        const plan = yield* Connectors.plan([orders({ "my.pin": secret, "db.password": `${secret}-too` })])
        assert.notInclude(JSON.stringify(plan), secret)
        assert.notInclude(yield* Connectors.save(plan), secret)
        yield* Connectors.publish(plan)
        assert.deepStrictEqual(changes(yield* Connectors.plan([orders({ "my.pin": secret })])), [
          "removed db.password <redacted> undefined"
        ])
      }),
    withPin
  )

  live("shows which reference a password is", () =>
    Effect.gen(function*() {
      yield* published([orders({ "my.pin": "${file:/a:pin}" })])
      assert.deepStrictEqual(changes(yield* Connectors.plan([orders({ "my.pin": "${file:/b:pin}" })])), [
        "changed my.pin ${file:/a:pin} ${file:/b:pin}"
      ])
    }), withPin)

  live("knows a hidden password that was given as a plain text", (connect) =>
    Effect.gen(function*() {
      yield* published([orders({ "db.password": "one" })])
      const hidden = where(connect, {
        connectors: Effect.map(connect.connectors, (all) =>
          all.map(({ info, status }) => ({
            info: { ...info, config: { ...info.config, "db.password": "••••" } },
            status
          })))
      })
      const changesOf = (password: string) =>
        Effect.map(hidden(Connectors.plan([orders({ "db.password": password })])), changes)
      assert.deepStrictEqual(yield* changesOf("one"), [])
      assert.deepStrictEqual(yield* changesOf("two"), ["changed db.password <redacted> <redacted>"])
    }))

  live("finishes the creation of a connector whose offsets could not be set", (connect) =>
    Effect.gen(function*() {
      const place = { partition: { filename: "/in.txt" }, offset: { position: 4 } }
      const declared = [orders({}, { offsets: [place] })]
      const [broken] = yield* published(declared).pipe(
        where(connect, { alterOffsets: () => Effect.fail(unavailable("cut")) })
      )
      assert.strictEqual(broken!.error?.reason._tag, "Unavailable")
      const plan = yield* Connectors.plan(declared)
      assert.deepStrictEqual(steps(plan), ["SetOffsets Resume"])
      yield* Connectors.publish(plan)
      assert.deepStrictEqual(yield* connect.offsets("orders"), [place])
      assert.strictEqual((yield* connect.status("orders")).state, "RUNNING")
      yield* connect.stop("orders")
      assert.deepStrictEqual(steps(yield* Connectors.plan(declared)), ["Resume"])
      yield* connect.alterOffsets("orders", [{ ...place, offset: { position: 9 } }])
      // It has moved, and somebody has stopped it.
      assert.deepStrictEqual(steps(yield* Connectors.plan(declared)), [""])
    }))

  live("changes nothing that is ignored", (connect) =>
    Effect.gen(function*() {
      yield* published([orders({ "tasks.max": 1 })])
      yield* connect.patch("orders", { "ops.tuned": "7", "batch.size": "9" })
      const settings = { ignore: ["ops.*", "batch.size"] }
      const declared = [orders({ file: "/other.txt", "batch.size": 100 })]
      const plan = yield* Connectors.plan(declared, settings)
      assert.deepStrictEqual(changes(plan), ["changed file /in.txt /other.txt"])
      yield* Connectors.publish(plan)
      const { config } = yield* connect.get("orders")
      assert.deepStrictEqual([config["file"], config["ops.tuned"], config["batch.size"]], ["/other.txt", "7", "9"])
      assert.isTrue(Connectors.isUpToDate(yield* Connectors.plan(declared, settings)))
    }))

  live("deletes no connectors of others: pruning needs a prefix", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Connectors.plan([orders()], { prune: true }))
      assert.match(error.message, /prune needs a prefix/)
    }))

  live("has a problem of one connector alone where its plugin cannot be asked", (connect) =>
    Effect.gen(function*() {
      const validate: KafkaConnect.Connect["validate"] = (config) =>
        config["name"] === "slow" ? Effect.fail(unavailable("no response within 1m")) : connect.validate(config)
      const slow = Connector.make("slow", { plugin: file, config: { topic: "t" } })
      const plan = yield* Connectors.plan([orders(), slow]).pipe(where(connect, { validate }))
      assert.deepStrictEqual(steps(plan), ["Create", ""])
      assert.match(plan.entries[1]!.problems[0]!.messages[0]!, /no response within 1m/)
    }))

  live(
    "knows what a plugin is by its short name, and the slots of connectors of others",
    (connect) =>
      Effect.gen(function*() {
        const short = Connector.make("short", {
          plugin: "FileStreamSource",
          config: { topic: "t", "errors.deadletterqueue.topic.name": "d", "topic.creation.default.partitions": 1 }
        })
        const rules = ({ entries }: Connectors.Plan) =>
          entries.flatMap(({ findings }) => findings.map(({ rule }) => rule))
        assert.deepStrictEqual(rules(yield* Connectors.plan([short])), ["dlq-on-source"])
        const plugin = "io.debezium.connector.postgresql.PostgresConnector"
        const config = {
          "database.hostname": "db",
          "database.dbname": "shop",
          "slot.name": "s",
          "heartbeat.interval.ms": 1,
          "topic.creation.default.partitions": 1
        }
        const there = { name: "theirs", type: "source", config: { ...config, "connector.class": plugin }, tasks: [] }
        const plan = yield* Connectors.plan([Connector.make("ours", { plugin, config })]).pipe(
          where(connect, { connectors: Effect.succeed([{ info: there as never, status: undefined }]) })
        )
        assert.deepStrictEqual(rules(plan), ["shared-slot"])
      })
  )
})

describe("publishing", () => {
  live(
    "counts a creation as done whose response was lost, or that another instance made",
    (connect) =>
      Effect.gen(function*() {
        const lost: KafkaConnect.Connect["create"] = (name, config, options) =>
          Effect.andThen(connect.create(name, config, options), Effect.fail(unavailable("no response")))
        const [first] = yield* published([orders()]).pipe(where(connect, { create: lost }))
        assert.deepStrictEqual([first!.error, first!.done.length], [undefined, 1])
        const late = Effect.succeed([])
        const [second] = yield* published([orders()]).pipe(where(connect, { connectors: late }))
        assert.strictEqual(second!.error, undefined)
      })
  )
})

describe("waiting for a connector", () => {
  const status = (state: string, task?: string) => ({
    name: "orders",
    type: "source",
    state,
    worker: "w",
    trace: undefined,
    tasks: task === undefined ? [] : [{ id: 0, state: task, worker: "w", trace: `Error: ${task} ${secret}` }]
  } as KafkaConnect.Status)

  /** Statuses one after the other; the last one stays. */
  const showing = (...all: ReadonlyArray<KafkaConnect.Status>): Partial<KafkaConnect.Connect> => {
    let at = 0
    return { status: () => Effect.sync(() => all[Math.min(at++, all.length - 1)]!) }
  }
  const running = status("RUNNING", "RUNNING")
  const failed = status("RUNNING", "FAILED")

  live("does not believe the state of before", (connect) =>
    Effect.gen(function*() {
      const settled = (statuses: ReadonlyArray<KafkaConnect.Status>, options: Connectors.SettleOptions = {}) =>
        Connectors.settled("orders", "20 seconds", { steadyFor: "300 millis", ...options }).pipe(
          where(connect, showing(...statuses)),
          Effect.match({ onFailure: ({ message }) => message, onSuccess: ({ state }) => state })
        )
      assert.strictEqual(yield* settled([failed, running]), "RUNNING")
      assert.match(yield* settled([running, failed]), /task 0 failed/)
      assert.strictEqual(yield* settled([status("STOPPED"), running], { state: "running" }), "RUNNING")
    }))

  live("shows no secret of the connector in a trace", (connect) =>
    Effect.gen(function*() {
      yield* published([orders({ "my.own": Redacted.make(secret) })])
      const error = yield* Effect.flip(
        Connectors.settled("orders", "0 seconds").pipe(where(connect, showing(failed)))
      )
      assert.match(error.message, /Error: FAILED <redacted>/)
    }))
})
