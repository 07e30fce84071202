import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { fileURLToPath } from "node:url"
import { type Broker, startBroker } from "../services/kafka.ts"
import { runTool } from "../services/tools.ts"
import { millrace, start } from "./millrace.ts"

const shop = fileURLToPath(new URL("../../scratchpad/retries/millrace.config.ts", import.meta.url))
const tier = (n: number) => `shop.shop-orders.retry.${n}`
const deadLetters = "shop.shop-orders.dlt"

let broker: Broker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker?.remove())

const env = (more: { readonly [name: string]: string } = {}) => ({
  env: { MILLRACE_KAFKA_BOOTSTRAP: broker.bootstrap, ...more }
})
const run = (...args: ReadonlyArray<string>) => millrace([...args, "--config", shop], env())
const json = async (...args: ReadonlyArray<string>) => {
  const { code, err, out } = await run(...args, "--json")
  assert.strictEqual(code, 0, err)
  return JSON.parse(out)
}

/** The story that docs/dead-letters.md tells. */
describe("a failing order on a real Kafka", () => {
  it("needs topics, which a plan shows", async () => {
    await runTool("topics", broker.bootstrap, ["--create", "--topic", "shop-orders", "--partitions", "3"])
    const planned = await run("retry", "topics", "--plan")
    assert.strictEqual(planned.code, 0, planned.err)
    for (const name of [tier(1), tier(2), tier(3), deadLetters]) {
      assert.match(planned.out, new RegExp(`${name} +3 .*missing`))
    }
  })

  it("goes through three retry topics into the dead letter topic", async () => {
    const orders = [{ id: "o-1", total: 19.5 }, { id: "o-2", total: 250 }]
    const input = orders.map((value) => JSON.stringify({ key: value.id, value })).join("\n")
    assert.strictEqual((await millrace(["produce", "shop-orders", "--config", shop], { ...env(), input })).code, 0)
    const { child, ended, untilLogged } = start(["consume", "--config", shop], env())
    await untilLogged(`sent to ${deadLetters}`)
    child.kill("SIGTERM")
    const { code, err, out } = await ended
    assert.strictEqual(code, 0, err)
    assert.strictEqual(out, "charged o-1: 19.5\n")
    for (const n of [1, 2, 3]) assert.include(err, `sent to ${tier(n)}: CardDeclined: the bank declined order o-2`)
    assert.deepStrictEqual(
      (await json("retry", "ls")).map(({ topic, waiting }: { topic: string; waiting: number }) => [topic, waiting]),
      [[tier(1), 0], [tier(2), 0], [tier(3), 0]]
    )
  })

  it("is shown, and sent once more when the bank is up again", async () => {
    const [summary] = await json("dlt", "ls")
    assert.deepInclude(summary, { topic: deadLetters, depth: 1, waiting: 1 })
    assert.include((await run("dlt", "show")).out, "{\"id\":\"o-2\",\"total\":250}")
    assert.include((await run("dlt", "redrive", "--dry-run")).out, "1 would be redriven")
    assert.include((await run("dlt", "redrive", "--yes")).out, `${deadLetters} -> ${tier(1)}: 1 redriven`)
    const { child, ended, until } = start(["consume", "--config", shop], env({ BANK: "up" }))
    await until("charged o-2: 250")
    child.kill("SIGTERM")
    const { code, err, out } = await ended
    assert.strictEqual(code, 0, err)
    assert.strictEqual(out, "charged o-2: 250\n")
    const [after] = await json("dlt", "ls")
    assert.deepInclude(after, { topic: deadLetters, depth: 1, waiting: 0 })
  })
})
