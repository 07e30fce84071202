import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as TestConsole from "effect/testing/TestConsole"
import { Producer } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { defineConfig } from "../../src/cli/Config.ts"
import { load, untyped } from "../../src/cli/configModule.ts"
import * as Lines from "../../src/cli/lines.ts"
import { run } from "../../src/cli/main.ts"
import { find, sendLines } from "../../src/cli/produce.ts"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import { built, cluster, Orders } from "./fixtures/memory.config.ts"

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}.config.ts`, import.meta.url))
const memory = fixture("memory")

/** The exit code and what was printed, of a command on the shared cluster. */
const millrace = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const before = (yield* TestConsole.logLines).length
    const code = yield* run("0.0.0", [...args, "--config", memory])
    const lines = (yield* TestConsole.logLines).slice(before)
    return { code, out: lines.map(String).join("\n") }
  })

const admin = Effect.flatMap(Context.get(cluster, KafkaEngine.Service).admin, Effect.succeed)

/** One cluster, so one story: each step stands on the ones before. */
describe("the command", () => {
  it.effect("plans the topics of its config, and makes them only when their shape is known", () =>
    Effect.gen(function*() {
      const shaped = ["--config", fixture("shaped")]
      const at = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
        const before = (yield* TestConsole.logLines).length
        const code = yield* run("0.0.0", ["topics", ...args, ...shaped])
        return { code, out: (yield* TestConsole.logLines).slice(before).map(String).join("\n") }
      })
      const plan = yield* at("--plan")
      assert.strictEqual(plan.code, 0)
      assert.deepStrictEqual(plan.out.split("\n"), [
        "TOPIC   PARTITIONS  REPLICATION  STATE",
        "orders  ?           default      missing",
        "users            3            1  missing"
      ])
      assert.include(String((yield* TestConsole.errorLines).at(-1)), "2 are missing; add --create")
      // Nothing is made before all that is missing can be.
      assert.strictEqual((yield* at("--create")).code, 2)
      assert.deepStrictEqual(JSON.parse((yield* at("--json")).out), [])
      const created = JSON.parse((yield* at("--create", "--partitions", "2", "--json")).out)
      assert.deepStrictEqual(
        created.map((
          { partitions, status, topic }: { readonly [name: string]: unknown }
        ) => [topic, partitions, status]),
        [["orders", 2, "created"], ["users", 3, "created"]]
      )
      assert.include((yield* at("--plan", "orders", "--partitions", "5")).out, "exists; partitions is 2, not 5")
      assert.include((yield* at("--create", "users", "--set", "retention.ms=1")).out, "exists")
      for (
        const wrong of [
          ["order", "--plan"],
          ["--plan", "--create"],
          ["--partitions", "3"],
          ["--plan", "--set", "x"],
          // The topic is there, so the number would not be used.
          ["--create", "orders", "--partitions=-1"],
          ["--plan", "orders", "--replication", "0"]
        ]
      ) {
        assert.strictEqual((yield* at(...wrong)).code, 2, wrong.join(" "))
      }
    }))

  it.effect("tells what is missing before anything runs", () =>
    Effect.gen(function*() {
      const { code, out } = yield* millrace("consume", "billing", "--dry-run")
      assert.strictEqual(code, 1)
      assert.include(out, "orders  MISSING")
      assert.include(out, "offsetReset = earliest")
      assert.notInclude(out, "commitInterval")
    }))

  it.effect("lists topics, consumes, and shows groups with their lag", () =>
    Effect.gen(function*() {
      yield* Effect.flatMap(admin, (admin) => admin.createTopic({ name: "orders", partitions: 1 }))
      yield* Effect.provideContext(
        Producer.sendAll(Orders, [{ key: "1", value: { id: "1", total: 5 } }, {
          key: "2",
          value: { id: "2", total: 7 }
        }]),
        cluster
      )
      const topics = yield* millrace("topics", "--json")
      assert.deepStrictEqual(JSON.parse(topics.out), [{ topic: "orders", partitions: 1, replicas: 1 }])
      assert.strictEqual((yield* millrace("consume", "billing", "--dry-run")).code, 0)
      assert.strictEqual(built.times, 0)
      const consumed = yield* millrace("consume", "billing")
      assert.strictEqual(consumed.code, 0)
      assert.strictEqual(built.times, 1)
      assert.include(consumed.out, "charging 1: 5\ncharging 2: 7")
      const group = JSON.parse((yield* millrace("groups", "billing", "--json")).out)
      assert.include(group.partitions[0], { topic: "orders", partition: 0, committed: 2, end: 2, lag: 0 })
    }))

  it.effect("resets offsets only when told to execute", () =>
    Effect.gen(function*() {
      const dry = yield* millrace("groups", "billing", "--reset-offsets", "--to", "1")
      assert.include(dry.out, "nothing was changed")
      const lagOf = Effect.map(millrace("groups", "billing", "--json"), ({ out }) => JSON.parse(out).partitions[0].lag)
      assert.strictEqual(yield* lagOf, 0)
      const asJson = yield* millrace("groups", "billing", "--reset-offsets", "--to", "1", "--json")
      assert.deepStrictEqual(JSON.parse(asJson.out), {
        group: "billing",
        executed: false,
        partitions: [{ topic: "orders", partition: 0, committed: 2, new: 1 }]
      })
      assert.strictEqual((yield* millrace("groups", "billing", "--reset-offsets", "--to", "1", "--execute")).code, 0)
      assert.strictEqual(yield* lagOf, 1)
    }))

  it.effect("tails decoded, shows what cannot be decoded, and reads from where it is told", () =>
    Effect.gen(function*() {
      const bytes = new TextEncoder().encode("{")
      yield* Effect.provideContext(
        Effect.flatMap(InMemoryKafka, (kafka) => kafka.produce({ topic: "orders", key: bytes, value: bytes })),
        cluster
      )
      const all = yield* millrace("tail", "orders", "--from", "beginning", "--until", "end")
      assert.strictEqual(all.code, 0)
      assert.include(all.out, "{\"id\":\"1\",\"total\":5}")
      assert.include(all.out, "undecodable: orders/0 at offset 2")
      const last = yield* millrace("tail", "orders", "--from", "-2", "--until", "1", "--json")
      assert.strictEqual(JSON.parse(last.out).offset, 1)
      const raw = yield* millrace("tail", "orders", "--from", "2", "--until", "end", "--raw", "--json")
      assert.strictEqual(JSON.parse(raw.out).value, "{")
    }))

  it.effect("sends lines of standard input, which tail prints again", () =>
    Effect.gen(function*() {
      const input = async function*() {
        yield "{\"key\":\"3\",\"value\":{\"id\":\"3\",\"total\":9}}\n{\"key\":\"4\"}\n"
      }
      const refused = yield* Effect.flip(Effect.provideContext(sendLines(Orders, input()), cluster))
      assert.strictEqual(refused._tag, "WorkFailed")
      const last = yield* millrace("tail", "orders", "--from", "-1", "--until", "end", "--json")
      assert.include(JSON.parse(last.out), { offset: 3, key: "3" })
      assert.deepStrictEqual(JSON.parse(last.out).value, { id: "3", total: 9 })
    }))

  it.effect("refuses a line that is no UTF-8 by its number, and sends the others", () =>
    Effect.gen(function*() {
      const input = async function*() {
        yield Buffer.from("{\"key\":\"4\",\"value\":{\"id\":\"4\",\"total\":1}}\n{\"key\":\"")
        yield Uint8Array.of(0xff)
        yield Buffer.from("\",\"value\":null}\n")
      }
      const refused = yield* Effect.flip(Effect.provideContext(sendLines(Orders, input()), cluster))
      assert.strictEqual(refused._tag, "WorkFailed")
      assert.deepStrictEqual((yield* TestConsole.errorLines).map(String), [
        "line 2: it is no UTF-8",
        "1 sent, 1 refused"
      ])
      const last = yield* millrace("tail", "orders", "--from", "-1", "--until", "end", "--json")
      assert.include(JSON.parse(last.out), { offset: 4, key: "4" })
    }))

  it.effect("says at a terminal what it waits for", () =>
    Effect.gen(function*() {
      const real = Object.getOwnPropertyDescriptor(process, "stdin")!
      const typed = (isTTY: boolean) =>
        Effect.acquireUseRelease(
          Effect.sync(() =>
            Object.defineProperty(process, "stdin", {
              value: Object.assign(Readable.from([]), { isTTY }),
              configurable: true
            })
          ),
          () => millrace("produce", "orders"),
          () => Effect.sync(() => Object.defineProperty(process, "stdin", real))
        )
      assert.strictEqual((yield* typed(false)).code, 0)
      assert.deepStrictEqual((yield* TestConsole.errorLines).map(String), ["0 sent, 0 refused"])
      assert.strictEqual((yield* typed(true)).code, 0)
      assert.strictEqual(
        String((yield* TestConsole.errorLines)[1]),
        "waiting for records of orders, one a line: {\"key\":…,\"value\":…,\"headers\":{…}}; Ctrl-D ends them"
      )
    }))

  it.effect("a consumer that stops by its policy is failed work", () =>
    Effect.gen(function*() {
      // What tail, produce and groups did before built the engine alone.
      assert.strictEqual(built.times, 1)
      assert.strictEqual((yield* millrace("consume", "billing")).code, 1)
      assert.strictEqual(built.times, 2)
    }))

  it.effect("wrong usage is 2, whatever is wrong", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<ReadonlyArray<string>> = [
        ["consume", "biling", "--config", memory],
        ["consum"],
        ["consume", "--no-such-flag", "--config", memory],
        ["consume", "--config", "does-not-exist.ts"],
        ["consume", "--config", fixture("broken")],
        ["consume", "--config", fixture("twice")],
        ["consume", "--config", fixture("setting")],
        ["consume", "--dry-run", "--config", fixture("setting")],
        ["tail", "orders", "--from", "yesterday", "--config", memory],
        ["tail", "orders", "--until", "later", "--config", memory],
        ["produce", "unknown", "--config", memory],
        ["groups", "--reset-offsets", "--config", memory],
        // Before anybody is asked whether the group exists.
        ["groups", "nobody", "--reset-offsets", "--to", "yesterday", "--config", memory],
        ["groups", "billing", "--to", "end", "--execute", "--config", memory]
      ]
      for (const args of wrong) assert.strictEqual(yield* run("0.0.0", args), 2, args.join(" "))
    }))

  it.effect("what the cluster lacks is failed work", () =>
    Effect.gen(function*() {
      for (
        const args of [
          ["tail", "nothing-here"],
          ["groups", "nobody"],
          ["groups", "nobody", "--reset-offsets"],
          ["groups", "billing", "--reset-offsets", "--topic", "order"]
        ]
      ) {
        const { code, out } = yield* millrace(...args)
        assert.deepStrictEqual([code, out], [1, ""], args.join(" "))
      }
    }))

  it.effect("a config that no type checker saw is checked", () =>
    Effect.gen(function*() {
      const { layer, ...good } = { engine: InMemoryKafka.layer, topics: [], consumers: [], layer: Layer.empty }
      const configs: ReadonlyArray<readonly [string, object]> = [
        ["engine must be a Layer", { ...good, layer, engine: {} }],
        ["topics must be", { ...good, layer, topics: ["orders"] }],
        ["consumers must be", { ...good, layer, consumers: {} }],
        ["shapes must be", { ...good, layer, shapes: { orders: {} } }],
        ["layer must be a Layer", good]
      ]
      for (const [problem, config] of configs) {
        // The casts are the point: a JavaScript module may hand over anything.
        assert.include(untyped(defineConfig(config as any)) ?? "accepted", problem)
      }
      assert.strictEqual(untyped(defineConfig({ ...good, layer })), undefined)
    }))

  it.effect("a config that never finishes loading says so, and is given up", () =>
    Effect.gen(function*() {
      const never = fileURLToPath(new URL("fixtures/never.config.ts", import.meta.url))
      const loading = yield* Effect.forkChild(Effect.flip(load(never, ".")))
      yield* TestClock.adjust("10 seconds")
      assert.include(String((yield* TestConsole.errorLines).at(-1)), "does a top-level await in it never settle?")
      yield* TestClock.adjust("50 seconds")
      assert.include((yield* Fiber.join(loading)).message, "was not loaded within a minute")
    }))

  it.effect("sends to topics of a pattern by the pattern's codecs", () =>
    Effect.gen(function*() {
      const { consumers, topics } = yield* load(memory, ".")
      const bytes = yield* find({ consumers, topics }, "nothing.new")
      assert.strictEqual(bytes.name, "nothing.new")
      const message = yield* (yield* Lines.reader(bytes))("{\"valueBase64\":\"AP8=\"}")
      assert.deepStrictEqual([message.topic, ...message.value!], ["nothing.new", 0, 255])
      const { problem } = yield* Effect.flip(find({ consumers, topics }, "else"))
      assert.include(problem, "there is: orders, and what matches /nothing\\..+/")
    }))

  it.effect("help is not an error", () =>
    Effect.gen(function*() {
      for (const args of [["--help"], ["consume", "--help"], ["--version"]]) {
        assert.strictEqual(yield* run("0.0.0", args), 0, args.join(" "))
      }
    }))

  it.effect("lists its consumers", () =>
    Effect.gen(function*() {
      const { out } = yield* millrace("consume", "--list", "--json")
      assert.deepStrictEqual(JSON.parse(out).map(({ group }: { readonly group: string }) => group), [
        "billing",
        "audit"
      ])
    }))
})
