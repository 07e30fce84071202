import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import { SchemaRegistry } from "millrace/registry"
import type { RegistryError } from "millrace/registry"
import { globSync, readFileSync } from "node:fs"
import { fakeHttp, json } from "../../rest/fakeHttp.ts"
import type { Reply } from "../../rest/fakeHttp.ts"

type Registry = SchemaRegistry.Registry

const order = { type: "AVRO" as const, text: "\"string\"" }

const registryOf = (
  reply: (url: URL) => Reply,
  options: Partial<SchemaRegistry.Options> = {}
) => {
  const http = fakeHttp(reply)
  const layer = SchemaRegistry.layer({ url: "http://one", ...options }).pipe(Layer.provide(http.layer))
  const use = <A, E>(run: (registry: Registry) => Effect.Effect<A, E>) =>
    Effect.gen(function*() {
      return yield* run(yield* SchemaRegistry.Service)
    }).pipe(Effect.provide(layer))
  return { ...http, use }
}

const failureOf = <A>(effect: Effect.Effect<A, RegistryError.RegistryError>) => Effect.flip(effect)

/** Lets the repetitions of a request happen. */
const patiently = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust("5 minutes")
    return yield* Fiber.join(fiber)
  })

describe("the registry over HTTP", () => {
  // What a real registry was asked and returned.
  const recorded = globSync("test/fixtures/registry/*.json").map((file) =>
    JSON.parse(readFileSync(file, "utf8")) as {
      readonly request: { readonly method: string; readonly path: string }
      readonly response: { readonly status: number; readonly body: unknown }
    }
  )
  const replay = (method: string) => (url: URL): Reply => {
    const found = recorded.find(({ request }) =>
      request.method === method && request.path === `${url.pathname}${url.search}`
    )
    return found === undefined ? json({ message: `not recorded: ${url.pathname}${url.search}` }, 418) : found.response
  }

  it.effect("reads what a real registry returned", () =>
    registryOf(replay("GET")).use(Effect.fnUntraced(function*(registry) {
      const latest = yield* registry.version("orders-value", "latest")
      assert.deepStrictEqual([latest.subject, latest.version, latest.id, latest.type], ["orders-value", 2, 3, "AVRO"])
      assert.strictEqual((yield* registry.version("porders-value", "latest")).type, "PROTOBUF")
      assert.deepStrictEqual((yield* registry.version("invoice-value", 1)).references, [
        { name: "shop.Money", subject: "money-value", version: 1 }
      ])
      assert.deepStrictEqual(yield* registry.versions("orders-value"), [1, 2])
      assert.deepStrictEqual(yield* registry.referencedBy("money-value", 1), [7])
      assert.strictEqual(yield* registry.compatibility(), "NONE")
      assert.deepStrictEqual(yield* registry.contexts, [":.:"])
      assert.strictEqual((yield* failureOf(registry.version("nope", 1))).reason._tag, "SubjectNotFound")
      assert.strictEqual((yield* failureOf(registry.version("orders-value", 99))).reason._tag, "SchemaNotFound")
      assert.strictEqual((yield* failureOf(registry.byId(9999))).reason._tag, "SchemaNotFound")
    })))

  it.effect("asks the next registry when one is down, and stays with it", () => {
    const { requests, use } = registryOf(
      (url) => url.host === "two" ? json([]) : "refused",
      { url: ["http://one", "http://two"] }
    )
    return use(Effect.fnUntraced(function*(registry) {
      yield* registry.subjects()
      yield* registry.subjects()
      assert.deepStrictEqual(requests.map(({ url }) => new URL(url).host), ["one", "two", "two"])
    }))
  })

  it.effect("repeats what no registry could serve, and says so in the end", () => {
    const { requests, use } = registryOf(() => json({ error_code: 50001, message: "store down" }, 500))
    return patiently(use(Effect.fnUntraced(function*(registry) {
      const error = yield* failureOf(registry.subjects())
      assert.isTrue(error.isRetryable)
      assert.strictEqual(
        error.message,
        "list subjects (http://one): the registry is not available (status 500: store down); check its URL and that "
          + "it runs"
      )
      assert.strictEqual(requests.length, 4)
    })))
  })

  it.effect("repeats no refusal", () => {
    const { requests, use } = registryOf(() => json({ error_code: 42201, message: "bad" }, 422))
    return use(Effect.fnUntraced(function*(registry) {
      assert.strictEqual((yield* failureOf(registry.register("s", order))).reason._tag, "InvalidSchema")
      assert.strictEqual(requests.length, 1)
    }))
  })

  it.effect("takes a conflict for an incompatible schema only where a schema was sent to be a version", () => {
    const { use } = registryOf(() => json({ error_code: 409, message: "taken" }, 409))
    return use(Effect.fnUntraced(function*(registry) {
      const reasonOf = (call: Effect.Effect<unknown, RegistryError.RegistryError>) =>
        Effect.map(failureOf(call), ({ reason }) => reason._tag)
      assert.strictEqual(yield* reasonOf(registry.register("s", order)), "Incompatible")
      const others = [
        registry.version("s", 1),
        registry.versions("s"),
        registry.lookup("s", order),
        registry.check("s", order),
        registry.compatibility("s"),
        registry.setCompatibility("s", "FULL"),
        registry.setMode("s", "READONLY"),
        registry.deleteSubject("s"),
        registry.deleteVersion("s", 1),
        registry.referencedBy("s", 1)
      ]
      for (const call of others) assert.strictEqual(yield* reasonOf(call), "Unexpected")
    }))
  })

  it.effect("tells refusals apart by status and code", () => {
    let answer = json({})
    const { use } = registryOf(() => answer)
    return use(Effect.fnUntraced(function*(registry) {
      const refusals = [
        [404, 40401, "SubjectNotFound"],
        [404, 40402, "SchemaNotFound"],
        [404, 40403, "SchemaNotFound"],
        // Deleted, and not for good.
        [404, 40404, "SubjectNotFound"],
        [404, 40406, "SchemaNotFound"],
        // Deleted for good before it was deleted.
        [404, 40405, "Unexpected"],
        [404, 40407, "Unexpected"],
        [404, 404, "Unexpected"],
        [404, undefined, "Unexpected"],
        [401, 40101, "Unauthorized"],
        [403, 40301, "Unauthorized"],
        [422, 42201, "InvalidSchema"],
        [422, 42202, "Unexpected"],
        [422, 42205, "Unexpected"],
        [422, 42206, "Unexpected"],
        [501, undefined, "Unexpected"],
        [505, undefined, "Unexpected"]
      ] as const
      for (const [status, code, tag] of refusals) {
        answer = json({ error_code: code, message: "why" }, status)
        const { reason } = yield* failureOf(registry.deleteVersion("s", 1))
        assert.strictEqual(reason._tag, tag, `${status} ${code}`)
        if (reason._tag === "Unexpected") assert.deepStrictEqual([reason.status, reason.code], [status, code])
      }
    }))
  })

  it.effect("reads the level and the mode of all where a subject has none of its own", () => {
    const { use } = registryOf(({ pathname }) =>
      pathname.endsWith("/s")
        ? json({ error_code: pathname.startsWith("/mode") ? 40409 : 40408, message: "not configured" }, 404)
        : json({ compatibilityLevel: "FULL", mode: "READONLY" })
    )
    return use(Effect.fnUntraced(function*(registry) {
      assert.strictEqual(yield* registry.compatibility("s"), "FULL")
      assert.strictEqual(yield* registry.mode("s"), "READONLY")
    }))
  })

  it.effect("waits for no response for ever", () =>
    patiently(
      registryOf(() => "silent", { timeout: "2 seconds" }).use(Effect.fnUntraced(function*(registry) {
        const error = yield* failureOf(registry.subjects())
        assert.include(error.message, "no response within 2s")
      }))
    ))

  it.effect("sends credentials of the URL as a header, and shows them nowhere", () => {
    const { requests, use } = registryOf(() => "refused", { url: "http://user:s3cret@one/base/" })
    return patiently(use(Effect.fnUntraced(function*(registry) {
      const error = yield* failureOf(registry.subjects())
      assert.strictEqual(registry.url, "http://one/base")
      assert.notInclude(JSON.stringify([error.message, registry.url, requests[0]!.url]), "s3cret")
      assert.strictEqual(requests[0]!.headers["authorization"], `Basic ${btoa("user:s3cret")}`)
      assert.strictEqual(new URL(requests[0]!.url).pathname, "/base/subjects")
    })))
  })

  it.effect("fetches one token for all, and a new one when it is refused", () => {
    let issued = 0
    let valid = "t1"
    const http = fakeHttp((url, request) => {
      if (url.host === "login") return json({ access_token: `t${++issued}`, expires_in: 3_600 })
      return request.headers["authorization"] === `Bearer ${valid}` ? json([]) : json({ message: "expired" }, 401)
    })
    const layer = SchemaRegistry.layer({
      url: "http://one",
      auth: {
        _tag: "ClientCredentials",
        tokenUrl: "http://login/token",
        clientId: "me",
        clientSecret: Redacted.make("secret")
      }
    }).pipe(Layer.provide(http.layer))
    return Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      yield* Effect.all([registry.subjects(), registry.contexts], { concurrency: "unbounded" })
      assert.strictEqual(issued, 1)
      valid = "t2"
      yield* registry.subjects()
      assert.strictEqual(issued, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("says what no JSON, and no URL, is", () =>
    Effect.gen(function*() {
      const gateway = registryOf(() => json("<html>Bad Gateway</html>", 418))
      const error = yield* gateway.use((registry) => failureOf(registry.subjects()))
      assert.include(error.message, "status 418: <html>Bad Gateway</html>")
      const odd = yield* registryOf(() => json({ nothing: true })).use((registry) => failureOf(registry.versions("s")))
      assert.include(odd.message, "the body has no list")
      const page = registryOf(() => json("<html>Sign in</html>"))
      for (const set of [{ compatibility: "FULL" }, { mode: "READONLY" }] as const) {
        const error = yield* page.use((registry) =>
          failureOf(
            "mode" in set ? registry.setMode("s", set.mode) : registry.setCompatibility("s", set.compatibility)
          )
        )
        assert.include(error.message, "status 200: the body is a page of HTML")
      }
      const bad = registryOf(() => json([]), { url: "localhost:8081" })
      assert.include(
        (yield* Effect.flip(bad.use((registry) => registry.subjects()))).message,
        "neither http: nor https:"
      )
    }))

  it.effect("takes a subject that is not there for compatible with anything", () =>
    registryOf(() => json({ error_code: 40401, message: "Subject not found" }, 404)).use(
      Effect.fnUntraced(function*(registry) {
        assert.deepStrictEqual(yield* registry.check("new", order), { isCompatible: true, messages: [] })
      })
    ))

  it.effect("takes a reason for a message", () =>
    registryOf(() => json({ is_compatible: false, reason: "b at /fields/1" })).use(
      Effect.fnUntraced(function*(registry) {
        assert.deepStrictEqual((yield* registry.check("s", order)).messages, ["b at /fields/1"])
      })
    ))

  it.effect("asks about each version that counts where a registry cannot check by the level", () => {
    let level = "BACKWARD_TRANSITIVE"
    const { requests, use } = registryOf(({ pathname }) => {
      if (pathname.startsWith("/config/")) return json({ compatibilityLevel: level })
      if (pathname === "/subjects/s/versions") return json([1, 2])
      if (pathname === "/compatibility/subjects/s/versions") return json({ error_code: 404, message: "Not Found" }, 404)
      return json({ is_compatible: !pathname.endsWith("/1"), messages: pathname.endsWith("/1") ? ["no default"] : [] })
    })
    return use(Effect.fnUntraced(function*(registry) {
      assert.deepStrictEqual(yield* registry.check("s", order), { isCompatible: false, messages: ["no default"] })
      level = "BACKWARD"
      assert.isTrue((yield* registry.check("s", order)).isCompatible)
      const paths = requests.map(({ url }) => new URL(url).pathname).filter((path) => path.startsWith("/compat"))
      const checked = "/compatibility/subjects/s/versions"
      assert.deepStrictEqual(paths, [checked, `${checked}/2`, `${checked}/1`, checked, `${checked}/latest`])
    }))
  })
})

describe("what is kept of a registry", () => {
  const schema = json({ schema: "\"string\"" })
  const version = json({ subject: "s", version: 1, id: 1, schema: "\"string\"" })

  it.effect("is an id, for good and once for all who ask", () => {
    const { requests, use } = registryOf(() => schema)
    return use(Effect.fnUntraced(function*(registry) {
      yield* Effect.all(Array.from({ length: 50 }, () => registry.byId(1)), { concurrency: "unbounded" })
      yield* TestClock.adjust("30 days")
      yield* registry.byId(1)
      assert.strictEqual(requests.length, 1)
      yield* registry.byId(1, ":.other:s")
      assert.strictEqual(requests.length, 2)
      assert.include(requests[1]!.url, "subject=%3A.other%3A")
    }))
  })

  it.effect("is what is missing, for a while; a failure is not kept", () => {
    let reply: Reply = json({ error_code: 40403, message: "no" }, 404)
    const { requests, use } = registryOf(() => reply)
    return use(Effect.fnUntraced(function*(registry) {
      yield* failureOf(registry.byId(7))
      yield* failureOf(registry.byId(7))
      assert.strictEqual(requests.length, 1)
      yield* TestClock.adjust("11 seconds")
      reply = json({ message: "busy" }, 403)
      yield* failureOf(registry.byId(7))
      reply = schema
      yield* registry.byId(7)
      assert.strictEqual(requests.length, 3)
    }))
  })

  it.effect("is the latest version, for a while and until something is registered", () => {
    const { requests, use } = registryOf((url) => url.pathname.endsWith("/versions") ? json({ id: 2 }) : version)
    return use(Effect.fnUntraced(function*(registry) {
      const latest = registry.version("s", "latest")
      yield* Effect.andThen(latest, latest)
      assert.strictEqual(requests.length, 1)
      yield* TestClock.adjust("6 minutes")
      yield* latest
      assert.strictEqual(requests.length, 2)
      yield* registry.register("s", order)
      yield* latest
      assert.strictEqual(requests.length, 4)
    }))
  })
})
