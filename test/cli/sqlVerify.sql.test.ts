import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Operator } from "../../src/cli/confirm.ts"
import { source, target } from "./fixtures/syncs.config.ts"
import { sqlCommand } from "./sqlCommand.ts"

const sql = sqlCommand("syncs")

const run = (layer: typeof source, ...statements: ReadonlyArray<string>) =>
  Effect.provide(
    Effect.flatMap(SqlClient, (client) => Effect.forEach(statements, (text) => client.unsafe(text), { discard: true })),
    layer
  )

const table = "(id int PRIMARY KEY, name text)"
const noOne = Effect.provideService(Operator, { isThere: () => false, ask: () => Effect.undefined })

/** Two databases, so one story: each step stands on the ones before. */
describe("tables by the command", () => {
  it.effect("that are missing end the comparison with their name", () =>
    Effect.gen(function*() {
      const { code, err } = yield* sql("verify")
      assert.strictEqual(code, 1)
      assert.include(err, "there is no table public.customers")
    }))

  it.effect("are compared, and the exit code says whether they are alike", () =>
    Effect.gen(function*() {
      yield* run(source, `CREATE TABLE users ${table}`, "INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, 'c')")
      yield* run(target, `CREATE TABLE customers ${table}`, "INSERT INTO customers VALUES (1, 'a'), (2, 'x'), (9, 'y')")
      const { code, out } = yield* sql("verify", "--pause", "0ms")
      assert.strictEqual(code, 1)
      assert.deepStrictEqual(out.split("\n"), [
        "SOURCE        TARGET            ROWS  MISSING  EXTRA  DIFFERENT",
        "public.users  public.customers     3        1      1          1",
        "public.customers id=2: different in name",
        "public.customers id=3: missing",
        "public.customers id=9: extra"
      ])
      const bounded = yield* sql("verify", "public.customers", "--max", "1", "--pause", "0ms")
      assert.match(bounded.out, /\npublic\.customers: 2 more$/)
      const [json] = JSON.parse((yield* sql("verify", "--json", "--ignore", "name", "--pause", "0ms")).out)
      assert.deepStrictEqual([json.missing, json.extra, json.different, json.ignored], [1, 1, 0, ["name"]])
    }))

  it.effect("are not touched without a consent", () =>
    Effect.gen(function*() {
      const refused = yield* noOne(sql("resync", "--pause", "0ms"))
      assert.strictEqual(refused.code, 1)
      assert.include(refused.err, "nothing was done; add --yes to do it")
      assert.strictEqual((yield* sql("verify", "--pause", "0ms")).code, 1)
    }))

  it.effect("are made alike, extra rows only when asked for", () =>
    Effect.gen(function*() {
      const copied = yield* sql("resync", "--yes", "--pause", "0ms")
      assert.deepStrictEqual([copied.code, copied.out.split("\n")], [0, [
        "SOURCE        TARGET            COPIED  DELETED  ASKED FOR  KEPT  REFUSED",
        "public.users  public.customers       2        0          0     1        0"
      ]])
      const [deleted] = JSON.parse((yield* sql("resync", "--yes", "--delete-extra", "--json", "--pause", "0ms")).out)
      assert.deepStrictEqual([deleted.copied, deleted.deleted], [0, 1])
      assert.strictEqual((yield* sql("verify", "--pause", "0ms")).code, 0)
      assert.match((yield* sql("resync")).out, /\nnothing to do: nothing differs$/)
    }))

  it.effect("are asked for by signals", () =>
    Effect.gen(function*() {
      yield* run(source, "CREATE TABLE signals (id text PRIMARY KEY, type text, data text)")
      yield* run(target, "DELETE FROM customers WHERE id = 1")
      const flags = ["resync", "--yes", "--by", "signal", "--pause", "0ms"]
      assert.include((yield* sql(...flags)).err, "--by signal needs --signal-table")
      assert.include((yield* sql(...flags, "--delete-extra")).err, "--delete-extra needs --by copy")
      const asked = yield* sql(...flags, "--signal-table", "public.signals", "--json")
      assert.strictEqual(JSON.parse(asked.out)[0].signalled, 1)
    }))

  it.effect("have no status without those of Millrace", () =>
    Effect.gen(function*() {
      assert.include((yield* sql("status")).err, "there is no table millrace.offsets")
    }))

  it.effect("are checked for what breaks later, and the exit code says whether anything does", () =>
    Effect.gen(function*() {
      assert.include(
        (yield* sql("check")).out,
        "error: target, schema millrace: there is none, nor Millrace's tables in it"
      )
      yield* sql("migrate")
      const well = yield* sql("check")
      assert.deepStrictEqual([well.code, well.out], [0, "nothing is wrong"])
      yield* run(source, "ALTER TABLE users ADD COLUMN mail text")
      const { code, out } = yield* sql("check")
      assert.strictEqual(code, 1)
      assert.deepStrictEqual(out.split("\n"), [
        "error: target, public.customers: it has no column mail for public.users.mail",
        "  each record with this field is refused",
        "  mend it by: ALTER TABLE \"public\".\"customers\" ADD COLUMN \"mail\" text",
        "1 error, 0 warnings"
      ])
      assert.strictEqual(JSON.parse((yield* sql("check", "--json")).out)[0].severity, "error")
      assert.include((yield* sql("check", "--sample", "0")).err, "--sample 0 is below 1")
    }))

  it.effect("and how far their syncs are is shown", () =>
    Effect.gen(function*() {
      yield* run(
        target,
        "INSERT INTO millrace.offsets (group_id, topic, partition, next) VALUES ('g', 'shop.public.users', 0, 7)"
      )
      const { code, out } = yield* sql("status")
      assert.strictEqual(code, 0)
      assert.match(
        out,
        /^GROUP +TOPIC +PARTITION +STORED +END +LAG +SINCE\ng +shop\.public\.users +0 +7 +- +- +\d+\.\d s\n/
      )
      assert.match(out, /\noutbox: 0 wait, the oldest for 0\.0 s; 0 parked$/)
      const { partitions, slots } = JSON.parse((yield* sql("status", "--json")).out)
      assert.deepStrictEqual([partitions[0].next, slots], [7, []])
    }))

  it.effect("and no key steers a terminal", () =>
    Effect.gen(function*() {
      yield* Effect.forEach([source, target] as const, (layer, i) =>
        run(layer, `ALTER TABLE ${i === 0 ? "users" : "customers"} ALTER id TYPE text`))
      yield* run(source, "INSERT INTO users VALUES (U&'\\001b[31mred\\000a\\009b', 'a')")
      yield* run(target, "ALTER TABLE customers ADD CHECK (length(id) < 5)")
      const verified = yield* sql("verify", "--pause", "0ms")
      assert.include(verified.out, "\npublic.customers id=\\u001b[31mred\\n\\u009b: missing")
      assert.notInclude((yield* sql("verify", "--pause", "0ms", "--json")).out, "\u009b")
      const copied = yield* sql("resync", "--yes", "--pause", "0ms")
      assert.match(copied.out, /id=\\u001b\[31mred\\n\\u009b: new row .* violates check constraint/)
      assert.include(copied.err, "the target refuses some rows; see above")
    }))

  it.effect("and flags that say nothing are refused", () =>
    Effect.gen(function*() {
      const unknown = yield* sql("verify", "public.customer")
      assert.deepStrictEqual(unknown.code, 2)
      assert.include(unknown.err, "did you mean \"public.customers\"")
      assert.include((yield* sql("verify", "--range-size", "0")).err, "--range-size 0 is below 1")
      assert.include((yield* sql("verify", "--pause", "soon")).err, "--pause soon: use a number with ms, s, m or h")
    }))
})
