import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as TestConsole from "effect/testing/TestConsole"
import { KafkaEngine } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { fileURLToPath } from "node:url"
import { run } from "../../src/cli/main.ts"
import { find, sendLines } from "../../src/cli/produce.ts"
import { billing, cluster } from "./fixtures/registry.config.ts"

const path = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

const within = (config: string) => (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const before = (yield* TestConsole.logLines).length
    const code = yield* run("0.0.0", [...args, "--config", path(`${config}.config.ts`)])
    return { code, out: (yield* TestConsole.logLines).slice(before).map(String).join("\n") }
  })

const millrace = within("registry")
const kafka = Context.get(cluster, InMemoryKafka)

/** One cluster and one registry, so one story: each step stands on the ones before. */
describe("topics of a Schema Registry by the command", () => {
  it.effect("are written and read with the config's registry", () =>
    Effect.gen(function*() {
      const admin = yield* Context.get(cluster, KafkaEngine.Service).admin
      yield* admin.createTopic({ name: "orders", partitions: 1 })
      assert.strictEqual((yield* millrace("schemas", "register", "orders")).code, 0)
      const topic = yield* find({ topics: [], consumers: [billing] }, "orders")
      const lines =
        "{\"key\":\"1\",\"value\":{\"id\":\"1\",\"total\":5}}\n{\"key\":\"2\",\"value\":{\"id\":\"2\",\"total\":-7}}\n"
      const input = (async function*() {
        yield lines
      })()
      // The codecs' services are those of the cluster.
      yield* Effect.provideContext(Effect.scoped(sendLines(topic, input)), cluster as Context.Context<any>)
      const { code, out } = yield* millrace("tail", "orders", "--from", "beginning", "--until", "end")
      assert.strictEqual(code, 0)
      assert.match(out, /0\/0 .* 1 {2}\{"id":"1","total":5\}/)
      assert.strictEqual((yield* kafka.records("orders"))[0]?.value?.[0], 0)
    }))

  it.effect("are consumed, and their dead letters shown, corrected and redriven", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* millrace("retry", "topics", "--create")).code, 0)
      const consumed = yield* millrace("consume", "billing")
      assert.strictEqual(consumed.out, "charging 1: 5")
      assert.include((yield* millrace("dlt", "show", "billing")).out, "value    {\"id\":\"2\",\"total\":-7}")
      assert.strictEqual((yield* millrace("dlt", "export", "billing")).out.split("\n").length, 1)
      const redriven = yield* millrace(
        ...["dlt", "redrive", "billing", "--to", "origin", "--yes"],
        ...["--transform", path("functions/corrects.ts")]
      )
      assert.include(redriven.out, "1 redriven")
      assert.strictEqual((yield* millrace("consume", "billing")).out, "charging 2: 7")
    }))

  it.effect("need a registry in the config, and say so", () =>
    Effect.gen(function*() {
      const other = within("unregistered")
      for (
        const args of [
          ["tail", "orders"],
          ["produce", "orders"],
          ["dlt", "show"],
          ["dlt", "redrive", "--transform", path("functions/corrects.ts")]
        ]
      ) {
        assert.strictEqual((yield* other(...args)).code, 2, args.join(" "))
      }
      const raw = yield* other("tail", "orders", "--raw", "--from", "beginning", "--until", "end")
      assert.strictEqual(raw.code, 0)
    }))
})
