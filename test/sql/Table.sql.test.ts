import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Table } from "millrace/sql"
import { database } from "../services/database.ts"

const statements = [
  "CREATE SCHEMA shop",
  "CREATE TYPE shop.mood AS ENUM ('sad', 'ok')",
  "CREATE DOMAIN shop.email AS varchar(40) NOT NULL DEFAULT 'nobody'",
  "CREATE DOMAIN shop.tags AS text[]",
  "CREATE TYPE shop.money AS (amount numeric, currency text)",
  "CREATE TABLE shop.users (id int PRIMARY KEY, tenant int NOT NULL, name text, UNIQUE (tenant, name))",
  `CREATE TABLE shop."Things" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY DEFERRABLE,
    gone int,
    name varchar(3) NOT NULL,
    price numeric(4,2) DEFAULT 1,
    flag bit(4),
    feel shop.mood,
    mail shop.email,
    tags shop.tags,
    moods shop.mood[],
    area int4range,
    at timestamptz(3),
    twice int GENERATED ALWAYS AS (length(name) * 2) STORED,
    owner int REFERENCES shop.users ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    paid shop.money[],
    EXCLUDE USING gist (area WITH &&)
  )`,
  `ALTER TABLE shop."Things" DROP COLUMN gone`,
  `CREATE UNIQUE INDEX things_lower ON shop."Things" (lower(name)) INCLUDE (price) WHERE price > 0`,
  `CREATE UNIQUE INDEX things_flag ON shop."Things" (flag, feel) NULLS NOT DISTINCT`,
  "CREATE VIEW shop.seen AS SELECT 1 AS one",
  "CREATE TABLE shop.days (day date, owner int REFERENCES shop.users, PRIMARY KEY (day)) PARTITION BY RANGE (day)",
  "CREATE TABLE shop.days_26 PARTITION OF shop.days FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
  "CREATE TABLE shop.hours (day date REFERENCES shop.days, hour int, PRIMARY KEY (day, hour))"
]

layer(database(statements))("Table.read", (it) => {
  const things = Table.read("shop.Things")

  it.effect("tells the columns, with domains, enums and elements of arrays resolved", () =>
    Effect.map(things, ({ columns, name, primaryKey, schema }) => {
      assert.deepStrictEqual([schema, name, primaryKey], ["shop", "Things", ["id"]])
      const shown = columns.map(({ element, kind, name, type, typmod }) =>
        [name, type, typmod, kind, ...(element === undefined ? [] : [element.type, element.kind])].join(" ")
      )
      assert.deepStrictEqual(shown, [
        "id bigint -1 bigint",
        "name character varying 7 text",
        "price numeric 262150 numeric",
        "flag \"bit\" 4 bit",
        "feel shop.mood -1 enum",
        "mail character varying 44 text",
        "tags text[] -1 array text text",
        "moods shop.mood[] -1 array shop.mood enum",
        "area int4range -1 range",
        "at timestamp with time zone 3 timestamptz",
        "twice integer -1 integer",
        "owner integer -1 integer",
        "paid shop.money[] -1 array shop.money other"
      ])
      const named = (is: (column: Table.Column) => boolean) => columns.filter(is).map(({ name }) => name)
      assert.deepStrictEqual(named(({ isNullable }) => !isNullable), ["id", "name", "mail"])
      assert.deepStrictEqual(named(({ hasDefault }) => hasDefault), ["id", "price", "mail", "twice"])
      assert.deepStrictEqual(named(({ isGenerated }) => isGenerated), ["twice"])
      assert.deepStrictEqual(named(({ isIdentityAlways }) => isIdentityAlways), ["id"])
    }))

  it.effect("tells the indexes that refuse rows, of every kind", () =>
    Effect.map(things, ({ uniques }) => {
      const shown = uniques.map(({ columns, name, ...flags }) => {
        const set = Object.entries(flags).filter(([, value]) => value).map(([flag]) => flag)
        return `${name} (${columns.join()}) ${set.sort().join()}`
      })
      assert.deepStrictEqual(shown, [
        "Things_area_excl (area) isExclusion",
        "Things_pkey (id) isDeferrable,isPrimary",
        "things_flag (flag,feel) nullsNotDistinct",
        "things_lower () isExpression,isPartial"
      ])
    }))

  it.effect("tells the foreign keys in both directions", () =>
    Effect.gen(function*() {
      const { foreignKeys } = yield* things
      assert.deepStrictEqual(foreignKeys, [{
        name: "Things_owner_fkey",
        columns: ["owner"],
        references: { schema: "shop", table: "users", columns: ["id"] },
        isDeferrable: true,
        isInitiallyDeferred: true
      }])
      const users = yield* Table.read("shop.users")
      assert.deepStrictEqual(users.referencedBy.filter(({ table }) => table === "Things"), [{
        name: "Things_owner_fkey",
        schema: "shop",
        table: "Things",
        columns: ["owner"],
        referenced: ["id"],
        onDelete: "cascade",
        isDeferrable: true,
        isInitiallyDeferred: true
      }])
    }))

  it.effect("tells each foreign key of partitions, and to them, once", () =>
    Effect.gen(function*() {
      const shown = ({ foreignKeys, referencedBy }: Table.Table) => [
        ...foreignKeys.map(({ columns, references }) => `${columns.join()} to ${references.table}`),
        ...referencedBy.map(({ columns, table }) => `from ${table} ${columns.join()}`)
      ]
      assert.deepStrictEqual(shown(yield* Table.read("shop.days")), ["owner to users", "from hours day"])
      assert.deepStrictEqual(shown(yield* Table.read("shop.days_26")), ["owner to users", "from hours day"])
      assert.deepStrictEqual(shown(yield* Table.read("shop.hours")), ["day to days"])
      const users = shown(yield* Table.read("shop.users"))
      assert.deepStrictEqual(users, ["from Things owner", "from days owner"])
    }))

  it.effect("names a table that is not there, in its exact case, and refuses a view", () =>
    Effect.gen(function*() {
      for (const name of ["shop.things", "nope.users", "users"]) {
        const error = yield* Effect.flip(Table.read(name))
        assert.strictEqual(error.reason._tag, "MissingTable")
        assert.include(error.message, name)
      }
      const view = yield* Effect.flip(Table.read("shop.seen"))
      assert.strictEqual(view.reason._tag, "Unsupported")
    }))
})
