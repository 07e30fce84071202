/** The low water of an outbox against a small model of a database with transactions. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { LowWater } from "../../../src/sql/outbox/lowWater.ts"

/** A writer takes a transaction id, then an id of a row, then commits or rolls back. */
class Model {
  private nextXid = 1n
  private nextId = 1n
  private readonly open = new Map<number, { readonly xid: bigint; readonly ids: Array<bigint> }>()
  private readonly rows = new Set<bigint>()

  write(writer: number): void {
    const transaction = this.open.get(writer) ?? { xid: this.nextXid++, ids: [] }
    transaction.ids.push(this.nextId++)
    this.open.set(writer, transaction)
  }
  end(writer: number, commits: boolean): void {
    for (const id of commits ? this.open.get(writer)?.ids ?? [] : []) this.rows.add(id)
    this.open.delete(writer)
  }
  observed() {
    const running = [...this.open.values()].map(({ xid }) => xid)
    const xmin = running.reduce((least, xid) => xid < least ? xid : least, this.nextXid)
    return { lastId: this.nextId - 1n, xmin, xmax: this.nextXid }
  }
  /** What a relay sees, and deletes. */
  drain(from: bigint): number {
    const below = [...this.rows].filter((id) => id < from).length
    this.rows.clear()
    return below
  }
}

const Step = Schema.Union([
  Schema.Struct({ do: Schema.Literals(["write", "commit", "rollback"]), writer: Schema.Literals([0, 1, 2, 3]) }),
  Schema.Struct({ do: Schema.Literals(["observe", "drain"]) })
])

describe("LowWater", () => {
  it.prop("never hides a row", [Schema.Array(Step)], ([steps]) => {
    const [model, low] = [new Model(), new LowWater()]
    for (const step of steps) {
      if (step.do === "write") model.write(step.writer)
      else if (step.do === "commit" || step.do === "rollback") model.end(step.writer, step.do === "commit")
      else if (step.do === "observe") low.observe(model.observed())
      else {
        const { mark } = low
        assert.strictEqual(model.drain(low.of(3)), 0)
        low.emptied(3, mark)
      }
    }
  }, { arbitrary: { runs: 500 } })

  it("moves on when the transactions that ran have ended", () => {
    const low = new LowWater()
    low.observe({ lastId: 10n, xmin: 5n, xmax: 8n })
    low.emptied(0, low.mark)
    assert.strictEqual(low.of(0), 1n)
    low.observe({ lastId: 20n, xmin: 7n, xmax: 9n })
    assert.strictEqual(low.mark, 0n)
    low.observe({ lastId: 30n, xmin: 8n, xmax: 9n })
    low.emptied(0, low.mark)
    assert.strictEqual(low.of(0), 11n)
    assert.strictEqual(low.of(1), 0n)
  })

  it("moves on with what is read, no further than what is settled", () => {
    const low = new LowWater()
    low.observe({ lastId: 10n, xmin: 5n, xmax: 5n })
    low.observe({ lastId: 10n, xmin: 5n, xmax: 5n })
    low.emptiedTo(0, low.mark, 7n)
    assert.strictEqual(low.of(0), 8n)
    low.emptiedTo(0, low.mark, 12n)
    assert.strictEqual(low.of(0), 11n)
    low.emptiedTo(0, low.mark, 3n)
    assert.strictEqual(low.of(0), 11n)
  })

  it("passes rows of topics that are left out, for as long as these are", () => {
    const low = new LowWater()
    low.observe({ lastId: 10n, xmin: 5n, xmax: 5n })
    low.observe({ lastId: 10n, xmin: 5n, xmax: 5n })
    low.emptiedBut(0, low.mark, ["a"])
    assert.strictEqual(low.without(0, ["b", "a"]), 11n)
    assert.strictEqual(low.without(0, ["b"]), 0n)
    assert.strictEqual(low.without(1, ["a"]), 0n)
    low.forget()
    assert.strictEqual(low.without(0, ["a"]), 0n)
  })

  it("begins anew at a server whose transactions are older", () => {
    const low = new LowWater()
    low.observe({ lastId: 10n, xmin: 5n, xmax: 5n })
    low.observe({ lastId: 10n, xmin: 5n, xmax: 5n })
    low.emptied(0, low.mark)
    low.observe({ lastId: 14n, xmin: 4n, xmax: 4n })
    assert.strictEqual(low.of(0), 0n)
  })

  it("begins anew when the ids do", () => {
    const low = new LowWater()
    low.observe({ lastId: 10n, xmin: 5n, xmax: 5n })
    low.observe({ lastId: 10n, xmin: 5n, xmax: 5n })
    low.emptied(0, low.mark)
    assert.strictEqual(low.of(0), 11n)
    low.observe({ lastId: 1n, xmin: 6n, xmax: 6n })
    assert.strictEqual(low.of(0), 0n)
  })
})
