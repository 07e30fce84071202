/** Settings that callers without types misspell, or give a wrong type: refused by their name, never ignored. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { FetchHttpClient } from "effect/http"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Codec, Consumer, DeadLetters, KeyOffsetStore, OnFailure, Record, Switches, Topic } from "millrace"
import { defineConfig } from "millrace/cli"
import { ConfluentKafka } from "millrace/confluent"
import { Connectors, KafkaConnect } from "millrace/connect"
import { Codec as Registered, SchemaRegistry } from "millrace/registry"
import { InMemoryKafka } from "millrace/testing"
import type * as KafkaEngine from "../src/engine/KafkaEngine.ts"

/** Hands in whatever it is. */
const any = (value: unknown): any => value

const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
const ignore = () => Effect.void
const codecs = { key: Codec.none, value: Codec.string }

const consumer = (settings: object, options?: unknown) =>
  Consumer.make("notes", {
    offsetReset: "earliest",
    onFailure: OnFailure.stop,
    handlers: [Topic.handle(Notes, ignore, any(options))],
    ...settings
  })

type Table = ReadonlyArray<readonly [what: string, given: object, says: RegExp]>

describe("settings of a consumer", () => {
  const table: Table = [
    ["a misspelt setting", { drainTimout: "1 second" }, /"drainTimout"; did you mean "drainTimeout"\? there is: iso/],
    ["a misspelt setting of the engine", { sessionTimeOut: "1 second" }, /did you mean "sessionTimeout"/],
    ["a text as number", { chunkRecords: "300" }, /chunkRecords.*"300" is not a number/],
    ["a duration that is none", { sessionTimeout: "45 secs" }, /sessionTimeout.*"45 secs" is not a duration/],
    ["a duration without a unit", { commitInterval: "1" }, /commitInterval.*"1" is not a duration/],
    ["NaN", { commitInterval: Number.NaN }, /commitInterval.*NaN is not a duration/],
    ["a negative time", { fetchMaxWait: -1 }, /fetchMaxWait.*-1 is not a duration/],
    ["a misspelt unit", { drainTimeout: { secnds: 1 } }, /drainTimeout.*an object is not a duration/],
    ["an endless session", { sessionTimeout: Duration.infinity }, /sessionTimeout.*is not a duration/],
    ["half a byte", { fetchMinBytes: 1.5 }, /fetchMinBytes.*1\.5 is not a whole number/],
    ["a number as member id", { groupInstanceId: 1 }, /groupInstanceId.*1 is not a text/],
    ["null", { bufferBytes: null }, /bufferBytes.*null is not a number/],
    ["true for tracing", { tracing: true }, /tracing.*true is not "off" or "record"/],
    ["a number as restart", { restart: 3 }, /restart.*3 is not a Schedule/],
    ["a wrong isolation", { isolation: "read_commited" }, /"read_commited" is not "read_committed" or/],
    ["retries as text", { retries: "create" }, /retries.*"create" is not an object of topics/],
    ["a misspelt field of retries", { retries: { topic: "require" } }, /retries\.topic.*did you mean "topics"/],
    [
      "a wrong value in retries",
      { retries: { topics: "creat" } },
      /retries\.topics.*"creat" is not "create" or "require"/
    ],
    ["a text as flag", { retries: { transactional: "false" } }, /retries\.transactional.*"false" is not true or false/],
    [
      "a misspelt limit",
      { retries: { deadLetterLimit: { consecutiv: 3 } } },
      /retries\.deadLetterLimit\.consecutiv.*did/
    ],
    [
      "numbers as topic settings",
      { retries: { config: { "retention.ms": 5 } } },
      /retries\.config.*an object of texts/
    ],
    [
      "a naming without functions",
      { retries: { naming: { retry: "x" } } },
      /retries\.naming\.retry.*is not a function/
    ],
    ["no offsetReset", { offsetReset: undefined }, /offsetReset.*undefined is not "earliest"/],
    ["offsetReset of the Java client's spelling", { offsetReset: "Earliest" }, /offsetReset.*"Earliest" is not/]
  ]
  it.effect.each(table)("%s", ([, settings, says]) =>
    Effect.gen(function*() {
      const made = consumer(settings)
      const runs: ReadonlyArray<Effect.Effect<unknown, any, KafkaEngine.Service>> = [
        Consumer.validate(made),
        Consumer.run(made),
        Effect.provide(Effect.void, Consumer.layer(made)),
        DeadLetters.list(made),
        Stream.runDrain(Consumer.records("notes", Notes, any({ offsetReset: "earliest", ...settings })))
      ]
      for (const run of runs) {
        const error = yield* Effect.flip(run)
        assert.strictEqual(error.reason._tag, "InvalidSetting")
        assert.match(error.message, says)
      }
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("all settings that there are are taken", () =>
    Consumer.validate(consumer({
      isolation: "read_committed",
      groupProtocol: "classic",
      assignor: "range",
      groupInstanceId: "a",
      commitInterval: 5000,
      sessionTimeout: { seconds: 45, minutes: undefined },
      maxPollInterval: Duration.minutes(5),
      fetchMaxWait: [0, 500_000_000],
      fetchMinBytes: 1,
      metadataRefresh: 30_000n,
      drainTimeout: "30 seconds",
      closeTimeout: 0,
      maxHandlerStall: Duration.infinity,
      chunkRecords: 10,
      bufferRecords: 100,
      bufferBytes: 1000,
      until: "end",
      tracing: "record",
      restart: Schedule.recurs(1),
      retries: {
        topics: "create",
        config: {},
        group: "notes.again",
        otherReaders: "warn",
        publish: Schedule.recurs(1),
        transactional: false,
        errorFields: true,
        deadLetterLimit: { consecutive: 3, ratio: 0.5, window: 100 }
      }
    })))
})

const Tagged = Topic.make("tagged", {
  key: Codec.none,
  value: Codec.nullable(Codec.json(Schema.Union([
    Schema.TaggedStruct("Opened", { id: Schema.String }),
    class Closed extends Schema.TaggedClass<Closed>()("Closed", { id: Schema.String }) {}
  ])))
})

describe("what throws where it is made", () => {
  const handler = (options: unknown) => () => Topic.handle(Notes, ignore, any(options))
  const cases = (of: unknown) => () => Topic.handleTags(any(Tagged), any(of))
  const memory = (options: unknown) => () => InMemoryKafka.layerWith(any(options))
  const table: ReadonlyArray<readonly [what: string, make: () => unknown, says: RegExp]> = [
    [
      "a misspelt option of a handler",
      handler({ concurency: 4 }),
      /Topic\(notes\).*"concurency"; did you mean "concurr/
    ],
    ["an option of batches", handler({ maxSize: 4 }), /unknown field "maxSize"/],
    ["null as options", handler(null), /null is no object of onFailure/],
    ["a policy as options", handler(OnFailure.stop), /unknown field/],
    [
      "a misspelt option of batches",
      () => Topic.handleBatch(Notes, ignore, any({ maxsize: 4 })),
      /did you mean "maxSize"/
    ],
    [
      "a misspelt option of transactions",
      () => Topic.handleTransactional(Notes, ignore, any({ transactionalID: "a" })),
      /did you mean "transactionalId"/
    ],
    ["a number as id", () => Topic.handleTransactional(Notes, ignore, any({ transactionalId: 1 })), /1 is not a text/],
    [
      "no startOffsets",
      () => Topic.handleOwningOffsets(Notes, ignore, any({ startOffset: ignore })),
      /did you mean "startOffsets"/
    ],
    ["no startOffsets at all", () => Topic.handleOwningOffsets(Notes, ignore, any({})), /startOffsets is missing/],
    [
      "a tag that is none",
      cases({ Opened: ignore, Closd: ignore, _: ignore }),
      /"Closd"; did you mean "Closed"\? there/
    ],
    ["a case that is no function", cases({ Opened: "x", _: ignore }), /Opened: "x" is not a function/],
    ["a tag that is left out", cases({ Opened: ignore }), /no case for the tag "Closed"; add it, or _/],
    ["a tag without a function", cases({ Opened: ignore, Closed: undefined }), /no case for the tag "Closed"/],
    ["cases that are none", cases(undefined), /undefined is no object of Opened, Closed/],
    ["a switch that is none", () => Switches.layer(any({ produces: false })), /"produces"; did you mean "produce"/],
    ["a text as switch", () => Switches.layer(any({ produce: "off" })), /produce: "off" is not true or false/],
    ["null as switches", () => Switches.layer(any(null)), /null is no object of produce, consume/],
    ["a misspelt setting of a cluster", memory({ autoCreateTopic: false }), /did you mean "autoCreateTopics"/],
    ["a text as flag", memory({ autoCreateTopics: "false" }), /"false" is not true or false/],
    ["no partitions", memory({ defaultPartitions: 0 }), /defaultPartitions: 0 is not a whole number of at least 1/],
    [
      "a misspelt setting of its consumers",
      memory({ consumer: { commitIntervall: 1 } }),
      /consumer\.commitIntervall: /
    ],
    [
      "a setting of a producer that is none",
      memory({ producer: { ack: "all" } }),
      /producer\.ack: .*did you mean "acks"/
    ],
    ["a number as acks", memory({ producer: { acks: 1 } }), /producer\.acks: 1 is not "all" or "leader" or "none"/],
    ["a text as size", memory({ producer: { bufferRecords: "9" } }), /producer\.bufferRecords: "9" is not a whole/],
    ["nothing to be nullable", () => Codec.nullable(any(undefined)), /Codec\.nullable: undefined is not a codec/],
    [
      "a nullable Schema",
      () => Codec.nullable(any(Schema.String)),
      /Codec\.nullable: a Schema is not a codec; wrap it/
    ],
    ["JSON of a codec", () => Codec.json(any(Codec.string)), /Codec\.json: it takes a Schema, and this is a codec/],
    ["JSON of nothing", () => Codec.json(any(undefined)), /Codec\.json: it takes a Schema, and this is undefined/],
    ["text of a name", () => Codec.text(any("string")), /Codec\.text: it takes a Schema, and this is "string"/],
    ["a map of a Schema", () => Codec.map(any(Schema.String), any({ decode: ignore, encode: ignore })), /not a codec/],
    [
      "a map with a misspelt function",
      () => Codec.map(Codec.string, any({ decode: ignore, encod: ignore })),
      /did you mean "encode"/
    ],
    ["a map with one function", () => Codec.map(Codec.string, any({ decode: ignore })), /encode is missing/],
    [
      "a codec of functions with other names",
      () => Codec.make(any({ decode: ignore, encode: ignore })),
      /"decode"; did/
    ],
    ["a codec without one", () => Codec.make(any({ decoder: ignore })), /Codec\.make: encoder is missing/],
    ["limits of a store", () => KeyOffsetStore.layerMemory(any({ maxKey: 1 })), /did you mean "maxKeys"/],
    ["a policy's misspelt option", () => OnFailure.make(() => OnFailure.skip, any({ use: [] })), /did you mean "uses"/],
    [
      "a policy of nothing",
      () => OnFailure.make(any(undefined)),
      /OnFailure\.make: decide: undefined is not a function/
    ],
    [
      "a routing by name",
      () => OnFailure.route(OnFailure.stop, any("dlt")),
      /OnFailure\.route: to: "dlt" is not a func/
    ],
    [
      "a use that is none",
      () => OnFailure.make(() => OnFailure.skip, any({ uses: OnFailure.deadLetter })),
      /uses: .* is not an array of policies/
    ],
    ["a name of a decision", () => OnFailure.stop.pipe(OnFailure.andThen(any("skip"))), /andThen: "skip" is no policy/],
    ["no policy for poison", () => OnFailure.poison(OnFailure.stop, any(undefined)), /poison: undefined is no policy/],
    ["a handler for a tag", () => OnFailure.tag(OnFailure.stop, "A", any(Topic.skip)), /tag: a function is no policy/],
    ["nothing to be wrapped", () => OnFailure.defect(any(null), OnFailure.skip), /defect: null is no policy/],
    [
      "no tag at all",
      () => OnFailure.tag(OnFailure.stop, [], OnFailure.skip),
      /tag: tags: an array is not a tag, or an a/
    ],
    [
      "a tag that is no text",
      () => OnFailure.tag(OnFailure.stop, any(5), OnFailure.skip),
      /tags: 5 is not a tag, or an a/
    ],
    ["a wait of a Promise", () => OnFailure.wait(any(Promise.resolve(1))), /wait: .* is no finite duration/],
    ["a wait of a misspelt unit", () => OnFailure.wait(any({ second: 1 })), /wait: .* is no finite duration/],
    [
      "a dead letter topic that is missing",
      () => OnFailure.deadLetterTo(any(undefined)),
      /To: topic name undefined is/
    ],
    [
      "a guard without a policy",
      () => KeyOffsetStore.guard(OnFailure.stop, any({ when: () => true })),
      /guard: stale: undefined is no policy/
    ],
    [
      "a guard with a flag",
      () => KeyOffsetStore.guard(OnFailure.stop, any({ when: true, stale: OnFailure.skip })),
      /guard: when: true is not a function/
    ],
    ["a topic whose name is missing", () => Topic.make(any(undefined), any(codecs)), /topic name undefined is no text/],
    ["a topic whose name is a number", () => Topic.make(any(1), any(codecs)), /topic name 1 is no text/],
    [
      "Avro of a codec",
      () => Registered.avro(any(Codec.string)),
      /Codec\.avro: it takes a Schema, and this is a codec/
    ],
    ["Protobuf of nothing", () => Registered.protobuf(any(undefined)), /Codec\.protobuf: .* this is undefined/],
    ["JSON Schema of a text", () => Registered.jsonSchema(any("x")), /Codec\.jsonSchema: .* this is "x"/],
    [
      "metadata that are none",
      () => Registered.avro(Schema.String, any({ writeWith: { metadata: null } })),
      /Codec\.avro: writeWith: /
    ],
    ["a message that is none", () => Record.make(Notes, any(undefined)), /Record\.make: undefined is no message/],
    ["a misspelt place", () => Record.make(Notes, { key: null, value: "" }, any({ ofset: 1 })), /mean "offset"/],
    [
      "an offset as text",
      () => Record.make(Notes, { key: null, value: "" }, any({ offset: "1" })),
      /offset: "1" is not a/
    ],
    ["a misspelt field of a config", () => defineConfig(any({ engines: 1 })), /defineConfig.*did you mean "engine"/]
  ]
  it.each(table)("%s", (_, make, says) => assert.throws(make, says))
})

const failing = (layer: Layer.Layer<any, unknown>) =>
  Effect.map(Effect.flip(Effect.scoped(Layer.build(layer))), (error: any): string => error.message)

describe("layers of real services", () => {
  const servers = { bootstrapServers: ["localhost:1"] }
  const password = "hunter2"
  const clusters: Table = [
    ["a misspelt setting", { ...servers, clientID: "a" }, /"clientID"; did you mean "clientId"/],
    ["no servers", {}, /bootstrapServers.*is empty/],
    ["one server as text", { bootstrapServers: "localhost:9092" }, /bootstrapServers.*is not an array of texts/],
    [
      "a setting of consumers",
      { ...servers, consumer: { isolaton: 1 } },
      /consumer\.isolaton.*did you mean "isolation"/
    ],
    ["a setting of producers", { ...servers, producer: { linger: "5" } }, /producer\.linger.*"5" is not a duration/],
    ["a timeout that is none", { ...servers, requestTimeout: "soon" }, /requestTimeout.*"soon" is not a duration/],
    ["tls as text", { ...servers, tls: "true" }, /tls.*"true" is not true, false or an object of ca/],
    ["a misspelt part of tls", { ...servers, tls: { CA: "x" } }, /tls\.CA/],
    [
      "a door of another name",
      { ...servers, librdkafka: { globals: {} } },
      /librdkafka\.globals.*did you mean "global"/
    ],
    [
      "a mechanism in capitals",
      { ...servers, sasl: { mechanism: "PLAIN" } },
      /sasl\.mechanism.*"PLAIN" is not "plain"/
    ],
    [
      "a plain password",
      { ...servers, sasl: { mechanism: "plain", username: "a", password } },
      /a string is not Redacted/
    ],
    ["no password", { ...servers, sasl: { mechanism: "plain", username: "a" } }, /sasl\.password.*is missing/]
  ]
  it.effect.each(clusters)("of a cluster: %s", ([, options, says]) =>
    Effect.gen(function*() {
      const message = yield* failing(ConfluentKafka.layer(any(options)))
      assert.match(message, says)
      assert.notInclude(message, password)
    }))

  const url = "http://localhost:1"
  const registries: Table = [
    ["a misspelt setting", { url, timeOut: 1 }, /timeOut.*did you mean "timeout"/],
    ["no URL", {}, /url.*is missing/],
    ["a URL that is a number", { url: 5 }, /url.*a number is not a URL or an array/],
    ["credentials of no kind", { url, auth: { _tag: "basic", password } }, /auth.*"basic" is not "Basic" or "Bearer"/],
    ["credentials without a kind", { url, auth: { username: "a" } }, /auth.*null is not "Basic"/],
    ["a plain password", { url, auth: { _tag: "Basic", username: "a", password } }, /auth\.password.*is not Redacted/],
    ["a misspelt part of it", { url, auth: { _tag: "Bearer", tokn: password } }, /auth\.tokn.*did you mean "token"/],
    ["a missing part of it", { url, auth: { _tag: "Basic", username: "a" } }, /auth\.password.*is missing/],
    ["a number as header", { url, headers: { tenant: 1 } }, /headers.*is not an object of texts/],
    ["a number of retries", { url, retry: 3 }, /retry.*3 is not a Schedule/],
    ["a time that is none", { url, latestTtl: "5" }, /latestTtl.*"5" is not a duration/]
  ]
  it.effect.each(registries)("of a registry: %s", ([, options, says]) =>
    Effect.gen(function*() {
      const message = yield* failing(
        SchemaRegistry.layer(any(options)).pipe(Layer.provide(FetchHttpClient.layer))
      )
      assert.match(message, says)
      assert.notInclude(message, password)
    }))

  const services: Table = registries.filter(([what]) => what !== "a time that is none")
  it.effect.each(services)("of Connect: %s", ([, options, says]) =>
    Effect.gen(function*() {
      const message = yield* failing(KafkaConnect.layer(any(options)).pipe(Layer.provide(FetchHttpClient.layer)))
      assert.match(message, says)
      assert.notInclude(message, password)
    }))

  it("of plans and watches of connectors", () => {
    assert.throws(() => Connectors.plan([], any({ prefx: "a" })), /prefx.*did you mean "prefix"/)
    assert.throws(() => Connectors.plan([], any({ ignore: "a" })), /ignore/)
    assert.throws(() => Connectors.watch([], any({ every: "soon" })), /every.*is not a duration/)
    assert.throws(() => Connectors.watch([], any({ restart: 3 })), /restart.*3 is not a Schedule, or "never"/)
    assert.throws(() => Connectors.layer([], any({ publsh: true })), /publsh.*did you mean "publish"/)
  })

  it.effect("what is right is taken", () =>
    Layer.build(SchemaRegistry.layer({
      url: [url],
      auth: { _tag: "ClientCredentials", tokenUrl: url, clientId: "a", clientSecret: Redacted.make("b") },
      headers: { tenant: "a" },
      timeout: "1 second",
      retry: Schedule.recurs(1),
      latestTtl: Duration.infinity,
      missingTtl: 0
    })).pipe(Effect.provide(FetchHttpClient.layer), Effect.scoped))
})
