/** A planted secret is in no text that leaves the program: lines of the log, spans, errors, plans, what is returned. */
import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import * as Tracer from "effect/Tracer"
import { Connector, Connectors, KafkaConnect } from "millrace/connect"
import { inspect } from "node:util"

const secret = "hunter2-of-a-planted-secret"

/** A plugin that quotes all of its settings, in what it refuses and in its traces. */
const talkative = KafkaConnect.layerMemoryWith([{
  class: "com.example.Talk",
  type: "sink",
  settings: [{ name: "my.pin", type: "PASSWORD" }, { name: "size", type: "INT" }],
  fails: (config) => `java.lang.Error: ${Object.values(config).join(" ")}\n\tat com.example.Talk.put(Talk.java:7)`
}])

const talk = (config: Connector.Options["config"] = {}) =>
  Connector.make("talk", {
    plugin: "com.example.Talk",
    config: {
      topics: "orders",
      "my.own": Redacted.make(secret),
      "my.pin": secret,
      "db.password": Config.Redacted("DB_PASSWORD"),
      "db.url": `jdbc:postgresql://db/shop?user=u&password=${secret}`,
      ...config
    }
  })

describe("a planted secret", () => {
  it.effect("is in no text", () =>
    Effect.gen(function*() {
      const texts: Array<string> = []
      const keep = (...values: ReadonlyArray<unknown>) => {
        for (const value of values) {
          texts.push(JSON.stringify(value) ?? "", String(value), inspect(value, { depth: Infinity, showHidden: true }))
        }
      }
      const logger = Logger.make((options) => {
        keep(options.message, options.cause)
        texts.push(Logger.formatJson.log(options), Logger.formatLogFmt.log(options))
      })
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          keep(span.name, options)
          return span
        }
      })
      yield* Effect.gen(function*() {
        const connect = yield* KafkaConnect.Service
        const watcher = yield* Connectors.Watcher
        yield* TestClock.adjust("1 hour")
        const seen = yield* watcher.current
        assert.strictEqual(seen.get("talk")?.health, "given-up")
        assert.include(seen.get("talk")!.problem!, "<redacted>")
        const plan = yield* Connectors.plan([talk({ size: 7, "my.own": Redacted.make(`${secret}-2`) })])
        const all = yield* connect.connectors
        keep(talk(), [...seen], plan, yield* Connectors.save(plan), all, yield* connect.get("talk"))
        keep(yield* Connectors.publish(plan), yield* connect.status("talk"))
        const wrong = talk({ size: Redacted.make(secret) })
        keep(yield* Connectors.plan([wrong]))
        keep(yield* Connectors.publish(yield* Connectors.plan([wrong]), { ignoreFailures: true }))
        keep(
          yield* Effect.flip(
            connect.update("talk", { "connector.class": "com.example.Talk", size: Redacted.make(secret) })
          )
        )
        keep(yield* Effect.flip(Connectors.settled("talk", "0 seconds")))
        keep(yield* Effect.flip(Connectors.plan([talk({ "db.user": Config.Int("DB_PASSWORD") })])))
        keep(yield* Metric.snapshot)
      }).pipe(
        Effect.provide(
          Connectors.layer([talk()], { publish: true }).pipe(
            Layer.provideMerge(Layer.merge(talkative, Logger.layer([logger])))
          )
        ),
        Effect.withTracer(tracer),
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ DB_PASSWORD: secret }))
      )
      assert.isAbove(texts.length, 50)
      assert.isTrue(texts.some((text) => text.includes("connector talk is given-up")))
      for (const text of texts) assert.notInclude(text, secret)
    }))
})
