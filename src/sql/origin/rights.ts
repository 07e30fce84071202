/** Whether a role may use replication origins, and what the server is set to. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { literalOf } from "../apply/literals.ts"
import { textsOf } from "../apply/running.ts"
import { SyncError } from "../SyncError.ts"
import { Denied } from "../SyncErrorReason.ts"
import { syncErrorOf } from "../tables/sqlErrors.ts"
import { type Instance, type Leasable, namesOf } from "./names.ts"
import * as Sql from "./originSql.ts"

/** What a superuser has to run. */
export interface Grants {
  /** The names that exist, or may be created. */
  readonly names: ReadonlyArray<string>
  readonly statements: ReadonlyArray<string>
}

/** What this role lacks for the origins of an instance. */
export const grantsFor = Effect.fnUntraced(function*(
  sql: SqlClient,
  instance: Instance
): Effect.fn.Return<Grants, SqlError> {
  const wanted = namesOf(instance)
  const rights = yield* textsOf(sql, Sql.rights, [])
  const [[role] = []] = yield* textsOf(sql, Sql.role, [])
  const isAllowed = (allowed: string | null | undefined) => allowed === "true"
  const needed = rights.filter(([, creates, allowed]) => !isAllowed(creates) && !isAllowed(allowed))
  const statements = needed.length === 0
    ? []
    : [`GRANT EXECUTE ON FUNCTION ${needed.map(([name]) => name).join(", ")} TO ${role}`]
  if (rights.some(([, creates, allowed]) => isAllowed(creates) && isAllowed(allowed))) {
    return { names: wanted, statements }
  }
  const names = (yield* textsOf(sql, Sql.existing, [literalOf(wanted, String)])).map(([name]) => name ?? "")
  return {
    names,
    statements: names.length > 0
      ? statements
      : [...statements, ...wanted.map((name) => `SELECT pg_replication_origin_create('${name}')`)]
  }
})

const operation = "use a replication origin"

/** The names that this role may lease. Fails with `Denied` if there is none. */
export const leasable = Effect.fnUntraced(function*(
  sql: SqlClient,
  instance: Instance
): Effect.fn.Return<Leasable, SyncError> {
  const { names, statements } = yield* Effect.mapError(
    grantsFor(sql, instance),
    (error) => syncErrorOf(operation, error)
  )
  if (statements.length === 0) return { instance: instance.instance, names }
  const problem = `a superuser has to run, in this database: ${statements.join("; ")}`
  return yield* new SyncError({ operation, reason: new Denied({ problem }) })
})

/** What the server is set to. */
export interface Server {
  /** Such as 180004. */
  readonly version: number
  readonly walLevel: string
  readonly origins: number
}

export const serverOf = (sql: SqlClient): Effect.Effect<Server, SqlError> =>
  Effect.map(textsOf(sql, Sql.server, []), (rows) => {
    const [version, walLevel, origins] = rows[0] ?? []
    return { version: Number(version), walLevel: walLevel ?? "", origins: Number(origins) }
  })

/** What stands in the way of logical decoding and its filter. Pure. */
export const problemsOf = ({ origins, version, walLevel }: Server, instance: Instance): ReadonlyArray<string> => {
  const needed = namesOf(instance).length
  return [
    ...(walLevel === "logical" ? [] : [`wal_level is ${walLevel}; Debezium needs logical, which takes a restart`]),
    ...(version >= 160_000
      ? []
      : ["slot.stream.params=origin=none needs PostgreSQL 16; let the consumer leave them out"]),
    ...(origins >= needed ? [] : [
      `the server has places for ${origins} origins and the instance may take ${needed}; raise `
      + (version >= 180_000 ? "max_active_replication_origins" : "max_replication_slots")
    ])
  ]
}
