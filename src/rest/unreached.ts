/** Why nobody was reached, in the words of the system, and whether a request has left for certain. Pure. */
import type { HttpClientError } from "effect/http/HttpClientError"
import * as Predicate from "effect/Predicate"

/** What is below an error of the HTTP client: that error itself has the request in it, with all that is secret. */
export const causeOf = ({ reason }: HttpClientError): unknown => "cause" in reason ? reason.cause : undefined

/** The error at the bottom: `fetch` says "fetch failed" of everything, and an address may stand for several. */
const rootOf = (error: unknown): unknown => {
  let root = error
  for (let depth = 0; depth < 10; depth++) {
    const below = root instanceof AggregateError ? root.errors[0] : root instanceof Error ? root.cause : undefined
    if (!(below instanceof Error)) break
    root = below
  }
  return root
}

export const problemOf = (error: HttpClientError): string => {
  const root = rootOf(causeOf(error))
  return root instanceof Error && root.message !== "" ? root.message : error.reason._tag
}

const connecting: ReadonlySet<unknown> = new Set(["connect", "getaddrinfo"])

/** Whether it failed before a connection was there, so that the request was certainly not served. */
export const isUnsent = (error: HttpClientError): boolean => {
  const root = rootOf(causeOf(error))
  return Predicate.hasProperty(root, "syscall") && connecting.has(root.syscall)
    || Predicate.hasProperty(root, "code") && root.code === "UND_ERR_CONNECT_TIMEOUT"
}
