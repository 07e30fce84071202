import { assert, describe, it } from "@effect/vitest"
import { afterLog, refusalIn } from "../../../../src/engine/confluent/producer/refusals.ts"

const line = (message: string, fac = "ADDPARTS") => refusalIn({ fac, message })

describe("refusals of transactions", () => {
  it("are read from the client's log", () => {
    const text = "[thrd:main]: TxnCoordinator/1: Failed to add partition \"a.b-c\" [3] to transaction: Broker: "
    assert.deepInclude(line(`${text}Topic authorization failed`)?.[1], { code: 29 })
    assert.strictEqual(line(`${text}Topic authorization failed`)?.[0], "a.b-c")
    assert.deepInclude(line(`${text}Unknown topic or partition`)?.[1], { code: 3 })
    assert.isUndefined(line(`${text}Operation not attempted`))
    assert.isUndefined(line(`${text}Producer attempted an operation with an old epoch`))
    assert.isUndefined(line(`${text}Topic authorization failed`, "TXNERR"))
  })

  it("are known when records are told that they were taken back, in their order", async () => {
    const told: Array<number> = []
    const tell = afterLog((_, report: number) => told.push(report))
    tell(null, 1)
    tell({ code: -152, message: "Local: Purged in flight" }, 2)
    tell(null, 3)
    tell({ code: -151, message: "Local: Purged in queue" }, 4)
    assert.deepStrictEqual(told, [1])
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepStrictEqual(told, [1, 2, 3, 4])
    tell(null, 5)
    assert.deepStrictEqual(told, [1, 2, 3, 4, 5])
  })
})
