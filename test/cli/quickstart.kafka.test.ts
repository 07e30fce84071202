import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { fileURLToPath } from "node:url"
import { type Broker, startBroker } from "../services/kafka.ts"
import { runTool } from "../services/tools.ts"
import { millrace, start } from "./millrace.ts"

const quickstart = fileURLToPath(new URL("../../scratchpad/quickstart/millrace.config.ts", import.meta.url))

// Of its own: the quickstart's topic and group have the names that everybody would take.
let broker: Broker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker?.remove())

const options = () => ({ env: { MILLRACE_KAFKA_BOOTSTRAP: broker.bootstrap } })
const run = (...args: ReadonlyArray<string>) => millrace([...args, "--config", quickstart], options())

/** Writes a line as Kafka's console producer does, with or without a key before a colon. */
const write = (line: string, keyed: boolean) =>
  runTool("consoleProducer", broker.bootstrap, [
    "--topic",
    "orders",
    ...(keyed ? ["--reader-property", "parse.key=true", "--reader-property", "key.separator=:"] : [])
  ], { stdin: `${line}\n` })

describe("the quickstart on a real Kafka", () => {
  it("tells that its topic is missing, and how consuming would go once it is there", async () => {
    const missing = await run("consume", "--dry-run")
    assert.strictEqual(missing.code, 1, missing.out)
    assert.strictEqual(missing.err, "topic \"orders\" does not exist\n")
    await runTool("topics", broker.bootstrap, ["--create", "--topic", "orders", "--partitions", "1"])
    const there = await run("consume", "--dry-run")
    assert.strictEqual(there.code, 0, there.err)
    assert.include(there.out, "offsetReset = earliest")
    assert.deepStrictEqual(JSON.parse((await run("topics", "--json")).out), [
      { topic: "orders", partitions: 1, replicas: 1 }
    ])
  })

  it("handles what Kafka's console producer wrote, and skips a record without a key, saying why", async () => {
    await write("1:{\"id\":\"1\",\"total\":5}", true)
    await write("{\"id\":\"2\",\"total\":6}", false)
    const produced = await millrace(["produce", "orders", "--config", quickstart], {
      ...options(),
      input: "{\"key\":\"3\",\"value\":{\"id\":\"3\",\"total\":7}}\n"
    })
    assert.strictEqual(produced.code, 0, produced.err)
    const { child, ended, until } = start(["consume", "--config", quickstart], options())
    await until("charging order 3: 7")
    child.kill("SIGTERM")
    const { code, err, out } = await ended
    assert.strictEqual(code, 0, err)
    assert.strictEqual(out, "charging order 1: 5\ncharging order 3: 7\n")
    const logged = err.trim().split("\n").map((line) => JSON.stringify(JSON.parse(line)))
    const skipped = logged.filter((line) => line.includes("key missing: the record has no key"))
    assert.strictEqual(skipped.length, 1, err)
    assert.include(skipped[0], "orders/0 at offset 1")
  })

  it("committed what it handled, and tail still reads all of it", async () => {
    const group = JSON.parse((await run("groups", "billing", "--json")).out)
    assert.deepInclude(group.partitions[0], { topic: "orders", partition: 0, committed: 3, end: 3, lag: 0 })
    const tailed = await run("tail", "orders", "--from", "beginning", "--until", "end", "--json")
    const records = tailed.out.trim().split("\n").map((line) => JSON.parse(line))
    assert.deepStrictEqual(records.map(({ key }) => key), ["1", undefined, "3"])
    assert.include(records[1].error, "key missing")
    const groups = JSON.parse((await run("groups", "--json")).out)
    assert.deepStrictEqual(groups.map(({ groupId }: { readonly groupId: string }) => groupId), ["billing"])
  })

  it("goes back when its offsets are reset", async () => {
    assert.strictEqual((await run("groups", "billing", "--reset-offsets", "--to", "-1", "--execute")).code, 0)
    const { child, ended, until } = start(["consume", "--config", quickstart], options())
    await until("charging order")
    child.kill("SIGINT")
    const { code, out } = await ended
    assert.deepStrictEqual({ code, out }, { code: 0, out: "charging order 3: 7\n" })
  })
})
