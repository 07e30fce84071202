import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { Codec, Consumer, type KafkaError, OnFailure, Retry, type RetryTopics, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import type { AdminClient, Capability } from "../../../src/engine/KafkaEngine.ts"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import * as Plan from "../../../src/internal/plan/plan.ts"
import { parkedOf } from "../../../src/internal/retry/names.ts"
import { type Mode, provision } from "../../../src/internal/retry/provision.ts"
import * as Specs from "../../../src/internal/retry/topicSpecs.ts"

const day = 86_400_000
const textTopic = (name: string) => Topic.make(name, { key: Codec.none, value: Codec.string })

/** Tiers of a minute and of two days, a dead letter topic, and a topic of the policy's own. */
const policy = Retry.nonBlocking(
  Schedule.concat(
    Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 1 })),
    Schedule.spaced("2 days").pipe(Schedule.upTo({ times: 1 }))
  )
).pipe(OnFailure.route(() => OnFailure.pass, { uses: [OnFailure.deadLetterTo("bugs")] }))

const topicsOf = Effect.fnUntraced(function*(sources: ReadonlyArray<string>, retries: RetryTopics.Options = {}) {
  const plan = yield* Plan.make(Consumer.make("billing", {
    offsetReset: "earliest",
    onFailure: policy,
    retries,
    handlers: sources.map((name) => Topic.handle(textTopic(name), () => Effect.void))
  }))
  return yield* Effect.forEach(sources, (name) => Effect.map(plan.topology.of(name), (topics) => topics!))
})

const names = [
  "billing.orders.retry.1",
  "billing.orders.retry.2",
  "billing.orders.dlt",
  "bugs"
]

const allConfigs: ReadonlySet<Capability> = new Set(["configs"])

const run = Effect.fnUntraced(function*(
  mode: Mode,
  options: {
    readonly capabilities?: ReadonlySet<Capability>
    readonly admin?: AdminClient
    readonly sources?: ReadonlyArray<string>
  } = {}
) {
  const admin = options.admin ?? (yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin))
  return yield* provision(
    admin,
    options.capabilities ?? allConfigs,
    yield* topicsOf(options.sources ?? ["orders"]),
    mode
  )
})

const adminOf = Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)

const withTopic = (name: string, partitions: number, config?: { readonly [name: string]: string }) =>
  Effect.flatMap(adminOf, (admin) => admin.createTopic({ name, partitions, config }))

const onCluster = Effect.provide(InMemoryKafka.layerWith({ autoCreateTopics: false }))

const brief = (states: ReadonlyArray<{ readonly spec: { readonly name: string }; readonly status: string }>) =>
  states.map(({ spec, status }) => `${spec.name} ${status}`)

