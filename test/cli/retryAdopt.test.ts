import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as TestConsole from "effect/testing/TestConsole"
import { InMemoryKafka } from "millrace/testing"
import { fileURLToPath } from "node:url"
import { run } from "../../src/cli/main.ts"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import { tier1 } from "../internal/deadLetters/letters.ts"
import { cluster } from "./fixtures/adopt.config.ts"

const config = fileURLToPath(new URL("fixtures/adopt.config.ts", import.meta.url))
const kafka = Context.get(cluster, InMemoryKafka)

const millrace = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const before = (yield* TestConsole.logLines).length
    const code = yield* run("0.0.0", [...args, "--config", config])
    return { code, out: (yield* TestConsole.logLines).slice(before).map(String).join("\n") }
  })

const committed = (of: string) =>
  Effect.map(kafka.committed(of), (positions) => positions.map(({ offset, topic }) => `${topic} ${offset}`))

describe("taking retry topics over by the command", () => {
  it.effect("shows what it would do, does it with --yes, and gives back", () =>
    Effect.gen(function*() {
      const admin = yield* Context.get(cluster, KafkaEngine.Service).admin
      for (const name of ["orders", tier1]) yield* admin.createTopic({ name, partitions: 1 })
      for (let i = 0; i < 3; i++) yield* kafka.produce({ topic: tier1, partition: 0, value: new Uint8Array() })
      yield* admin.alterGroupOffsets("other-retry", [{ topic: tier1, partition: 0, offset: 2 }])
      const adopt = ["retry", "adopt", "--from-group", "other-retry"]
      const unknown = yield* millrace("retry", "adopt", "--from-group", "other-retri", "--yes")
      assert.deepStrictEqual(unknown, { code: 1, out: "" })
      const planned = yield* millrace(...adopt)
      assert.strictEqual(planned.code, 1)
      assert.match(planned.out, /billing\.retry +billing\.orders\.retry\.1 +0 +- +2/)
      assert.deepStrictEqual(yield* committed("billing.retry"), [])
      assert.strictEqual((yield* millrace(...adopt, "--yes")).code, 0)
      assert.deepStrictEqual(yield* committed("billing.retry"), [`${tier1} 2`])
      yield* admin.alterGroupOffsets("billing.retry", [{ topic: tier1, partition: 0, offset: 3 }])
      const back = yield* millrace("retry", "hand-back", "billing", "--to-group", "other-retry", "--yes", "--json")
      assert.deepInclude(JSON.parse(back.out), { executed: true })
      assert.deepStrictEqual(yield* committed("other-retry"), [`${tier1} 3`])
      assert.strictEqual((yield* millrace("retry", "adopt")).code, 2)
      const made = yield* millrace("retry", "hand-back", "--to-group", "third-retry", "--yes")
      assert.strictEqual(made.code, 0)
      assert.include((yield* TestConsole.errorLines).map(String).at(-1), "group \"third-retry\" does not exist")
    }))
})
