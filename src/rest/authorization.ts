/** How requests are authorized: the header of each request, and tokens that are fetched and renewed. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Semaphore from "effect/Semaphore"
import { bodyOf, isTransient, textOf } from "./bodies.ts"
import type { Auth, Refusals } from "./restModel.ts"
import { causeOf, problemOf } from "./unreached.ts"

type Request = HttpClientRequest.HttpClientRequest

/** Authorizes requests. */
export interface Authorization<E> {
  readonly apply: (request: Request) => Effect.Effect<Request, E>
  /** Forgets what a request was refused with. Returns whether another attempt has other credentials. */
  readonly renew: (refused: Request) => boolean
}

type ClientCredentials = Extract<Auth, { readonly _tag: "ClientCredentials" }>

interface Token {
  readonly value: Redacted.Redacted
  readonly until: number
}

/**
 * A token is renewed this much before it expires, in milliseconds, for requests that are on their way by then; one that
 * lives shorter after half of its life, or each request would fetch its own.
 */
const margin = 30_000
const defaultLife = 300

const authorizationHeader = "authorization"

const operation = "fetch a token"

/** How long a token is used, in milliseconds. */
const lifeOf = (body: unknown): number => {
  const seconds = Number((body as { readonly expires_in?: unknown } | null)?.expires_in)
  const life = (Number.isFinite(seconds) && seconds > 0 ? seconds : defaultLife) * 1_000
  return life - Math.min(margin, life / 2)
}

/** Fetches one token for all who ask at the same time. */
const tokens = <E>(
  client: HttpClient.HttpClient,
  { clientId, clientSecret, scope, tokenUrl }: ClientCredentials,
  refusals: Refusals<E>,
  timeout: Duration.Duration
): Authorization<E> => {
  const unavailable = (problem: string, cause?: unknown) =>
    refusals.unavailable(operation, problem, { url: tokenUrl, cause })

  const fetch = Effect.gen(function*() {
    const form = { grant_type: "client_credentials", ...(scope === undefined ? {} : { scope }) }
    const request = HttpClientRequest.post(tokenUrl).pipe(
      HttpClientRequest.bodyUrlParams(form),
      HttpClientRequest.basicAuth(clientId, Redacted.value(clientSecret))
    )
    const exchange = Effect.gen(function*() {
      const response = yield* client.execute(request)
      return { status: response.status, text: yield* response.text }
    })
    const answered = yield* exchange.pipe(
      Effect.mapError((error) => unavailable(problemOf(error), causeOf(error))),
      Effect.timeoutOption(timeout)
    )
    if (Option.isNone(answered)) {
      return yield* Effect.fail(unavailable(`no response within ${Duration.format(timeout)}`))
    }
    const { status, text } = answered.value
    if (isTransient(status)) return yield* Effect.fail(unavailable(`status ${status}`))
    const body = bodyOf(text)
    if (status >= 300) {
      const problem = typeof body === "string" ? "no reason given" : JSON.stringify(body).slice(0, 200)
      return yield* Effect.fail(refusals.unauthorized(operation, status, problem, { url: tokenUrl }))
    }
    const value = yield* Effect.try({
      try: () => Redacted.make(textOf(body, "access_token")),
      catch: () => refusals.unexpected(operation, status, "no access_token", { url: tokenUrl })
    })
    return { value, until: (yield* Clock.currentTimeMillis) + lifeOf(body) } satisfies Token
  })

  const one = Semaphore.makeUnsafe(1)
  let token: Token | undefined
  const current = one.withPermits(1)(Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    if (token === undefined || token.until <= now) token = yield* fetch
    return token.value
  }))
  return {
    apply: (request) => Effect.map(current, (value) => HttpClientRequest.bearerToken(request, value)),
    // Others may have been refused with the same token, and have fetched the next one.
    renew: ({ headers }) => {
      if (token !== undefined && headers[authorizationHeader] === `Bearer ${Redacted.value(token.value)}`) {
        token = undefined
      }
      return true
    }
  }
}

const fixed = <E>(apply: (request: Request) => Request): Authorization<E> => ({
  apply: (request) => Effect.succeed(apply(request)),
  renew: () => false
})

export const authorization = <E>(
  client: HttpClient.HttpClient,
  auth: Auth | undefined,
  refusals: Refusals<E>,
  timeout: Duration.Duration
): Authorization<E> => {
  if (auth === undefined) return fixed((request) => request)
  switch (auth._tag) {
    case "Basic":
      return fixed(HttpClientRequest.basicAuth(auth.username, Redacted.value(auth.password)))
    case "Bearer":
      return fixed(HttpClientRequest.bearerToken(auth.token))
    case "ClientCredentials":
      return tokens(client, auth, refusals, timeout)
  }
}
