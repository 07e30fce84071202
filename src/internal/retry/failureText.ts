/** What headers tell of a failure. */
import * as Cause from "effect/Cause"
import { brief, nameOf, readOr } from "../shared/causes.ts"

/** The error of a failure, or else its defect. */
export const errorOf = (cause: Cause.Cause<unknown>): unknown => {
  for (const reason of cause.reasons) if (Cause.isFailReason(reason)) return reason.error
  for (const reason of cause.reasons) if (Cause.isDieReason(reason)) return reason.defect
  return undefined
}

/** The name of what failed; a handler that interrupted itself has no error that could have one. */
export const tagOf = (cause: Cause.Cause<unknown>): string =>
  Cause.hasInterruptsOnly(cause) ? "Interrupted" : nameOf(errorOf(cause))

/** In the words of headers; the stack only where somebody will read it. */
export const textOf = (cause: Cause.Cause<unknown>, withStack: boolean): {
  readonly tag: string
  readonly message: string
  readonly stack: string | undefined
  readonly causeName: string | undefined
} => {
  const error = errorOf(cause)
  const message = readOr((): unknown => error instanceof Error ? error.message : undefined, undefined)
  const inner = readOr((): unknown => error instanceof Error ? error.cause : undefined, undefined)
  const text = typeof message === "string" && message !== "" ? message : brief(cause)
  return {
    tag: tagOf(cause),
    message: text,
    stack: withStack ? readOr(() => Cause.pretty(cause), text) : undefined,
    causeName: inner === undefined ? undefined : nameOf(inner)
  }
}
