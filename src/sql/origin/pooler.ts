/** Whether a pooler, such as PgBouncer, stands between a client and its server. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import { textsOf } from "../apply/running.ts"
import { SyncError } from "../SyncError.ts"
import { InvalidSetting } from "../SyncErrorReason.ts"
import * as Sql from "./originSql.ts"

/** A pooler takes a moment to get a session back, and may have others. */
const attempts = 3

/** The answer over a connection of its own, which ends with it. */
const asked = <E, R>(client: Layer.Layer<SqlClient, E, R>, text: string, params: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.flatMap(
      Layer.build(Layer.fresh(client)),
      (context) => textsOf(Context.get(context, SqlClient), text, params)
    )
  )

/** A connection that has a session from before it began got that of another one. */
const isHandedOn = Effect.fnUntraced(function*<E, R>(client: Layer.Layer<SqlClient, E, R>) {
  const [[ended] = []] = yield* asked(client, Sql.clock, [])
  for (let i = 0; i < attempts; i++) {
    const [[isOlder] = []] = yield* asked(client, Sql.isOlderThan, [ended ?? ""])
    if (isOlder === "true") return true
  }
  return false
})

/**
 * Fails if connections of this client get sessions that others had: they would have the origin with them. One that
 * cannot connect as often is not judged.
 */
export const refusePooler = <E, R>(
  client: Layer.Layer<SqlClient, E, R>
): Effect.Effect<void, SyncError, Exclude<R, Scope.Scope>> =>
  Effect.flatMap(Effect.orElseSucceed(isHandedOn(client), () => false), (isPooled) => {
    if (!isPooled) return Effect.void
    const problem = "a pooler hands its sessions on, and other programs would write under the origin, so that their "
      + "changes are not synced; connect to the server itself, or use LoopGuard.marked"
    const reason = new InvalidSetting({ setting: "client", problem })
    return Effect.fail(new SyncError({ operation: "use a replication origin", reason }))
  })
