import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import * as TestConsole from "effect/testing/TestConsole"
import { Codec, Consumer, KafkaError, OnFailure, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { fileURLToPath } from "node:url"
import { render } from "../../src/cli/exit.ts"
import { lagOf } from "../../src/cli/groupLines.ts"
import { run } from "../../src/cli/main.ts"
import { named, ofEach } from "../../src/cli/selection.ts"
import type { RawHeader } from "../../src/engine/KafkaEngine.ts"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import * as RetryHeaders from "../../src/internal/retry/retryHeaders.ts"
import several, { built, cluster } from "./fixtures/several.config.ts"
import { stderr } from "./stderr.ts"

const config = fileURLToPath(new URL("fixtures/several.config.ts", import.meta.url))

/** The exit code and what was printed, of a command on the shared cluster. */
const millrace = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const before = [(yield* TestConsole.logLines).length, (yield* TestConsole.errorLines).length] as const
    const said = stderr()
    const code = yield* Effect.ensuring(run("0.0.0", [...args, "--config", config]), Effect.sync(said.end))
    const out = (yield* TestConsole.logLines).slice(before[0]).map(String).join("\n")
    const err = (yield* TestConsole.errorLines).slice(before[1]).map(String).join("\n")
    return { code, out, err, failure: said.text() }
  })

const kafka = Context.get(cluster, InMemoryKafka)
const admin = Effect.flatMap(Context.get(cluster, KafkaEngine.Service).admin, Effect.succeed)
const bytes = (text: string) => new TextEncoder().encode(text)

const create = (names: ReadonlyArray<string>, partitions = 1) =>
  Effect.flatMap(admin, (admin) => Effect.forEach(names, (name) => admin.createTopic({ name, partitions })))

