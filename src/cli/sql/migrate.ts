/** `millrace sql migrate`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Migrations from "../../sql/Migrations.ts"
import { createSchema } from "../../sql/migrations/schemaSql.ts"
import { shownOwnTable } from "../../sql/tables/ownTables.ts"
import { worksOn } from "../ending.ts"
import { json } from "../root.ts"
import { toJson } from "../values.ts"
import { database } from "./database.ts"
import { inTime, timeout } from "./patience.ts"

const counted = (count: number): string => `${count} ${count === 1 ? "migration" : "migrations"}`

/** Makes Millrace's own tables. */
export const migrate = Command.make(
  "migrate",
  {
    plan: Flag.Boolean("plan").pipe(
      Flag.withDescription("Only print the statements that would be run"),
      Flag.withDefault(false)
    ),
    timeout,
    json
  },
  Effect.fnUntraced(function*(flags) {
    const { layer, tables } = yield* database
    const noted = shownOwnTable(tables, "migrations")
    const work = Effect.gen(function*() {
      if (!flags.plan) yield* worksOn
      const migrations = yield* flags.plan ? Migrations.plan(tables) : Migrations.run(tables)
      if (flags.json) return yield* Console.log(toJson({ executed: !flags.plan, migrations }))
      if (flags.plan && migrations[0]?.id === 1) yield* Console.log(`${createSchema(tables).at(-1)};`)
      for (const { id, name, statements } of migrations) {
        yield* Console.log(flags.plan ? `-- ${id} ${name}\n${statements.join(";\n")};` : `${id} ${name}: done`)
      }
      yield* Console.log(
        migrations.length === 0
          ? "nothing to do: all tables are there"
          : flags.plan
          ? `-- ${counted(migrations.length)} would be run, and noted in ${noted}; nothing was done`
          : `${counted(migrations.length)} run`
      )
    }).pipe(Effect.provide(layer))
    yield* inTime("make Millrace's tables", flags.timeout, work)
  })
).pipe(Command.withDescription("Make the tables that Millrace keeps its own state in; what is there is left alone"))
