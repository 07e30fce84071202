import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import { Topic } from "millrace"
import { Change, ModelSync, SyncConnector } from "millrace/sql"

const topic = (name: string) => Topic.make(name, { key: Change.debezium, value: Change.debezium })

const options: SyncConnector.Options = {
  database: { hostname: "db", name: "shop", user: "u", password: Redacted.make("secret") },
  prefix: "shop",
  slot: "s",
  publication: { name: "pub" },
  topics: { partitions: 3, replication: 1 }
}

const configOf = (
  syncs: ReadonlyArray<ModelSync.ModelSync<any, any, any>>,
  more: Partial<SyncConnector.Options> = {}
) => SyncConnector.postgresSource(syncs, { ...options, ...more }).config

const envelope = Change.envelope()

describe("the connector of syncs", () => {
  it("reads their tables, with the keys by their real names and the modes of their formats", () => {
    const users = ModelSync.make(topic("shop.public.users"), {
      table: "app.customers",
      format: Change.envelope({ times: "microseconds", decimals: "precise", binaries: "hex" }),
      key: { id: "user_id", tenant: "tenant" }
    })
    const config = configOf([users])
    assert.deepStrictEqual(config["table.include.list"], ["public.users"])
    assert.strictEqual(config["message.key.columns"], "public.users:id,tenant")
    assert.strictEqual(config["time.precision.mode"], "microseconds")
    assert.strictEqual(config["decimal.handling.mode"], "precise")
    assert.strictEqual(config["binary.handling.mode"], "hex")
    assert.isUndefined(config["transforms"])
    assert.isUndefined(config["column.include.list"])
    // A format without a unit reads texts alone.
    const plain = configOf([ModelSync.make(topic("shop.public.users"), { table: "public.users", format: envelope })])
    assert.strictEqual(plain["time.precision.mode"], "isostring")
    assert.isUndefined(plain["message.key.columns"])
  })

  it("reads the columns that are stored, and those that are asked for", () => {
    const users = ModelSync.make(topic("shop.public.users"), {
      table: "public.users",
      format: envelope,
      fields: { exclude: ["password", "kafka_skip"] }
    })
    assert.deepStrictEqual(configOf([users], { columns: ["public.users.kafka_skip"] })["column.exclude.list"], [
      "public\\.users\\.password"
    ])
    const items = ModelSync.make(topic("shop.public.items"), {
      table: "public.items",
      format: envelope,
      key: ["id"],
      fields: { include: ["name"] },
      version: { column: "v", from: { field: "changed" } }
    })
    const include = configOf([users, items], {
      origin: { heartbeatTable: "public.beat" },
      signalTable: "public.signal"
    })["column.include.list"]
    assert.deepStrictEqual(include, [
      "public\\.users\\.(?!(?:password|kafka_skip)$).*",
      "public\\.items\\.id",
      "public\\.items\\.changed",
      "public\\.items\\.name",
      "public\\.beat\\..*",
      "public\\.signal\\..*"
    ])
    const matches = (column: string) =>
      (include as ReadonlyArray<string>).some((pattern) => new RegExp(`^(?:${pattern})$`).test(column))
    assert.deepStrictEqual(
      ["public.users.password", "public.users.password2", "public.users.id", "public.items.price"].map(matches),
      [false, true, true, false]
    )
    // What `row` reads is not known.
    const computed = ModelSync.make(topic("shop.public.users"), {
      table: "public.users",
      format: envelope,
      fields: { include: ["name"] },
      row: (row) => row
    })
    assert.isUndefined(configOf([computed])["column.include.list"])
  })

  it("merges tables into topics with other names, and flattens where the format is flat", () => {
    const all = ModelSync.make(topic("everybody"), {
      table: "public.users",
      format: Change.flattened(),
      tables: { "public.eu": "public.eu", "public.us": "public.us" }
    })
    const config = configOf([all])
    assert.deepStrictEqual(config["table.include.list"], ["public.eu", "public.us"])
    assert.deepStrictEqual(config["transforms"], ["merge", "flatten"])
    assert.strictEqual(config["transforms.merge.topic.regex"], "shop\\.public\\.eu|shop\\.public\\.us")
    assert.strictEqual(config["transforms.merge.topic.replacement"], "everybody")
    assert.strictEqual(config["transforms.merge.key.enforce.uniqueness"], true)
    assert.include(config["transforms.flatten.add.fields"] as ReadonlyArray<string>, "origin")
    // The null behind a deletion says its origin in a header alone.
    assert.deepStrictEqual(config["transforms.flatten.add.headers"], ["origin"])
    const one = ModelSync.make(topic("users"), { table: "public.users", format: envelope })
    assert.strictEqual(configOf([one])["transforms.merge.key.enforce.uniqueness"], false)
  })

  it("writes what the formats read and the settings act on", () => {
    const made = (name: string, format: Change.Format, more: Partial<ModelSync.TableSettings> = {}) =>
      ModelSync.make(topic(name), { table: "public.users", format, ...more })
    const usual = configOf([made("shop.public.users", envelope)])
    assert.strictEqual(usual["interval.handling.mode"], "string")
    assert.isUndefined(usual["include.unknown.datatypes"])
    assert.isUndefined(usual["skipped.operations"])
    const all = Change.envelope({ unknownTypes: true, placeholder: "same" })
    const config = configOf([made("shop.public.users", all, { truncates: "apply" })])
    assert.strictEqual(config["include.unknown.datatypes"], "true")
    assert.strictEqual(config["unavailable.value.placeholder"], "same")
    assert.strictEqual(config["skipped.operations"], "none")
    const flat = configOf([made("users", Change.flattened({ prefix: "_", tableField: "source" }))])
    assert.strictEqual(flat["transforms.merge.key.field.name"], "source")
    assert.strictEqual(flat["transforms.flatten.add.fields.prefix"], "_")
    assert.strictEqual(flat["transforms.flatten.add.headers.prefix"], "_")
    assert.throws(
      () => configOf([made("shop.public.a", all), made("shop.public.b", Change.envelope({ placeholder: "same" }))]),
      /differ in "unknownTypes"/
    )
  })

  it("names tables as patterns, and topics as Debezium does", () => {
    const odd = ModelSync.make(topic("odd"), {
      table: "public.odd",
      format: envelope,
      key: ["id"],
      tables: { "public.user$data": "public.odd" }
    })
    const config = configOf([odd])
    assert.deepStrictEqual(config["table.include.list"], ["public\\.user\\$data"])
    assert.strictEqual(config["message.key.columns"], "public\\.user\\$data:id")
    assert.strictEqual(config["transforms.merge.topic.regex"], "shop\\.public\\.user_data")
  })

  it("does not see what syncs wrote, and beats for its slot", () => {
    const users = ModelSync.make(topic("shop.public.users"), { table: "public.users", format: envelope })
    const config = configOf([users], { origin: { heartbeatTable: "public.beat" } })
    assert.deepStrictEqual(config["table.include.list"], ["public.users", "public.beat"])
    assert.strictEqual(config["slot.stream.params"], "origin=none")
    assert.match(String(config["heartbeat.action.query"]), /^INSERT INTO "public"."beat" .* ON CONFLICT/)
  })

  it("refuses syncs that one connector cannot feed, and options that it does not have", () => {
    const users = ModelSync.make(topic("shop.public.users"), { table: "public.users", format: envelope })
    const made = (name: string, format: Change.Format) =>
      ModelSync.make(topic(`shop.public.${name}`), { table: `public.${name}`, format })
    const refused = (syncs: Parameters<typeof configOf>[0], words: RegExp) =>
      assert.throws(() => configOf(syncs), words)
    refused([], /at least one sync/)
    refused([made("a", Change.plain)], /records of a program/)
    refused([users, made("a", Change.envelope({ decimals: "precise" }))], /differ in "decimals"/)
    refused([users, made("a", Change.flattened())], /of two forms/)
    refused([users, users], /two syncs read table public\.users/)
    refused([ModelSync.make(topic("other.public.a"), { table: "public.a", format: envelope })], /another prefix/)
    assert.throws(() => configOf([users], { columns: ["password"] }), /columns: "password" is of none of the tables/)
    for (const heartbeat of [false, { every: "1 second", query: "SELECT 1" }] as const) {
      const origin = { heartbeatTable: "public.beat" }
      assert.throws(() => configOf([users], { origin, heartbeat }), /heartbeat: with `origin` .* give `every` alone/)
    }
    for (const none of [undefined, users, [undefined], [topic("a")]]) {
      assert.throws(() => configOf(none as never), /SyncConnector\.postgresSource: it takes an array of syncs/)
    }
    assert.throws(() => configOf([users], { slott: "a" } as {}), /did you mean "slot"/)
    assert.throws(() => configOf([users], { origin: {} as never }), /origin: .* is not \{ heartbeatTable \}/)
  })
})