/** One cluster, so one story: each step stands on the ones before. */
describe("several consumers", () => {
  it.effect("of one group have names", () =>
    Effect.gen(function*() {
      const { out } = yield* millrace("consume", "--list", "--json")
      assert.deepStrictEqual(JSON.parse(out).map(({ name }: { readonly name: string }) => name), [
        "pair#1",
        "pair#2",
        "shared",
        "events",
        "wrong1",
        "wrong2"
      ])
      assert.match((yield* millrace("consume", "pair#2", "--dry-run")).out, /^consumer pair#2\n/)
      assert.lengthOf((yield* millrace("consume", "pair", "--dry-run")).out.match(/^consumer /gm) ?? [], 2)
      const ambiguous = yield* millrace("dlt", "show", "pair")
      assert.strictEqual(ambiguous.code, 2)
      assert.include(ambiguous.failure, "name one of the consumers: pair#1, pair#2")
      assert.strictEqual((yield* millrace("dlt", "show", "pair#1")).code, 0)
    }))

  it.effect("do not hide each other's problems", () =>
    Effect.gen(function*() {
      const { code, failure } = yield* millrace("consume")
      assert.strictEqual(code, 2)
      assert.match(failure, /^consumer wrong1: .*`drainTimeout`.*\nconsumer wrong2: .*`drainTimeout`/)
      assert.strictEqual(built.times, 0)
      const dry = yield* millrace("consume", "--dry-run")
      assert.strictEqual(dry.code, 2)
      for (const name of ["pair#1", "pair#2", "shared", "events"]) assert.include(dry.out, `consumer ${name}\n`)
      assert.include(dry.failure, "consumer wrong1: ")
      assert.include(dry.failure, "consumer wrong2: ")
      const ls = yield* millrace("dlt", "ls")
      assert.strictEqual(ls.code, 2)
      assert.include(ls.out, "a-dlt")
      assert.include(ls.failure, "consumer wrong2: ")
    }))

  it.effect("are not looked at one by one where no broker is reachable: that is said once", () =>
    Effect.gen(function*() {
      const consumers = named(several)
      const looks: Array<string> = []
      const look = (reason: KafkaError.Reason) =>
        ofEach(consumers, ({ group }) =>
          Effect.suspend(() => {
            looks.push(group)
            return group === "pair" ? Effect.succeed([{ topic: group }]) : Effect.fail(KafkaError.make("look", reason))
          }))
      const unreachable = yield* look(
        new KafkaError.BrokerUnreachable({ bootstrapServers: "localhost:1", problem: "down" })
      )
      assert.deepStrictEqual(looks, ["pair", "pair", "shared"])
      assert.deepStrictEqual(unreachable.found, [{ topic: "pair" }])
      const ended = yield* Effect.exit(unreachable.failed)
      assert.deepStrictEqual(Exit.isFailure(ended) ? render(ended.cause, false).length : 0, 1)
      assert.notInclude(Exit.isFailure(ended) ? render(ended.cause, false)[0] : "", "consumer ")
      const timeout = yield* Effect.exit(
        (yield* look(new KafkaError.Timeout({ operation: "slow", timeoutMs: 1 }))).failed
      )
      assert.lengthOf(Exit.isFailure(timeout) ? render(timeout.cause, false) : [], 4)
    }))

  it.effect("are shown with policies, the topics of their patterns, and the settings that are no defaults", () =>
    Effect.gen(function*() {
      yield* create(["letters", "event.made", "event.gone", "other"])
      const pair = yield* millrace("consume", "pair#1", "--dry-run")
      assert.deepStrictEqual(pair.out.split("\n"), [
        "consumer pair#1",
        "  topic    letters  (on failure: skip)",
        "  offsetReset = earliest",
        "  sessionTimeout = 10 seconds"
      ])
      const events = yield* millrace("consume", "events", "--dry-run")
      assert.include(events.out, "  pattern  /event\\..+/  matches event.gone, event.made")
      assert.include(events.out, "  topic    letters  (on failure: stop)")
      assert.match(events.out, / topic {4}event\.made {2}\(on failure: .*dead letters in events\.event\.made\.dlt\)/)
      assert.include(events.out, "  failures events.event.gone.dlt  to be made")
      const shared = yield* millrace("consume", "shared", "--dry-run")
      assert.strictEqual(shared.code, 1)
      assert.match(
        shared.out,
        / topic {4}a {2}MISSING {2}\(on failure: .*retries after 1m, 2m, 4m; dead letters in a-dlt\)/
      )
    }))

  it.effect("count a record that waits for a retry once", () =>
    Effect.gen(function*() {
      yield* create(["a", "a-retry-60000", "a-retry-120000", "a-retry-240000", "a-dlt"])
      const copy = (group: string, offset: number, attempts: number): ReadonlyArray<RawHeader> =>
        RetryHeaders.write({ topic: "a", partition: 0, offset, timestamp: 1, headers: [] }, {
          ...{ group, attempts, executions: attempts - 1, due: 1000, firstFailedAt: 1, failedAt: 1, policy: "p" },
          error: { tag: "E", message: "", stack: undefined, causeName: undefined }
        })
      // The retry consumer sent them on twice, and has not committed yet.
      for (const [i, topic] of ["a-retry-60000", "a-retry-120000", "a-retry-240000"].entries()) {
        for (const offset of [0, 1, 2]) {
          const headers = copy("shared", offset, i + 2)
          yield* kafka.produce({ topic, partition: 0, key: null, value: bytes("x"), headers })
        }
      }
      const { out } = yield* millrace("retry", "ls", "shared", "--json")
      const waiting = JSON.parse(out).map(({ waiting }: { readonly waiting: number }) => waiting)
      assert.deepStrictEqual(waiting, [0, 0, 3])
    }))

  it.effect("of one topic do not keep its retry topics from being made", () =>
    Effect.gen(function*() {
      const { code, out } = yield* millrace("retry", "topics", "pair", "shared", "events", "--create", "--json")
      assert.strictEqual(code, 0)
      const names = JSON.parse(out).map(({ topic }: { readonly topic: string }) => topic)
      assert.deepStrictEqual(names, [...new Set(names)])
    }))
})

describe("groups", () => {
  it.effect("that are stuck before their first commit show partitions, members and a lag", () =>
    Effect.gen(function*() {
      yield* create(["stuck"], 3)
      for (let i = 0; i < 6; i++) {
        yield* kafka.produce({ topic: "stuck", partition: i % 2, key: null, value: bytes("x") })
      }
      const stuck = Consumer.make("stuck", {
        offsetReset: "earliest",
        drainTimeout: "10 millis",
        onFailure: OnFailure.stop,
        handlers: [Topic.handle(Topic.make("stuck", { key: Codec.none, value: Codec.string }), () => Effect.never)]
      })
      yield* Effect.forkScoped(
        Consumer.run(stuck).pipe(Effect.provideContext(cluster), Effect.provide(Logger.layer([])))
      )
      const assigned = Effect.flatMap(
        admin,
        (admin) =>
          Effect.map(admin.describeGroups(["stuck"]), ([group]) => (group?.members[0]?.assignment.length ?? 0) === 3)
      )
      while (!(yield* assigned)) yield* Effect.sleep("10 millis")
      const json = JSON.parse((yield* millrace("groups", "stuck", "--json")).out)
      assert.lengthOf(json.members, 1)
      assert.deepStrictEqual(
        json.partitions.map(({ lag, member, partition }: { readonly [name: string]: unknown }) => [
          ...[partition, lag, member === json.members[0].member]
        ]),
        [[0, 3, true], [1, 3, true], [2, 0, true]]
      )
      const { out } = yield* millrace("groups", "stuck")
      assert.match(out, /^group stuck: \w+, 1 members\nTOPIC +PARTITION +COMMITTED +END +LAG +MEMBER +CLIENT +HOST\n/)
      assert.match(out, /stuck +0 +(-|0) +3 +3 /)
    }).pipe(Effect.scoped, TestClock.withLive))

  it.effect("of the config are shown before they exist", () =>
    Effect.gen(function*() {
      yield* kafka.produce({ topic: "letters", partition: 0, key: null, value: bytes("x") })
      const json = JSON.parse((yield* millrace("groups", "pair", "--json")).out)
      assert.strictEqual(json.state, "not there yet")
      assert.deepInclude(json.partitions[0], { topic: "letters", partition: 0, committed: null, end: 1, lag: 1 })
    }))

  it.effect("that do not exist are not reset without a word", () =>
    Effect.gen(function*() {
      const { code, err } = yield* millrace("groups", "stuk", "--reset-offsets", "--topic", "stuck")
      assert.strictEqual(code, 0)
      assert.include(err, "group \"stuk\" does not exist; did you mean \"stuck\"?")
    }))

  it("have a lag from where they would go on", () => {
    const lag = (begin: number | null, committed: number | null, end: number | null, reset?: string) =>
      lagOf({ begin, committed, end }, reset)
    assert.strictEqual(lag(0, 4, 10), 6)
    assert.strictEqual(lag(5, 3, 10, "earliest"), 5)
    assert.strictEqual(lag(5, 3, 10, "latest"), 0)
    assert.strictEqual(lag(0, 20, 10, "earliest"), 10)
    assert.strictEqual(lag(2, null, 10), 8)
    assert.strictEqual(lag(2, null, 10, "latest"), 0)
    assert.strictEqual(lag(null, 5, null), null)
  })
})