describe("topics of failure policies", () => {
  it.effect("are made with the partitions of the source and with room for their delay", () =>
    Effect.gen(function*() {
      yield* withTopic("orders", 5)
      assert.deepStrictEqual(brief(yield* run("create")), names.map((name) => `${name} created`))
      const admin = yield* adminOf
      const retention = yield* Effect.forEach(names, (name) =>
        Effect.map(admin.describeConfigs(name), (config) => {
          assert.strictEqual(config["cleanup.policy"], "delete")
          return Number(config["retention.ms"]) / day
        }))
      assert.deepStrictEqual(retention, [7, 20, 30, 30])
      for (const { partitions } of yield* admin.describeTopics(names)) assert.strictEqual(partitions.length, 5)
      assert.deepStrictEqual(brief(yield* run("create")), names.map((name) => `${name} exists`))
    }).pipe(onCluster))

  it.effect("are only looked at by a plan", () =>
    Effect.gen(function*() {
      yield* withTopic("orders", 2)
      yield* withTopic("bugs", 1)
      const states = yield* run("plan")
      assert.deepStrictEqual(brief(states), [...names.slice(0, 3).map((name) => `${name} missing`), "bugs exists"])
      assert.deepStrictEqual(states.map(({ spec }) => spec.partitions), [2, 2, 2, 2])
      const admin = yield* adminOf
      assert.deepStrictEqual((yield* admin.listTopics).map(({ name }) => name).sort(), ["bugs", "orders"])
    }).pipe(onCluster))

  it.effect("are all named, with the command, when they are required and missing", () =>
    Effect.gen(function*() {
      yield* withTopic("orders", 2)
      yield* withTopic("billing.orders.retry.2", 2)
      const error = yield* Effect.flip(run("require", { sources: ["orders", "users"] }))
      assert.strictEqual(error.reason._tag, "InvalidSetting")
      for (const name of [names[0]!, names[2]!, "bugs", "billing.users.retry.1", "billing.users.dlt"]) {
        assert.include(error.message, name)
      }
      assert.notInclude(error.message, "billing.orders.retry.2")
      assert.include(error.message, "millrace retry topics --create")
      const admin = yield* adminOf
      assert.lengthOf(yield* admin.listTopics, 2)
    }).pipe(onCluster))

  it.effect("wait for their source: without it nobody knows how many partitions they need", () =>
    Effect.gen(function*() {
      yield* withTopic("orders", 2)
      const states = yield* run("create", { sources: ["orders", "users"] })
      assert.deepStrictEqual(brief(states), [
        ...names.map((name) => `${name} created`),
        "billing.users.retry.1 missing",
        "billing.users.retry.2 missing",
        "billing.users.dlt missing"
      ])
    }).pipe(onCluster))

  it.effect("may be made by another process at the same time", () =>
    Effect.gen(function*() {
      yield* withTopic("orders", 2)
      const admin = yield* adminOf
      const raced: AdminClient = {
        ...admin,
        describeTopics: admin.describeTopics,
        listTopics: admin.listTopics,
        describeConfigs: admin.describeConfigs,
        // The other process is always the faster one.
        createTopic: (topic) => Effect.andThen(admin.createTopic(topic), admin.createTopic(topic))
      }
      assert.deepStrictEqual(brief(yield* run("create", { admin: raced })), names.map((name) => `${name} exists`))
    }).pipe(onCluster))

  it.effect("count as made only when the cluster shows them", () =>
    Effect.gen(function*() {
      yield* withTopic("orders", 2)
      const admin = yield* adminOf
      let blind = 4
      const slow: AdminClient = {
        ...admin,
        listTopics: admin.listTopics,
        createTopic: admin.createTopic,
        describeConfigs: admin.describeConfigs,
        describeTopics: (wanted) =>
          Effect.map(
            admin.describeTopics(wanted),
            (found) => found.filter(({ name }) => name !== "bugs" || blind-- <= 0)
          )
      }
      const fiber = yield* Effect.forkChild(run("create", { admin: slow }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(brief(yield* Fiber.join(fiber)), names.map((name) => `${name} created`))

      yield* Effect.flatMap(adminOf, (admin) => admin.deleteTopic("bugs"))
      blind = Infinity
      const never = yield* Effect.forkChild(Effect.flip(run("create", { admin: slow })))
      yield* TestClock.adjust("31 seconds")
      assert.strictEqual((yield* Fiber.join(never)).reason._tag, "Timeout")
    }).pipe(onCluster))

  it.effect("are refused when records in them would be lost", () =>
    Effect.gen(function*() {
      yield* withTopic("orders", 2)
      yield* withTopic(names[0]!, 2, { "cleanup.policy": "compact,delete" })
      yield* withTopic(names[1]!, 1, { "retention.ms": String(day) })
      const [first, second] = yield* run("plan")
      assert.deepStrictEqual(first!.problems.map(({ kind }) => kind), ["compacted"])
      assert.deepStrictEqual(second!.problems.map(({ kind }) => kind), ["few-partitions", "short-retention"])
      for (const mode of ["create", "require"] as const) {
        if (mode === "require") yield* run("create", { capabilities: new Set() })
        const error: KafkaError.KafkaError = yield* Effect.flip(run(mode))
        assert.strictEqual(error.reason._tag, "InvalidSetting")
        assert.include(error.message, "cleanup.policy=delete")
        assert.include(error.message, `retention.ms=${20 * day}`)
      }
      // What cannot be looked up is not held against anybody.
      const blind = yield* run("require", { capabilities: new Set() })
      assert.deepStrictEqual(blind.flatMap(({ problems }) => problems.map(({ kind }) => kind)), ["few-partitions"])
    }).pipe(onCluster))

  it.effect("take what their source takes, with room for the headers of a copy", () =>
    Effect.gen(function*() {
      yield* withTopic("orders", 1, { "max.message.bytes": "20000000" })
      yield* withTopic("billing.orders.dlt", 1, { "max.message.bytes": "1000000" })
      const states = yield* run("create")
      const admin = yield* adminOf
      const sizes = yield* Effect.forEach(names, (name) =>
        Effect.map(admin.describeConfigs(name), (config) => config["max.message.bytes"]))
      assert.deepStrictEqual(sizes, ["20016384", "20016384", "1000000", "20016384"])
      const [problem] = states.find(({ spec }) =>
        spec.name === "billing.orders.dlt"
      )!.problems
      assert.strictEqual(problem?.kind, "small-records")
      assert.include(problem?.words, "set max.message.bytes=20016384")
    }).pipe(onCluster))

  it.effect("are made with the settings that the consumer names, where the engine tells none", () =>
    Effect.gen(function*() {
      yield* withTopic("orders", 1)
      const config = { "max.message.bytes": "5000000", "retention.ms": "60000000" }
      const admin = yield* adminOf
      const topics = yield* topicsOf(["orders"], { config })
      yield* provision(admin, new Set(), topics, "create")
      for (const name of names) assert.deepInclude(yield* admin.describeConfigs(name), config)
    }).pipe(onCluster))

  it.effect("name the topic that their name collides with", () =>
    Effect.gen(function*() {
      yield* withTopic("orders", 1)
      yield* withTopic("billing_orders.dlt", 1)
      const error = yield* Effect.flip(run("create"))
      assert.include(error.message, "\"billing.orders.dlt\" cannot be created beside \"billing_orders.dlt\"")
    }).pipe(onCluster))

  it.effect("are looked up once, however many consumers read their source", () =>
    Effect.gen(function*() {
      yield* withTopic("orders", 1)
      const asked: Array<ReadonlyArray<string>> = []
      const admin = yield* adminOf
      const [topics] = yield* topicsOf(["orders"])
      const noting: AdminClient = {
        ...admin,
        listTopics: admin.listTopics,
        describeConfigs: (name) => admin.describeConfigs(name),
        createTopic: (topic) => admin.createTopic(topic),
        describeTopics: (names) => (asked.push(names), admin.describeTopics(names))
      }
      yield* provision(noting, allConfigs, [topics!, topics!], "create")
      for (const names of asked) assert.strictEqual(new Set(names).size, names.length, names.join())
    }).pipe(onCluster))
})

describe("specs of topics", () => {
  it("call parked topics like their dead letter topics", () => {
    assert.strictEqual(parkedOf("billing.orders.dlt"), "billing.orders.parked")
    assert.strictEqual(parkedOf("orders-dlt"), "orders-parked")
    assert.strictEqual(parkedOf("failures"), "failures.parked")
  })

  it("give a shared topic the partitions of its widest source", () => {
    const spec = (source: string, partitions: number | undefined): Specs.TopicSpec => ({
      name: "bugs",
      role: "other",
      source,
      delay: 0,
      partitions,
      config: {}
    })
    const [merged, ...rest] = Specs.merge([spec("a", undefined), spec("b", 6), spec("c", 3)])
    assert.lengthOf(rest, 0)
    assert.deepInclude(merged, { source: "b", partitions: 6 })
  })

  it("take an endless retention for what it is", () => {
    const spec: Specs.TopicSpec = {
      name: "t",
      role: "retry",
      source: "s",
      delay: 1000,
      partitions: 1,
      config: { "retention.ms": "1" }
    }
    const kinds = (retention: string) =>
      Specs.problemsOf(spec, 1, { "retention.ms": retention }).map(({ kind }) => kind)
    assert.deepStrictEqual(kinds("-1"), [])
    assert.deepStrictEqual(kinds("1000"), [])
    assert.deepStrictEqual(kinds("999"), ["short-retention"])
  })
})
