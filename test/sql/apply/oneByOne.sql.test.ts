/** What operations do as one chunk is what they do one by one: keys of several columns, children, and versions. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import { Migrations } from "millrace/sql"
import type { Op } from "../../../src/sql/apply/fold.ts"
import type { Target } from "../../../src/sql/apply/target.ts"
import { full } from "../../full.ts"
import { database } from "../../services/database.ts"
import { claim, storeAll } from "./chunks.ts"
import { move, remove, target, truncate, write } from "./kit.ts"

const sides = ["singly", "whole"] as const

const statements = sides.flatMap((side) => [
  `CREATE SCHEMA ${side}`,
  `CREATE TABLE ${side}.orders (a int, b int, x int, own int DEFAULT 7, PRIMARY KEY (a, b))`,
  `CREATE TABLE ${side}.parts (a int, b int, c int, x int, own int DEFAULT 7, PRIMARY KEY (a, b, c), UNIQUE (a, c, x),
    FOREIGN KEY (a, b) REFERENCES ${side}.orders ON UPDATE CASCADE ON DELETE CASCADE)`,
  `CREATE TABLE ${side}.late (a int, b int, x int, own int DEFAULT 7, PRIMARY KEY (a, b),
    FOREIGN KEY (x, b) REFERENCES ${side}.orders ON DELETE SET NULL DEFERRABLE)`,
  `CREATE TABLE ${side}.versioned (a int, b int, x int, v int, own int DEFAULT 7, PRIMARY KEY (a, b))
    PARTITION BY HASH (a)`,
  ...[0, 1].map((part) =>
    `CREATE TABLE ${side}.versioned_${part} PARTITION OF ${side}.versioned
      FOR VALUES WITH (MODULUS 2, REMAINDER ${part})`
  )
])

const migrated = Layer.effectDiscard(Migrations.run()).pipe(Layer.provideMerge(database(statements)))

const tables = ["orders", "parts", "late", "versioned"] as const

const few = Schema.Literals([1, 2, 3])
const often = ["write", "move", "move and write"] as const
const Step = Schema.Struct({
  do: Schema.Literals([...often, ...often, ...often, "remove", "truncate"]),
  table: Schema.Literals(tables),
  key: Schema.Struct({ a: few, b: few }),
  to: Schema.Struct({ a: few, b: few }),
  x: few,
  age: few
})

const texts = (row: { readonly [column: string]: number }) =>
  Object.fromEntries(Object.entries(row).map(([column, value]) => [column, String(value)]))

/** What a step does; `place`: how many were before it. */
const opsOf = (targets: ReadonlyMap<string, Target>, step: typeof Step.Type, place: number): ReadonlyArray<Op> => {
  const { age, do: kind, table, x } = step
  const target = targets.get(table)!
  const version = table === "versioned" ? 2 * place + 4 - age : undefined
  const more = { ...(version === undefined ? {} : { v: version }), ...(table === "parts" ? { c: 1 } : {}) }
  const [from, to] = [texts({ ...step.key, ...more }), texts({ ...step.to, ...more })]
  switch (kind) {
    case "write":
      return [write(target, { ...from, x: String(x) }, version)]
    case "remove":
      return [remove(target, from, version)]
    case "truncate":
      return [truncate(target)]
    default: {
      if (step.key.a === step.to.a && step.key.b === step.to.b) return []
      const moved = move(target, from, to, version)
      return kind === "move" ? [moved] : [moved, moved, write(target, { ...to, x: String(x) }, version)]
    }
  }
}

layer(migrated, { excludeTestServices: true })("a chunk", (it) => {
  it.effect.prop(
    "does what its operations do one by one",
    [Schema.Array(Step).check(Schema.isMinLength(40), Schema.isMaxLength(60)), Schema.Literals([4, 100])],
    ([steps, size]) =>
      Effect.gen(function*() {
        const sql = yield* SqlClient
        yield* sql`DELETE FROM millrace.deleted`
        const [singly, whole] = yield* Effect.forEach(sides, (side) =>
          Effect.gen(function*() {
            yield* sql.unsafe(`TRUNCATE ${tables.map((name) => `${side}.${name}`).join()}`)
            const guard = { column: "v", deleted: "millrace.deleted", isOfRows: false }
            const targets = yield* Effect.forEach(tables, (name) =>
              Effect.map(
                target(`${side}.${name}`, name === "versioned" ? { guard } : {}),
                (made) => [name, made] as const
              ))
            return { targets: new Map(targets), claim: (yield* claim(`one-${side}`)).claim }
          }))
        const taken: Array<Op> = []
        for (const [place, step] of steps.entries()) {
          const ops = opsOf(whole!.targets, step, place)
          for (const [i, op] of opsOf(singly!.targets, step, place).entries()) {
            // What is refused is left out: in a chunk a later one may repair it.
            if ((yield* storeAll(singly!.claim, [op])) === 1) taken.push(ops[i]!)
          }
        }
        for (let first = 0; first < taken.length; first += size) {
          const ops = taken.slice(first, first + size)
          assert.strictEqual(yield* storeAll(whole!.claim, ops, first), ops.length)
        }
        for (const name of tables) {
          const [one, other] = yield* Effect.forEach(sides, (side) =>
            Effect.map(sql.unsafe(`SELECT t::text FROM ${side}.${name} t ORDER BY 1`).values, (rows) =>
              rows.flat()))
          assert.deepStrictEqual(other, one, name)
        }
      }),
    { arbitrary: { runs: full ? 300 : 15 } }
  )
})
