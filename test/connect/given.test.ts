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

  it("is no name of a setting that would be lost, or is Millrace's own", () => {
    for (const key of ["__proto__", "millrace.applied", "name", "connector.class", ""]) {
      const config = Object.fromEntries([[key, "v"]])
      assert.match(messageOf(() => make("a", { config })), /^connector "a", config: /)
    }
    for (const key of ["a=b", "a;b", "a b", "a\nb", "transforms.x-1.type"]) {
      assert.strictEqual(messageOf(() => make("a", { config: { [key]: "v" } })), "nothing was thrown")
    }
  })

  it.effect("is no list whose items Connect would take for others", () =>
    Effect.gen(function*() {
      const error = (items: ReadonlyArray<unknown>) =>
        Effect.map(Effect.flip(render(make("a", { config: { topics: items } }))), String)
      assert.include(yield* error(["a,b"]), "\"a,b\" is no item of a list, in which commas are between items")
      assert.include(yield* error(["a", ""]), "\"\" is no item of a list")
      const { tables } = yield* render(make("a", { config: { tables: ["public.a{1\\,2}", "public.b", 3] } }))
      assert.strictEqual(tables, "public.a{1\\,2},public.b,3")
    }))

  it("is nothing that Debezium would read as something else, and no text that is none or empty", () => {
    const source = {
      database: { hostname: "h", name: "d", user: "u", password: "" },
      ...{ prefix: "p", tables: ["public.a"], slot: "s", publication: { name: "p" } },
      topics: { partitions: 1, replication: 1 }
    }
    const sink = { url: "jdbc:x", user: "u", password: Redacted.make("p"), topics: ["t"] }
    const wrongs: ReadonlyArray<readonly [() => unknown, string]> = [
      ...[{ "a;b": ["c"] }, { "a:b": ["c"] }, { a: ["b,c"] }, { a: ["b;c"] }, { "": ["c"] }].map((keyColumns) =>
        [() => Debezium.postgresSource({ ...source, keyColumns }), "keyColumns"] as const
      ),
      ...[{ a: "b;c=d" }, { a: "b=c" }, { "a=b": "c" }, { "": "c" }].map((slotParams) =>
        [() => Debezium.postgresSource({ ...source, slotParams }), "slotParams"] as const
      ),
      ...(["prefix", "slot"] as const).map((name) =>
        [() => Debezium.postgresSource({ ...source, [name]: "" }), name] as const
      ),
      [
        () => Debezium.postgresSource({ ...source, database: { ...source.database, hostname: 5 } }),
        "database.hostname"
      ],
      ...(["url", "user", "password"] as const).map((name) =>
        [() => Debezium.jdbcSink({ ...sink, [name]: 5 }), name] as const
      ),
      [() => Debezium.jdbcSink({ ...sink, url: "" }), "url"],
      [() => Debezium.jdbcSink({ ...sink, table: "" }), "table"],
      [() => FileStream.sink({ file: "", topics: ["t"] }), "file"]
    ]
    for (const [run, field] of wrongs) assert.include(messageOf(run), ` ${field}: `)
    const { config } = Debezium.postgresSource({ ...source, slotParams: { origin: "none", other: undefined } })
    assert.strictEqual(config["slot.stream.params"], "origin=none")
    assert.strictEqual(messageOf(() => Debezium.jdbcSink({ ...sink, password: "" })), "nothing was thrown")
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
      [() => Connectors.publish(undefined as never), /Connectors.publish: undefined is no plan/],
      [() => Connectors.save({} as never), /Connectors.save: an object is no plan/],
      [() => Connectors.isUpToDate([] as never), /Connectors.isUpToDate: an array is no plan/],
      [() => Connectors.restore(plan as never, []), /Connectors.restore: an object is not the text of a saved plan/],
      [() => Connectors.settled(undefined as never, 1), /Connectors.settled: undefined is no name of a connector/],
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
