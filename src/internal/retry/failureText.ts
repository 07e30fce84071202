/** What headers tell of a failure. */
import * as Cause from "effect/Cause"
import { brief } from "../causes.ts"

/** The error of a failure, or else its defect. */
export const errorOf = (cause: Cause.Cause<unknown>): unknown => {
  for (const reason of cause.reasons) if (Cause.isFailReason(reason)) return reason.error
  for (const reason of cause.reasons) if (Cause.isDieReason(reason)) return reason.defect
  return undefined
}

/** The tag of an error, or the name of its class: whoever extends `Error` and says no more has its `name`. */
export const nameOf = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return typeof error
  if ("_tag" in error && typeof error._tag === "string") return error._tag
  const { name } = error.constructor ?? Object
  return error instanceof Error && error.name !== "Error" ? error.name : name || "Object"
}

/** In the words of headers; the stack only where somebody will read it. */
export const textOf = (cause: Cause.Cause<unknown>, withStack: boolean): {
  readonly tag: string
  readonly message: string
  readonly stack: string | undefined
  readonly causeName: string | undefined
} => {
  const error = errorOf(cause)
  const inner = error instanceof Error ? error.cause : undefined
  return {
    tag: nameOf(error),
    message: error instanceof Error && error.message !== "" ? error.message : brief(cause),
    stack: withStack ? Cause.pretty(cause) : undefined,
    causeName: inner === undefined ? undefined : nameOf(inner)
  }
}
