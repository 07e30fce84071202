/** Sends requests to one of several registries of a cluster: fail-over, time-outs, repetitions, credentials. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Errors from "../RegistryError.ts"
import type { RegistryError } from "../RegistryError.ts"
import type { Auth, Options } from "../RegistryModel.ts"
import { authorization } from "./authorization.ts"
import type { Authorization } from "./authorization.ts"
import type { Asked, Response } from "./responses.ts"
import { bodyOf, reasonOf } from "./responses.ts"

/** A request, before it is known which registry serves it. */
export interface Call extends Asked {
  /** What is being done, for errors: `register`. */
  readonly operation: string
  readonly method: "GET" | "POST" | "PUT" | "DELETE"
  /** With its leading slash; its parts are escaped by {@link path}. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | boolean | undefined>> | undefined
  readonly body?: unknown
}

/** Sends a call and returns the body of a response that is none of a refusal. */
export interface Transport {
  readonly url: string
  readonly send: (call: Call) => Effect.Effect<unknown, RegistryError>
}

const mediaType = "application/vnd.schemaregistry.v1+json"
const defaultTimeout: Duration.Input = "30 seconds"
const defaultRetry: Schedule.Schedule<unknown, RegistryError> = Schedule.exponential("100 millis").pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 3 })
)

/** A path of escaped parts. */
export const path = (...parts: ReadonlyArray<string | number>): string =>
  parts.map((part) => `/${encodeURIComponent(String(part))}`).join("")

/** A base URL without its credentials, and the credentials. */
interface Base {
  readonly url: string
  readonly auth: Auth | undefined
}

const invalidUrl = (problem: string): RegistryError =>
  Errors.make("configuration", new Errors.Unexpected({ status: 0, problem }))

/** Takes credentials out of the URL, so that no message shows them. */
const baseOf = (text: string): Effect.Effect<Base, RegistryError> =>
  Effect.suspend(() => {
    if (!URL.canParse(text)) {
      return Effect.fail(invalidUrl("setting `url`: not a URL; use http://host:port, or https://host:port"))
    }
    const url = new URL(text)
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      return Effect.fail(invalidUrl(`setting \`url\`: ${url.protocol} is neither http: nor https:`))
    }
    const auth: Auth | undefined = url.username === "" ? undefined : {
      _tag: "Basic",
      username: decodeURIComponent(url.username),
      password: Redacted.make(decodeURIComponent(url.password))
    }
    url.username = ""
    url.password = ""
    return Effect.succeed({ url: url.href.replace(/\/+$/, ""), auth })
  })

const requestOf = ({ body, method, path, query }: Call, base: Base, headers: Options["headers"]) =>
  HttpClientRequest.make(method)(`${base.url}${path}`).pipe(
    HttpClientRequest.setUrlParams(
      Object.entries(query ?? {}).filter((entry): entry is [string, string | boolean] => entry[1] !== undefined)
    ),
    HttpClientRequest.setHeaders(headers ?? {}),
    HttpClientRequest.accept(`${mediaType}, application/json;q=0.9`),
    (request) => body === undefined ? request : HttpClientRequest.bodyText(request, JSON.stringify(body), mediaType)
  )

const problemOf = (error: HttpClientError): string => {
  const { reason } = error
  const cause = "cause" in reason && reason.cause instanceof Error ? `: ${reason.cause.message}` : ""
  return `${reason._tag}${cause}`
}

interface Registry extends Base {
  readonly authorized: Authorization
}

export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Transport, RegistryError, HttpClient.HttpClient> {
  const client = yield* HttpClient.HttpClient
  const urls = typeof options.url === "string" ? [options.url] : options.url
  if (urls.length === 0) return yield* invalidUrl("setting `url`: no URL is given")
  const bases = yield* Effect.forEach(urls, baseOf)
  const registries = bases.map((base): Registry => ({
    ...base,
    authorized: authorization(client, options.auth ?? base.auth)
  }))
  const timeout = Duration.fromInputUnsafe(options.timeout ?? defaultTimeout)
  // The registry that served last is asked first.
  let first = 0

  const once = Effect.fnUntraced(function*(call: Call, registry: Registry) {
    const { operation } = call
    const details = { url: registry.url }
    const unavailable = (problem: string, cause?: unknown) =>
      Errors.make(operation, new Errors.Unavailable({ problem }), { ...details, cause })
    const request = yield* registry.authorized.apply(requestOf(call, registry, options.headers))
    const exchange = Effect.gen(function*() {
      const { status, text } = yield* client.execute(request)
      return { status, body: bodyOf(yield* text) } satisfies Response
    })
    const answered = yield* exchange.pipe(
      Effect.mapError((error) => unavailable(problemOf(error), error)),
      Effect.timeoutOption(timeout)
    )
    if (Option.isNone(answered)) return yield* unavailable(`no response within ${Duration.format(timeout)}`)
    return answered.value
  })

  const judged = Effect.fnUntraced(function*(call: Call, registry: Registry) {
    let response = yield* once(call, registry)
    if (response.status === 401 && (yield* registry.authorized.renew)) response = yield* once(call, registry)
    if (response.status < 300) return response.body
    return yield* Errors.make(call.operation, reasonOf(response, call), { url: registry.url })
  })

  /** Asks one registry after the other, until one is available. */
  const anywhere = Effect.fnUntraced(function*(call: Call) {
    let failure: RegistryError | undefined
    for (let i = 0; i < registries.length; i++) {
      const at = (first + i) % registries.length
      const result = yield* Effect.result(judged(call, registries[at]!))
      if (result._tag === "Success" || !result.failure.isRetryable) {
        first = at
        return yield* Effect.fromResult(result)
      }
      failure ??= result.failure
    }
    return yield* Effect.fail(failure!)
  })

  return {
    url: bases.map(({ url }) => url).join(", "),
    send: (call) =>
      Effect.retry(anywhere(call), {
        while: (error) => error.isRetryable,
        schedule: options.retry ?? defaultRetry
      })
  }
})
