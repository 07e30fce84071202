/** What clients of HTTP services share, seen through the registry: URLs, names, and tokens. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { SchemaRegistry } from "millrace/registry"
import { inspect } from "node:util"
import { fakeHttp, json } from "./fakeHttp.ts"

const at = (reply: Parameters<typeof fakeHttp>[0], options: Partial<SchemaRegistry.Options> = {}) => {
  const http = fakeHttp(reply)
  const layer = SchemaRegistry.layer({ url: "http://one", retry: Schedule.recurs(0), ...options })
  return { ...http, provided: Effect.provide(layer.pipe(Layer.provide(http.layer))) }
}

const credentials = (tokenUrl = "http://login/token") => ({
  _tag: "ClientCredentials" as const,
  ...{ tokenUrl, clientId: "me", clientSecret: Redacted.make("s3cret") }
})

const subjects = Effect.flatMap(SchemaRegistry.Service, (registry) => registry.subjects())

describe("the URL of a service", () => {
  it.effect("takes a password with a percent sign as it is", () => {
    const { provided, requests } = at(() => json([]), { url: "http://me:100%25%sure@one" })
    return Effect.gen(function*() {
      yield* provided(subjects)
      assert.strictEqual(requests[0]!.headers["authorization"], `Basic ${btoa("me:100%25%sure")}`)
    })
  })

  for (const url of ["http://one?apiKey=s3cret", "http://one/base#s3cret"]) {
    it.effect(`is refused where no path can follow it, without showing it: ${/[?#]/.exec(url)![0]}`, () =>
      Effect.gen(function*() {
        const { provided, requests } = at(() => json([]), { url })
        const exit = yield* Effect.exit(provided(subjects))
        assert.match(inspect(exit, { depth: 9 }), /setting `url`: it ends with a query or a fragment/)
        assert.notInclude(inspect(exit, { depth: 9 }), "s3cret")
        assert.lengthOf(requests, 0)
      }))
  }

  it.effect("that tokens come from is checked, and not shown where it has credentials", () =>
    Effect.gen(function*() {
      for (const tokenUrl of ["nonsense", "ftp://login", "http://me:s3cret@login/token"]) {
        const { provided, requests } = at(() => json([]), { auth: credentials(tokenUrl) })
        const error = yield* Effect.flip(provided(subjects))
        assert.match(error.message, /^configuration: setting `auth\.tokenUrl`: /)
        assert.notInclude(inspect(error, { depth: 9 }), "s3cret")
        assert.lengthOf(requests, 0)
      }
    }))

  it.effect("has no name that would lead to something else", () =>
    Effect.gen(function*() {
      const { provided, requests } = at(() => json([]))
      for (const name of ["", ".", ".."]) {
        const error = yield* Effect.flip(provided(
          Effect.flatMap(SchemaRegistry.Service, (registry) => registry.deleteSubject(name))
        ))
        assert.include(error.message, `no URL can have the name ${JSON.stringify(name)}`)
      }
      assert.lengthOf(requests, 0)
    }))
})

describe("a token", () => {
  it.effect("is waited for no longer than for the service itself", () => {
    const { provided } = at(({ host }) => host === "login" ? "silent" : json([]), {
      auth: credentials(),
      timeout: "2 seconds"
    })
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.flip(provided(subjects)))
      yield* TestClock.adjust("2 seconds")
      const error = yield* Fiber.join(fiber)
      assert.isTrue(error.isRetryable)
      assert.match(error.message, /fetch a token \(http:\/\/login\/token\).*no response within 2s/)
    })
  })

  it.effect("that lives shortly is used for half of its life", () => {
    let issued = 0
    const { provided } = at(
      ({ host }) => host === "login" ? json({ access_token: `t${++issued}`, expires_in: 20 }) : json([]),
      { auth: credentials() }
    )
    return provided(Effect.gen(function*() {
      yield* Effect.andThen(subjects, subjects)
      assert.strictEqual(issued, 1)
      yield* TestClock.adjust("11 seconds")
      yield* subjects
      assert.strictEqual(issued, 2)
    }))
  })

  it.effect("that was refused is fetched anew once, however many were refused with it", () => {
    let issued = 0
    const http = fakeHttp((url, request) => {
      if (url.host === "login") return json({ access_token: `t${++issued}`, expires_in: 3_600 })
      // The first one was revoked, and only the newest one is taken.
      const good = `Bearer t${Math.max(issued, 2)}`
      return request.headers["authorization"] === good ? json([]) : json({ message: "revoked" }, 401)
    })
    const slow = Layer.effect(
      HttpClient.HttpClient,
      Effect.map(
        HttpClient.HttpClient,
        HttpClient.transform((response, { url }) => Effect.delay(response, Number(/\d+/.exec(url)?.[0] ?? 5)))
      )
    )
    const layer = SchemaRegistry.layer({ url: "http://one", auth: credentials() }).pipe(
      Layer.provide(slow),
      Layer.provide(http.layer)
    )
    return Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      const names = Array.from({ length: 20 }, (_, i) => `s${i * 10 + 20}`)
      const fiber = yield* Effect.forkChild(
        Effect.forEach(names, (subject) => registry.versions(subject), { concurrency: "unbounded" })
      )
      while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("5 millis")
      assert.lengthOf(yield* Fiber.join(fiber), 20)
      assert.strictEqual(issued, 2)
    }).pipe(Effect.provide(layer))
  })
})
