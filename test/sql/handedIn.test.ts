import { assert, describe, it } from "@effect/vitest"
import { Topic } from "millrace"
import {
  Change,
  LoopGuard,
  Migrations,
  ModelSync,
  RowVersion,
  SyncCheck,
  SyncStatus,
  Table,
  Verify,
  Waiting
} from "millrace/sql"

const Users = Topic.make("users", { key: Change.debezium, value: Change.debezium })
const base = { table: "public.users", format: Change.envelope() }
const users = ModelSync.make(Users, base)

/** What callers without types hand in. */
type Loose = (...args: ReadonlyArray<unknown>) => unknown

describe("what callers without types hand in", () => {
  it("is refused at once where a sync belongs", () => {
    const calls = { ...ModelSync, compare: Verify.compare, resync: Verify.resync } as unknown as Record<string, Loose>
    for (const name of ["handler", "check", "compare", "resync"]) {
      for (const given of [undefined, Users, "users", Promise.resolve(users)]) {
        assert.throws(() => calls[name]!(given, {}), new RegExp(`\\.${name}: it takes a sync first`), name)
      }
    }
    const ofMany: Record<string, Loose> = {
      "SyncCheck.run": SyncCheck.run as Loose,
      "SyncStatus.read": SyncStatus.read as Loose,
      "SyncStatus.layer": SyncStatus.layer as Loose
    }
    for (const [name, call] of Object.entries(ofMany)) {
      for (const given of [undefined, users, [undefined], [Users], Promise.resolve([users])]) {
        assert.throws(() => call(given), `${name}: it takes an array of syncs first`)
      }
    }
    assert.throws(() => SyncStatus.layer([users], { every: 0 }), /every: 0 is not a duration of at least a millisecond/)
  })

  it("is refused at once where Millrace's own tables are named, and how many rows are listed", () => {
    const calls: Record<string, Loose> = {
      "Migrations.run": Migrations.run as Loose,
      "Migrations.plan": Migrations.plan as Loose,
      "Waiting.list": Waiting.list as Loose,
      "Waiting.status": Waiting.status as Loose
    }
    for (const [name, call] of Object.entries(calls)) {
      for (const given of [null, { schema: 5 }, { shema: "a" }]) assert.throws(() => call(given), `${name}: `)
    }
    for (const max of ["1", NaN, 0, 1.5]) {
      assert.throws(() => calls["Waiting.list"]!({ max }), /max: .* is not a whole number of at least 1/)
    }
  })

  it("is refused at once where the name of a table belongs", () => {
    const calls = [Table.read, RowVersion.add, LoopGuard.addSkipColumn, LoopGuard.skipColumn] as ReadonlyArray<Loose>
    for (const call of calls) {
      for (const given of [undefined, null, "", 5, Promise.resolve("users")]) {
        assert.throws(() => call(given, { site: 0 }), /: table: .* is no name of a table; write "schema\.table"/)
      }
    }
  })

  it("is refused with the name of the setting, also where two settings say the same column", () => {
    const wrong: ReadonlyArray<readonly [object, RegExp]> = [
      [{ rename: { a: undefined } }, /rename: .* columns/],
      [{ key: { a: undefined } }, /key: .* columns/],
      [{ version: { column: "", from: "lsn" } }, /version\.column: "" is not a text that is not empty/],
      [{ version: { column: "v", from: { field: "" } } }, /version: from: field/],
      [{ deletes: { softDelete: "" } }, /deletes: softDelete/],
      [{ format: { read: () => undefined } }, /format: .* is not a format/],
      [{ tables: { a: "" } }, /tables: a: table: is missing/],
      [{ tables: { a: 5 } }, /tables: a: 5 is not "schema\.table"/],
      [{ tables: { a: { row: () => ({}) } } }, /tables: a: row: unknown field "row"/],
      [
        { version: { column: "v", from: "lsn" }, tables: { a: { deletes: { softDelete: "v" } } } },
        /tables: a: deletes: column "v" cannot mark deleted rows and keep versions/
      ],
      [{ rename: { a: "c" }, tables: { t: { key: { b: "c" } } } }, /tables: t: rename: .* cannot both be stored/]
    ]
    for (const [settings, words] of wrong) {
      assert.throws(() => ModelSync.make(Users, { ...base, ...settings }), words)
    }
  })
})
