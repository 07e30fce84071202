/** What is no offset, no partition and no time is refused with its place, whatever its type. */
import { assert, it } from "@effect/vitest"
import { partitionsProblem, positionsProblem, specProblem } from "../../src/engine/checkOffsets.ts"

const place = { topic: "orders", partition: 3 }

it("takes whole numbers from 0 to the largest exact one", () => {
  for (const offset of [0, 1, 5_000_000_000, Number.MAX_SAFE_INTEGER]) {
    assert.isUndefined(positionsProblem("seek", [{ ...place, offset }]))
  }
  assert.isUndefined(positionsProblem("seek", []))
})

it.each([-1, -2, 1.5, Number.NaN, Infinity, -Infinity, 2 ** 53, "1", 1n, undefined, null, {}])(
  "refuses %s as an offset, and names the setting and the place",
  (offset) => {
    const error = positionsProblem("startOffsets", [{ ...place, offset: 1 }, { ...place, offset: offset as number }])
    assert.strictEqual(error?.reason._tag, "InvalidSetting")
    assert.include(error?.message, "startOffsets")
    assert.include(error?.message, "orders/3")
    assert.isTrue(error?.message.includes(typeof offset === "string" ? "\"1\"" : String(offset)))
  }
)

it("says how to convert what a database driver returned", () => {
  assert.include(positionsProblem("seek", [{ ...place, offset: "7" as unknown as number }])?.message, "Number()")
  assert.include(positionsProblem("seek", [{ ...place, offset: 7n as unknown as number }])?.message, "Number()")
})

it("refuses what is no partition, no topic, and no list", () => {
  assert.include(positionsProblem("seek", [{ topic: "t", partition: "0" as any, offset: 1 }])?.message, "partition")
  assert.include(partitionsProblem("pause", [{ topic: "t", partition: -1 }])?.message, "-1")
  assert.include(partitionsProblem("pause", [{ topic: "", partition: 0 }])?.message, "topic")
  for (const list of [undefined, null, {}, [undefined], [null], ["x"]] as Array<any>) {
    assert.strictEqual(positionsProblem("commit", list)?.reason._tag, "InvalidSetting")
    assert.strictEqual(partitionsProblem("pause", list)?.reason._tag, "InvalidSetting")
  }
})

it("refuses what is no place in a log", () => {
  for (const at of ["earliest", "latest", { timestamp: 0 }, { timestamp: 1_900_000_000_000 }] as const) {
    assert.isUndefined(specProblem("listOffsets", [place], at))
  }
  for (
    const at of [
      "first",
      undefined,
      null,
      {},
      -1,
      ...[-1, 1.5, Number.NaN, Infinity, "1"].map((timestamp) => ({ timestamp }))
    ]
  ) {
    const error = specProblem("listOffsets", [place], at as any)
    assert.strictEqual(error?.reason._tag, "InvalidSetting", String(at))
    assert.include(error?.message, "orders/3")
  }
})
