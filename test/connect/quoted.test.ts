/** Connect quotes what it was given: in traces of tasks, and in what it refuses. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { Connector, Connectors, KafkaConnect } from "millrace/connect"
import { scrub, secretsOf } from "../../src/connect/config/secrets.ts"
import { fakeHttp, json } from "../rest/fakeHttp.ts"
import type { Reply } from "../rest/fakeHttp.ts"

const secret = "hunter2-of-a-planted-secret"
const plugin = "com.example.Talk"

const failing = (name: string, words: string) => ({
  name,
  connector: { state: "RUNNING", worker_id: "w" },
  tasks: [{ id: 0, state: "FAILED", worker_id: "w", trace: `java.lang.Error: ${words}\n\tat A.b` }]
})

/** A worker with one connector, whose task failed with these words; `masks`: it hides the settings. */
const worker = (
  config: Record<string, string>,
  words: string,
  reply: (path: string) => Reply | undefined = () => undefined
) => {
  const info = { name: "talk", config: { "connector.class": plugin, ...config }, tasks: [] }
  const { layer, requests } = fakeHttp(({ pathname, searchParams }) =>
    reply(pathname) ?? (pathname === "/connectors"
      ? json({ talk: searchParams.get("expand") === "info" ? { info } : { status: failing("talk", words) } })
      : pathname.endsWith("/status")
      ? json(failing("talk", words))
      : pathname === `/connector-plugins/${plugin}/config`
      ? json([{ name: "my.pin", type: "PASSWORD" }])
      : json(info))
  )
  return {
    requests,
    layer: KafkaConnect.layer({ url: "http://one" }).pipe(Layer.provide(layer))
  }
}

/** All that a program sees of the connector. */
const everything = Effect.fnUntraced(function*(declared: Connector.Options["config"] = {}) {
  const connect = yield* KafkaConnect.Service
  const talk = Connector.make("talk", { plugin, config: { topics: "orders", ...declared } })
  const seen: Array<unknown> = [
    yield* connect.status("talk"),
    (yield* connect.connectors).map(({ status }) => status)
  ]
  return { seen, watched: yield* watchOf(talk), settled: yield* settledOf(talk) }
})

const watchOf = (talk: Connector.Connector) =>
  Stream.runCollect(Stream.take(Connectors.watch([talk], { restart: "never" }), 1))

const settledOf = Effect.fnUntraced(function*(talk: Connector.Connector) {
  const error = yield* Effect.flip(Connectors.settled("talk", "0 seconds", { connector: talk }))
  return error.message
})

describe("a trace", () => {
  for (
    const [what, config, words, quoted] of [
      ["of a setting by its name", { "db.password": secret }, `no login with ${secret}`, secret],
      ["of what the plugin calls a password", { "my.pin": secret }, `no login with ${secret}`, secret],
      [
        "of a key in PEM",
        { "db.auth": "-----BEGIN PRIVATE KEY-----\nMIIEvQhunter2\n-----END PRIVATE KEY-----" },
        "not PEM: MIIEvQhunter2",
        "MIIEvQhunter2"
      ],
      [
        "that goes over lines",
        { "db.password": "hunter2-first\nhunter2-second" },
        "no login with hunter2-first\nhunter2-second",
        "hunter2"
      ],
      ["that is cut", { "db.password": secret }, `${"x".repeat(975)} ${secret}`, secret.slice(0, 6)],
      ["in JSON", { "db.password": "hunter2\"\\quoted" }, String.raw`cannot read "hunter2\"\\quoted"`, "hunter2"],
      ["in a URL", { "db.password": "hunter2 /&?" }, "GET /?p=hunter2%20%2F%26%3F", "hunter2"],
      ["of a URL that is escaped", { "db.url": "http://u:hunter2%20x@h" }, "no login of u with hunter2 x", "hunter2"]
    ] as const
  ) {
    it.effect(`says no secret ${what}`, () =>
      Effect.gen(function*() {
        const { seen, settled, watched } = yield* everything()
        for (const each of [seen, settled, watched]) {
          const text = JSON.stringify(each)
          assert.include(text, "java.lang.Error: ")
          assert.notInclude(text, quoted)
        }
      }).pipe(Effect.provide(worker(config, words).layer)))
  }

  it.effect("says no secret of the declaration where Connect hides the settings, or does not know them for such", () =>
    Effect.gen(function*() {
      for (const config of [{ "my.own": "••••••" }, { "my.own": secret }]) {
        const { settled, watched } = yield* Effect.provide(
          everything({ "my.own": Redacted.make(secret), "my.list": ["a", "b"] }),
          worker(config, `no login with ${secret}`).layer
        )
        for (const each of [settled, watched]) {
          assert.include(JSON.stringify(each), "no login with <redacted>")
          assert.notInclude(JSON.stringify(each), secret)
        }
      }
    }))

  it.effect("is left out where the settings that tell secrets apart cannot be read", () =>
    Effect.gen(function*() {
      const { layer } = worker({ "db.password": secret }, `no login with ${secret}`, (path) =>
        path === "/connectors/talk" ? json({ error_code: 403, message: "no" }, 403) : undefined)
      const status = yield* Effect.provide(
        Effect.flatMap(KafkaConnect.Service, (c) =>
          c.status("talk")),
        layer
      )
      assert.strictEqual(status.tasks[0]!.state, "FAILED")
      assert.match(status.tasks[0]!.trace!, /^left out: .*settings.*could not be read/)
    }))

  it.effect("costs no request where there is none", () =>
    Effect.gen(function*() {
      const well = { name: "talk", connector: { state: "RUNNING", worker_id: "w" }, tasks: [] }
      const { layer, requests } = worker({}, "", (path) => path.endsWith("/status") ? json(well) : undefined)
      yield* Effect.provide(Effect.flatMap(KafkaConnect.Service, (c) => c.status("talk")), layer)
      assert.lengthOf(requests, 1)
    }))
})

describe("a text", () => {
  const scrubbed = (text: string, ...secrets: ReadonlyArray<string>) =>
    scrub(text, secretsOf(Object.fromEntries(secrets.map((each, i) => [`s${i}.password`, each]))))

  it("is readable although secrets are short, or are parts of what stands for them", () => {
    assert.strictEqual(scrubbed("abc abc", "abc", "red", "e"), "<redacted> <redacted>")
    assert.strictEqual(scrubbed("no login with abcd", "abc", "abcd"), "no login with <redacted>")
    assert.strictEqual(scrub("no login with abcd", ["abc", "abcd"]), "no login with <redacted>")
    assert.strictEqual(scrubbed("cost: $& and $1", "$&"), "cost: <redacted> and $1")
  })

  it("has no secret of a setting that is called like one", () => {
    for (
      const key of [
        "sasl.jaas.config",
        "producer.override.sasl.jaas.config",
        "ssl.key.password",
        "ssl.keystore.key",
        "ssl.key",
        "database.pwd",
        "redis.pass",
        "signing.key",
        "http.authorization",
        "api.token",
        "azure.sas.token",
        "hmac.key"
      ]
    ) assert.deepStrictEqual(secretsOf({ [key]: "x1" }), ["x1"], key)
    for (
      const key of [
        "key.converter",
        "message.key.columns",
        "tasks.max",
        "ssl.truststore.location",
        "bypass.enabled",
        "passthrough",
        "token.endpoint",
        "max.tokens.max",
        "topic",
        "transforms.compass",
        "primary.key",
        "pk.fields"
      ]
    ) assert.deepStrictEqual(secretsOf({ [key]: "x1" }), [], key)
  })
})
