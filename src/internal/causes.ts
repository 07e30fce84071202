/** Causes in few words. */
import * as Cause from "effect/Cause"

const wordsOf = (error: unknown): string => {
  if (!(error instanceof Error)) return typeof error === "string" ? error : JSON.stringify(error) ?? String(error)
  return error.message === "" ? error.name : `${error.name}: ${error.message}`
}

/** The messages of a cause; a stack only where it is a bug. */
export const brief = (cause: Cause.Cause<unknown>): string =>
  cause.reasons.map((reason) =>
    Cause.isFailReason(reason) ? wordsOf(reason.error) : Cause.pretty(Cause.fromReasons([reason]))
  ).join("; ")
