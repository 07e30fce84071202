/** What is sent to an HTTP service and what comes back, its errors and its settings, in types. */
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"

/**
 * How requests are authorized. `ClientCredentials` fetches a bearer token from `tokenUrl` (OAuth 2, RFC 6749 4.4) and a
 * new one before it expires.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Auth =
  | { readonly _tag: "Basic"; readonly username: string; readonly password: Redacted.Redacted }
  | { readonly _tag: "Bearer"; readonly token: Redacted.Redacted }
  | {
    readonly _tag: "ClientCredentials"
    readonly tokenUrl: string
    readonly clientId: string
    readonly clientSecret: Redacted.Redacted
    readonly scope?: string | undefined
  }

/** A request, before it is known which server serves it. */
export interface Call {
  /** What is being done, for errors: `register`. */
  readonly operation: string
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  /** With its leading slash; its parts are escaped by {@link path}. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | boolean | undefined>> | undefined
  readonly body?: unknown
  /** Whether doing it twice is something else than doing it once (default `false`). */
  readonly onceOnly?: boolean | undefined
  /** How long a server needs at most, where that is less than requests in general may take. */
  readonly within?: Duration.Duration | undefined
}

/** A response with its body: JSON where it is JSON, else text. */
export interface Response {
  readonly status: number
  readonly body: unknown
}

/** What goes with an error. URLs have no credentials. */
export interface Details {
  readonly url: string
  readonly cause?: unknown
}

/** The errors of a service, by what went wrong. */
export interface Refusals<E> {
  /** Nobody was reached, or nothing came in time. */
  readonly unavailable: (operation: string, problem: string, details: Details) => E
  readonly unauthorized: (operation: string, status: number, problem: string, details: Details) => E
  readonly unexpected: (operation: string, status: number, problem: string, details: Details) => E
  /** A setting is wrong. */
  readonly setting: (problem: string) => E
}

/** What differs from service to service. */
export interface Service<E, C extends Call> extends Refusals<E> {
  readonly accept: string
  /** Of the bodies that are sent. */
  readonly mediaType: string
  /** What a response means that is none of a success. */
  readonly refused: (call: C, response: Response, details: Details) => E
  /** Whether another server, or the same one later, may do better. */
  readonly isRetryable: (error: E) => boolean
  /** Whether a failed call was certainly not carried out, so that also one that is `onceOnly` may be repeated. */
  readonly isUndone: (error: E) => boolean
}

/** The settings that all services share. */
export interface Settings<E> {
  readonly url: string | ReadonlyArray<string>
  readonly auth?: Auth | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly timeout?: Duration.Input | undefined
  readonly retry?: Schedule.Schedule<unknown, E> | undefined
}
