/** A client over another one, that prepares connections before they are used, and transactions when they begin. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import type { Compiler, Fragment } from "effect/sql/Statement"
import * as Stream from "effect/Stream"

/** What is done with a connection. */
export interface Preparing {
  /** Before a statement outside of a transaction, and before a transaction. */
  readonly connection?: ((connection: Connection) => Effect.Effect<void, SqlError>) | undefined
  /** First in each transaction; a statement outside of one gets one of its own. */
  readonly transaction?: ((connection: Connection) => Effect.Effect<void, SqlError>) | undefined
}

const nothing = Object.assign(["", ""], { raw: ["", ""] })

/** Compiles as the client does, with the fragments of its driver and the names that it transforms. */
const compilerOf = (sql: SqlClient.SqlClient): Compiler => {
  const compiler: Compiler = {
    dialect: sql.onDialect({
      sqlite: () => "sqlite",
      pg: () => "pg",
      mysql: () => "mysql",
      mssql: () => "mssql",
      clickhouse: () => "clickhouse"
    }),
    compile: (statement: Fragment, withoutTransform) => sql(nothing, statement).compile(withoutTransform),
    get withoutTransform() {
      return compilerOf(sql.withoutTransforms())
    }
  }
  return compiler
}

type TransformRows = Parameters<Connection["execute"]>[2]

/** How the client transforms rows: it says it to connections alone. */
const transformOf = (sql: SqlClient.SqlClient): Effect.Effect<TransformRows, SqlError> =>
  Effect.suspend(() => {
    let found: TransformRows
    const none = Effect.succeed([])
    const execute: Connection["execute"] = (_sql, _params, transformRows) => {
      found = transformRows
      return none
    }
    const probe: Connection = {
      execute,
      executeUnprepared: execute,
      executeRaw: () => none,
      executeValues: () => none,
      executeValuesUnprepared: () => none,
      executeStream: () => Stream.empty
    }
    return sql.unsafe("SELECT 1").pipe(
      Effect.provideService(sql.transactionService, [probe, 0]),
      Effect.map(() => found)
    )
  })

/** PostgreSQL rolls back a transaction that had an error, and says it instead of failing. */
const commit = (connection: Connection): Effect.Effect<void, SqlError> =>
  Effect.flatMap(connection.executeRaw("COMMIT", []), (result) => {
    if (!Predicate.hasProperty(result, "command") || result.command !== "ROLLBACK") return Effect.void
    const message = "COMMIT rolled back a transaction that had an error"
    const reason = new UnknownError({ cause: new Error(message), message, operation: "commit" })
    return Effect.fail(new SqlError({ reason }))
  })

/** The client. Its transactions are not those of the other one. */
export const guarded = Effect.fnUntraced(function*(
  inner: SqlClient.SqlClient,
  { connection: prepare, transaction: begin }: Preparing
): Effect.fn.Return<SqlClient.SqlClient, SqlError> {
  // Constructors of statements are kept by this effect, so it has to be a new one.
  const reserve = prepare === undefined ? Effect.map(inner.reserve, (each) => each) : Effect.tap(inner.reserve, prepare)
  const made: SqlClient.SqlClient = yield* SqlClient.make({
    acquirer: reserve,
    transactionAcquirer: reserve,
    borrower: begin === undefined ? undefined : (use) => alone(use),
    compiler: compilerOf(inner),
    driver: inner.driver,
    prepareTransactionControls: true,
    commit,
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    spanAttributes: [["db.system.name", "postgresql"]],
    transformRows: yield* transformOf(inner)
  }).pipe(Effect.provide(Reactivity.layer))
  if (begin === undefined) return made
  // Both run within transactions alone, where the service is there: it is no requirement of what runs in them.
  const connection = Effect.map(made.transactionService, ([each]) => each) as Effect.Effect<Connection>
  const begun = Effect.flatMap(
    made.transactionService,
    ([each, depth]) => depth === 0 ? begin(each) : Effect.void
  ) as Effect.Effect<void, SqlError>
  const inTransaction = made.withTransaction
  const withTransaction: SqlClient.SqlClient["withTransaction"] = (effect) =>
    inTransaction(Effect.andThen(begun, effect))
  const alone = <A, E, R>(use: (connection: Connection) => Effect.Effect<A, E, R>) =>
    withTransaction(Effect.flatMap(connection, use))
  return Object.assign(made, { withTransaction })
})
