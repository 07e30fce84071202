/** Whatever settings are published, the next plan has nothing to do. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Connector, Connectors, KafkaConnect } from "millrace/connect"

const odd = ["tasks.max", "batch.size", "db.password", "transforms", "errors.log.enable", "toString", "constructor"]
const Key = Schema.Union([Schema.String, Schema.Literals(odd)])
const Text = Schema.Union([
  Schema.String,
  Schema.Literals(["${file:/secrets:key}", " spaces ", "a , b", "••••", "TRUE", "", "07"])
])
const Value = Schema.Union([
  Text,
  Schema.Finite,
  Schema.Boolean,
  Schema.Array(Schema.Union([Schema.String, Schema.Int])),
  Schema.Struct({ secret: Text })
])

const taken = ["", "name", "connector.class", "topic", "__proto__"]

/** Without the items that Connect would take for others, which are refused. */
const settingOf = (value: typeof Value.Type) =>
  typeof value !== "object"
    ? value
    : "secret" in value
    ? Redacted.make(value.secret)
    : value.filter((item) => typeof item === "number" || item.trim() !== "" && !item.includes(","))

const declared = (entries: ReadonlyArray<readonly [string, typeof Value.Type]>) =>
  Connector.make("orders", {
    plugin: "org.apache.kafka.connect.file.FileStreamSourceConnector",
    config: {
      ...Object.fromEntries(
        entries.map(([key, value]) => [key.trim(), settingOf(value)] as const)
          .filter(([key]) => !taken.includes(key))
      ),
      topic: "orders"
    }
  })

describe("any settings", () => {
  it.effect.prop(
    "are as declared once they were published, and a saved plan of them is refused then",
    [Schema.Array(Schema.Tuple([Key, Value]))],
    ([entries]) =>
      Effect.gen(function*() {
        const connectors = [declared(entries.slice(0, 6))]
        const first = yield* Connectors.plan(connectors)
        // Values of a wrong type are another matter.
        if (first.entries[0]!.problems.length > 0) return
        const text = yield* Connectors.save(first)
        yield* Connectors.restore(text, connectors)
        const [published] = yield* Connectors.publish(first)
        assert.strictEqual(published!.error, undefined)
        const again = yield* Connectors.plan(connectors)
        assert.deepStrictEqual(again.entries[0]!.changes, [])
        assert.isTrue(Connectors.isUpToDate(again))
        assert.strictEqual((yield* Effect.flip(Connectors.restore(text, connectors))).reason._tag, "StalePlan")
      }).pipe(Effect.provide(KafkaConnect.layerMemory)),
    { arbitrary: { runs: 40 } }
  )
})
