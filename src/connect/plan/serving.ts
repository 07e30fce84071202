/** Whether an error is about one connector, or Connect does nothing for any of them. */
import * as Effect from "effect/Effect"
import type { ConnectError } from "../ConnectError.ts"
import type { Connect } from "../ConnectModel.ts"

/**
 * Whether it is of no use to ask for the next connector: a worker that says nothing, or a status 5xx, may do so of one
 * connector alone, such as one whose database does not answer. So it is asked how it is.
 */
export const isDown = (connect: Connect, { reason }: ConnectError): Effect.Effect<boolean> =>
  reason._tag === "Unavailable"
    ? Effect.match(connect.isHealthy, { onFailure: () => true, onSuccess: (healthy) => !healthy })
    : Effect.succeed(false)
