/** What callers without types hand in. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { defineConfig } from "millrace/cli"
import { Connector, Connectors, Debezium, FileStream } from "millrace/connect"
import { render } from "../../src/connect/config/render.ts"

const make = (name: string, options: object = {}) =>
  Connector.make(name, { plugin: "com.example.A", config: {}, ...options } as Connector.Options)

const messageOf = (run: () => unknown): string => {
  try {
    run()
    return "nothing was thrown"
  } catch (error) {
    return (error as Error).message
  }
}

describe("what is handed in without types", () => {
  it("is no name that Connect would change or a path cannot have", () => {
    for (const name of ["orders ", " orders", "..", ".", "a/b", "a\nb", "\ud800", "", 7 as never]) {
      assert.match(messageOf(() => make(name)), /a connector has a name without/)
    }
    for (const name of ["a b", "ü", "a..b", "a%2F?#"]) assert.strictEqual(make(name).name, name)
    for (const prefix of [" shop.", "a/", "\n"]) {
      assert.match(messageOf(() => Connectors.plan([], { prefix })), /prefix: .* is not the beginning of names/)
    }
  })

  it("is no offset without its parts", () => {
    for (const wrong of [{}, { partition: {} }, { partition: "p", offset: {} }, { partition: {}, offset: 3 }, null]) {
      assert.match(messageOf(() => make("a", { offsets: [wrong] })), /offsets: an array is not a list of \{ partition/)
    }
  })

  it("is no connector, such as a copy of one", () => {
    const copy = { ...make("a"), state: "paused" as const }
    for (const wrong of [[copy], make("a"), [undefined], "a"]) {
      const given = wrong as ReadonlyArray<Connector.Connector>
      for (
        const run of [
          () => Connectors.plan(given),
          () => Connectors.watch(given),
          () => Connectors.layer(given),
          () => defineConfig({ connectors: given } as never)
        ]
      ) {
        assert.match(messageOf(run), /is no connector; make it with Connector.make|is not an array of connectors/)
      }
    }
  })

  it("is no option that is misspelt or of a wrong type", () => {
    const plan = { kafkaClusterId: "c", entries: [] }
    const wrongs: ReadonlyArray<readonly [() => unknown, RegExp]> = [
      [() => Connectors.publish(plan, { ignoreFailure: true } as never), /did you mean "ignoreFailures"/],
      [() => Connectors.settled("a", NaN), /within: NaN is not a duration/],
      [() => Connectors.settled("a", 1, { state: "RUNNING" as never }), /state: "RUNNING" is not "running"/],
      [() => Connectors.watch([], { every: 0 }), /every: 0 is not a duration of at least 1 millisecond/],
      [() => Debezium.flatten({ addField: [] } as never), /Debezium.flatten: .*did you mean "addFields"/],
      [() => Debezium.reroute({ to: "x" } as never), /Debezium.reroute: topics: it is missing/],
      [
        () => FileStream.sink({ file: "/x", topics: "orders" as never }),
        /topics: "orders" is not an array of at least one text/
      ],
      // No table at all would be every table.
      [() => Debezium.postgresSource({ tables: [] } as never), /tables: an array is not an array of at least one text/],
      [() => make("a", { config: { "file ": "/x" } }), /the setting "file " is empty, or has spaces around it/],
      [
        () => FileStream.source({ file: "/x", topic: "t", topics: { partitions: 0, replication: 1 } }),
        /topics.partitions: 0 is not a whole number of at least 1/
      ]
    ]
    for (const [run, words] of wrongs) assert.match(messageOf(run), words)
  })

  it.effect("is no value that would be left out, or become a text that nobody means", () =>
    Effect.gen(function*() {
      const problem = (value: unknown) =>
        Effect.map(Effect.flip(render(make("a", { config: { x: value } }))), ({ message }) => message)
      assert.match(
        yield* problem(Redacted.make(undefined)),
        /what is Redacted is a text, and this is of type undefined/
      )
      assert.match(yield* problem(Redacted.make(5)), /what is Redacted is a text/)
      assert.match(yield* problem([1, NaN]), /a list has texts and finite numbers, and this one has NaN/)
      assert.match(yield* problem(["a", null]), /a list has texts and finite numbers/)
      assert.match(yield* problem(Infinity), /no number for Connect/)
      assert.match(yield* problem(Promise.resolve("x")), /an object is no value/)
    }))
})
