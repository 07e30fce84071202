import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { locationOf } from "../../src/rest/restConfig.ts"

const read = (env: Record<string, string>) => locationOf("IT").parse(ConfigProvider.fromUnknown(env))

describe("the place of a service from configuration", () => {
  it.effect("is one URL, or several with commas", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* read({ IT_URL: "http://a" }), { url: ["http://a"], auth: undefined })
      const { url } = yield* read({ IT_URL: " http://a, http://b,, " })
      assert.deepStrictEqual(url, ["http://a", "http://b"])
    }))

  it.effect("has a user with a password, or a token, which wins", () =>
    Effect.gen(function*() {
      const basic = { IT_URL: "http://a", IT_USERNAME: "u", IT_PASSWORD: "p" }
      const { auth } = yield* read(basic)
      assert.isTrue(auth?._tag === "Basic" && auth.username === "u" && Redacted.value(auth.password) === "p")
      assert.strictEqual((yield* read({ IT_URL: "http://a", IT_USERNAME: "", IT_TOKEN: "" })).auth, undefined)
      assert.strictEqual((yield* read({ ...basic, IT_TOKEN: "" })).auth?._tag, "Basic")
      const bearer = (yield* read({ ...basic, IT_TOKEN: "t" })).auth
      assert.isTrue(bearer?._tag === "Bearer" && Redacted.value(bearer.token) === "t")
    }))

  it.effect("names the variable that is missing", () =>
    Effect.gen(function*() {
      assert.include(String(yield* Effect.flip(read({}))), "IT_URL")
      const error = yield* Effect.flip(read({ IT_URL: "http://a", IT_USERNAME: "u" }))
      assert.include(String(error), "IT_PASSWORD")
    }))
})
