import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { FifoQueue } from "../../../src/internal/partition/fifoQueue.ts"

const Moves = Arbitrary.array(Arbitrary.schema(Schema.Boolean), { minLength: 1, maxLength: 400 })

describe("FifoQueue", () => {
  it.prop("gives back what was put in, in order, and keeps the rest", { moves: Moves }, ({ moves }) => {
    const queue = new FifoQueue<number>()
    const model: Array<number> = []
    moves.forEach((push, i) => {
      if (push) {
        queue.push(i)
        model.push(i)
      } else assert.strictEqual(queue.shift(), model.shift())
      assert.strictEqual(queue.peek(), model[0])
      assert.strictEqual(queue.size, model.length)
      assert.deepStrictEqual([...queue], model)
    })
    queue.clear()
    assert.isUndefined(queue.shift())
  })
})
