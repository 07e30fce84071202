/** Sends requests to one of several servers of an HTTP service: fail-over, time-outs, repetitions, credentials. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { authorization } from "./authorization.ts"
import type { Authorization } from "./authorization.ts"
import { bodyOf, checkNoPage } from "./bodies.ts"
import type { Auth, Call, Refusals, Response, Service, Settings } from "./restModel.ts"
import { causeOf, isUnsent, problemOf } from "./unreached.ts"

/** Sends a call and returns the body of a response that is none of a refusal. */
export interface Transport<E, C extends Call> {
  readonly url: string
  readonly send: (call: C) => Effect.Effect<unknown, E>
}

/** What holds where no setting says otherwise. */
export interface Defaults {
  readonly timeout: Duration.Input
  readonly retry: Schedule.Schedule<unknown, unknown>
}

const usual: Defaults = {
  timeout: "30 seconds",
  retry: Schedule.exponential("100 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))
}

/**
 * By default no repetition begins later than this after the first request, in milliseconds: servers that never answer
 * would be waited for as often as there are repetitions.
 */
const repeatedFor = 30_000

/** A path of escaped parts. */
export const path = (...parts: ReadonlyArray<string | number>): string =>
  parts.map((part) => `/${encodeURIComponent(String(part))}`).join("")

/** A base URL without its credentials, and the credentials. */
interface Base {
  readonly url: string
  readonly auth: Auth | undefined
}

/** A URL of HTTP, or what is wrong with it. */
const parsed = (text: string, setting: string): URL | string => {
  if (!URL.canParse(text)) return `setting \`${setting}\`: not a URL; use http://host:port, or https://host:port`
  const url = new URL(text)
  return url.protocol === "http:" || url.protocol === "https:"
    ? url
    : `setting \`${setting}\`: ${url.protocol} is neither http: nor https:`
}

/** A percent sign that begins no escape stands for itself. */
const unescaped = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Takes credentials out of the URL, so that no message shows them. Returns what is wrong with it as a text. */
const baseOf = (text: string): Base | string => {
  const url = parsed(text, "url")
  if (typeof url === "string") return url
  if (url.search !== "" || url.hash !== "") {
    return "setting `url`: it ends with a query or a fragment, after which no path can follow; a key that every "
      + "request needs belongs into `headers`"
  }
  const auth: Auth | undefined = url.username === "" ? undefined : {
    _tag: "Basic",
    username: unescaped(url.username),
    password: Redacted.make(unescaped(url.password))
  }
  url.username = ""
  url.password = ""
  return { url: url.href.replace(/\/+$/, ""), auth }
}

/** What is wrong with the URL of tokens. Its credentials would be in messages. */
const tokenUrlProblem = (auth: Auth | undefined): string | undefined => {
  if (auth?._tag !== "ClientCredentials") return undefined
  const url = parsed(auth.tokenUrl, "auth.tokenUrl")
  if (typeof url === "string") return url
  return url.username === "" && url.password === ""
    ? undefined
    : "setting `auth.tokenUrl`: it has credentials; they are `clientId` and `clientSecret`"
}

/** A name that URLs do not hold, also when it is escaped: the request would go somewhere else. */
const lostName = (path: string): string | undefined =>
  path === "/"
    ? undefined
    : path.split("?")[0]!.split("/").slice(1).find((part) => part === "" || part === "." || part === "..")

interface Server<E> extends Base {
  readonly authorized: Authorization<E>
}

export const make = Effect.fnUntraced(function*<E extends object, C extends Call>(
  service: Service<E, C>,
  settings: Settings<E>,
  defaults: Defaults = usual
): Effect.fn.Return<Transport<E, C>, E, HttpClient.HttpClient> {
  const client = yield* HttpClient.HttpClient
  const urls = typeof settings.url === "string" ? [settings.url] : settings.url
  if (urls.length === 0) return yield* Effect.fail(service.setting("setting `url`: no URL is given"))
  const wrong = tokenUrlProblem(settings.auth)
  if (wrong !== undefined) return yield* Effect.fail(service.setting(wrong))
  const timeout = Duration.fromInputUnsafe(settings.timeout ?? defaults.timeout)
  const servers = yield* Effect.forEach(urls, (url): Effect.Effect<Server<E>, E> => {
    const base = baseOf(url)
    if (typeof base === "string") return Effect.fail(service.setting(base))
    return Effect.succeed({ ...base, authorized: authorization(client, settings.auth ?? base.auth, service, timeout) })
  })
  // The errors of requests that were not sent: also what must be done once is repeated after them.
  const unsent = new WeakSet<object>()
  // Headers of the user may be keys, which spans must not show.
  const headerNames = Object.keys(settings.headers ?? {})
  // The server that served last is asked first.
  let first = 0

  const requestOf = ({ body, method, path, query }: C, { url }: Base) =>
    HttpClientRequest.make(method)(`${url}${path}`).pipe(
      HttpClientRequest.setUrlParams(
        Object.entries(query ?? {}).filter((entry): entry is [string, string | boolean] => entry[1] !== undefined)
      ),
      HttpClientRequest.setHeaders(settings.headers ?? {}),
      HttpClientRequest.accept(service.accept),
      (request) =>
        body === undefined ? request : HttpClientRequest.bodyText(request, JSON.stringify(body), service.mediaType)
    )

  const once = Effect.fnUntraced(function*(call: C, server: Server<E>, request: HttpClientRequest.HttpClientRequest) {
    const within = call.within === undefined ? timeout : Duration.min(timeout, call.within)
    const unavailable = (problem: string, cause?: unknown) =>
      service.unavailable(call.operation, problem, { url: server.url, cause })
    const exchange = Effect.gen(function*() {
      const { status, text } = yield* client.execute(request)
      return { status, body: bodyOf(yield* text) } satisfies Response
    })
    const answered = yield* exchange.pipe(
      Effect.mapError((error) => {
        const failure = unavailable(problemOf(error), causeOf(error))
        if (isUnsent(error)) unsent.add(failure)
        return failure
      }),
      Effect.updateService(Headers.CurrentRedactedNames, (names) => [...names, ...headerNames]),
      Effect.timeoutOption(within)
    )
    if (Option.isNone(answered)) {
      return yield* Effect.fail(unavailable(`no response within ${Duration.format(within)}`))
    }
    return answered.value
  })

  const judged = Effect.fnUntraced(function*(call: C, server: Server<E>) {
    const authorized = server.authorized.apply(requestOf(call, server))
    const request = yield* Effect.tapError(authorized, (error) => Effect.sync(() => unsent.add(error)))
    let response = yield* once(call, server, request)
    if (response.status === 401 && server.authorized.renew(request)) {
      response = yield* once(call, server, yield* authorized)
    }
    if (response.status < 300) return response.body
    return yield* Effect.fail(service.refused(call, response, { url: server.url }))
  })

  const mayRepeat = (call: C, error: E) =>
    service.isRetryable(error) && (call.onceOnly !== true || unsent.has(error) || service.isUndone(error))

  /** Asks one server after the other, until one is available. */
  const anywhere = Effect.fnUntraced(function*(call: C) {
    let failure: E | undefined
    for (let i = 0; i < servers.length; i++) {
      const at = (first + i) % servers.length
      const result = yield* Effect.result(judged(call, servers[at]!))
      if (result._tag === "Success" || !mayRepeat(call, result.failure)) {
        first = at
        return yield* Effect.fromResult(result)
      }
      failure ??= result.failure
    }
    return yield* Effect.fail(failure!)
  })

  return {
    url: servers.map(({ url }) => url).join(", "),
    send: Effect.fnUntraced(function*(call) {
      const until = settings.retry === undefined ? (yield* Clock.currentTimeMillis) + repeatedFor : Infinity
      return yield* Effect.retry(anywhere(call), {
        while: (error) =>
          mayRepeat(call, error)
            ? Effect.map(Clock.currentTimeMillis, (now) => now < until)
            : Effect.succeed(false),
        schedule: settings.retry ?? defaults.retry
      })
    })
  }
})

/** Reads the body of a response, which may not be what it should be. */
export const ask = <E, C extends Call, A>(
  { send, url }: Transport<E, C>,
  { unexpected }: Refusals<E>,
  call: C,
  read: (body: unknown) => A
): Effect.Effect<A, E> => {
  const lost = lostName(call.path)
  if (lost !== undefined) {
    return Effect.fail(unexpected(call.operation, 0, `no URL can have the name ${JSON.stringify(lost)}`, { url }))
  }
  return Effect.flatMap(send(call), (body) =>
    Effect.try({
      try: () => {
        checkNoPage(body)
        return read(body)
      },
      catch: (cause) =>
        unexpected(call.operation, 200, cause instanceof Error ? cause.message : String(cause), { url, cause })
    }))
}
