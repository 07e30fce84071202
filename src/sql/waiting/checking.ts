/** Asks the database which parents are missing. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { literalOf } from "../apply/literals.ts"
import { inTransaction, textsOf } from "../apply/running.ts"
import { isOfRow } from "../tables/sqlErrors.ts"
import { Missing, type Needs } from "./needs.ts"
import type { Relation } from "./relations.ts"
import * as Sql from "./waitingSql.ts"

type Asked = readonly [Relation, ReadonlyArray<ReadonlyArray<string>>]

const ask = Effect.fnUntraced(function*(sql: SqlClient, asked: ReadonlyArray<Asked>, missing: Missing) {
  const params = asked.flatMap(([{ columns }, values]) =>
    columns.map((_, column) => literalOf(values, (one) => one[column]))
  )
  for (const [number, place, key] of yield* textsOf(sql, Sql.missing(asked.map(([one]) => one)), params)) {
    const [relation, values] = asked[Number(number)]!
    missing.add(relation, values[Number(place) - 1]!, key!)
  }
})

/** In halves, where a value is none of the parent's type: then it has no parent, and the row's own column says more. */
const askCarefully = (
  sql: SqlClient,
  [relation, values]: Asked,
  missing: Missing
): Effect.Effect<void, SqlError> =>
  Effect.catchIf(inTransaction(sql, ask(sql, [[relation, values]], missing)), isOfRow, () => {
    if (values.length === 1) return Effect.void
    const middle = Math.ceil(values.length / 2)
    return Effect.andThen(
      askCarefully(sql, [relation, values.slice(0, middle)], missing),
      askCarefully(sql, [relation, values.slice(middle)], missing)
    )
  })

/** One statement for all relations; with `isCareful` values that the database does not take are left out. */
export const missingOf = Effect.fnUntraced(function*(
  sql: SqlClient,
  needs: Needs,
  isCareful: boolean
): Effect.fn.Return<Missing, SqlError> {
  const missing = new Missing()
  const asked: ReadonlyArray<Asked> = [...needs.byRelation].map(([relation, known]) => [relation, [...known.values()]])
  if (asked.length === 0) return missing
  if (isCareful) { for (const one of asked) yield* askCarefully(sql, one, missing) }
  else yield* ask(sql, asked, missing)
  return missing
})
