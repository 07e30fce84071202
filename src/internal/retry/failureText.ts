/** What the headers of a copy say about its failure. */
import * as Cause from "effect/Cause"
import { brief, errorOf, nameOf, readOr, tagOf } from "../shared/causes.ts"
import { fieldsOf } from "./errorFields.ts"

/** A failure as texts for headers. The stack only for a dead letter, which people read. */
export const textOf = (cause: Cause.Cause<unknown>, withStack: boolean, withFields = false): {
  readonly tag: string
  readonly message: string
  readonly stack: string | undefined
  readonly causeName: string | undefined
  readonly fields: string | undefined
} => {
  const error = errorOf(cause)
  const message = readOr((): unknown => error instanceof Error ? error.message : undefined, undefined)
  const inner = readOr((): unknown => error instanceof Error ? error.cause : undefined, undefined)
  const text = typeof message === "string" && message !== "" ? message : brief(cause)
  return {
    tag: tagOf(cause),
    message: text,
    stack: withStack ? readOr(() => Cause.pretty(cause), text) : undefined,
    causeName: inner === undefined ? undefined : nameOf(inner),
    fields: withFields ? fieldsOf(error) : undefined
  }
}
