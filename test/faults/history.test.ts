import { assert, describe, it } from "@effect/vitest"
import { parse, read } from "./history.ts"

const told = (...lines: ReadonlyArray<string>) => {
  const { disorder, ledger, repeated } = read(parse(lines.join("\n")), "numbers")
  return { overlaps: ledger.overlaps, disorder, repeated }
}
const nothing = { overlaps: [], disorder: [], repeated: [] }
const both = ["a assigned 0,1", "b assigned 2"]

describe("the ledger of processes", () => {
  it("tells of two who work on a partition at once", () => {
    const { overlaps } = told(...both, "a started 0 7 x", "b started 0 8 y")
    assert.deepStrictEqual(overlaps, ["0: a runs while b starts 8"])
  })

  it("tells of a record that is handled twice, and of one that comes too late", () => {
    assert.deepStrictEqual(told(...both, "a handled 0 7 x", "a revoked 0", "b assigned 0", "b handled 0 7 x"), {
      ...nothing,
      repeated: ["0@7 by a and by b"]
    })
    assert.deepStrictEqual(told(...both, "a handled 0 8 x", "a revoked 0", "b assigned 0", "b handled 0 7 x"), {
      ...nothing,
      disorder: ["numbers/0@7 after 8"]
    })
  })

  const hung = [...both, "a handled 0 5 v", "a started 0 6 w", "a outcast", "b assigned 0,1", "b handled 0 5 v"]

  it("excuses a member that hung past its session, until it knows", () => {
    const back = ["b started 0 6 w", "b handled 0 6 w", "b started 0 7 x", "a handled 0 6 w", "a started 0 7 x"]
    assert.deepStrictEqual(told(...hung, ...back, "a handled 0 7 x", "b handled 0 7 x", "a lost 0,1"), nothing)
    // It goes on ahead of the one who has the partition now.
    assert.deepStrictEqual(
      told(...hung, "a handled 0 6 w", "a handled 0 7 x", "a lost 0,1", "b handled 0 6 w"),
      nothing
    )
  })

  it("excuses nothing of it once it knows", () => {
    const known = [...hung, "a lost 0,1"]
    assert.deepStrictEqual(told(...known, "b started 0 6 w", "a started 0 7 x").overlaps, [
      "0: b runs while a starts 7"
    ])
    assert.deepStrictEqual(told(...known, "b handled 0 6 w", "a handled 0 6 w").repeated, ["0@6 by b and by a"])
    assert.deepStrictEqual(told(...known, "b handled 0 8 w", "a handled 0 7 w").disorder, ["numbers/0@7 after 8"])
  })

  it("excuses nobody else, and nothing in partitions that it did not have", () => {
    assert.deepStrictEqual(told(...hung, "b started 0 6 w", "c started 0 7 x").overlaps, ["0: b runs while c starts 7"])
    assert.deepStrictEqual(told(...hung, "b started 2 1 w", "a started 2 2 x").overlaps, ["2: b runs while a starts 2"])
  })

  it("excuses no disorder in what a member does on its own", () => {
    assert.deepStrictEqual(told(...hung, "a handled 0 7 x", "a handled 0 6 w").disorder, ["numbers/0@6 after 7"])
  })

  it("excuses repeats after a kill and after a loss, but not of what was given up in good order before", () => {
    const given = ["a assigned 0", "a handled 0 1 x", "a revoked 0", "a assigned 0", "a handled 0 2 y"]
    assert.deepStrictEqual(told(...given, "a killed", "b handled 0 2 y").repeated, [])
    assert.deepStrictEqual(told(...given, "a killed", "b handled 0 1 x").repeated, ["0@1 by a and by b"])
    assert.deepStrictEqual(told(...given, "a lost 0", "b handled 0 2 y").repeated, [])
    assert.deepStrictEqual(told(...given, "a lost 0", "b handled 0 1 x").repeated, ["0@1 by a and by b"])
  })

  it("excuses repeats of what a member could not commit at its end, in the partitions that it names", () => {
    const ended = ["a assigned 0,1", "a handled 0 1 x", "a handled 1 1 x", "a uncommitted 0", "b assigned 0,1"]
    assert.deepStrictEqual(told(...ended, "b handled 0 1 x").repeated, [])
    assert.deepStrictEqual(told(...ended, "b handled 1 1 x").repeated, ["1@1 by a and by b"])
    assert.deepStrictEqual(told(...ended, "b revoked 0", "a assigned 0", "a handled 0 2 y", "b handled 0 2 y"), {
      ...nothing,
      repeated: ["0@2 by a and by b"]
    })
  })

  it("does not wait for a record whose handler was interrupted by a loss", () => {
    assert.deepStrictEqual(told(...both, "a started 0 7 x", "a lost 0,1", "b assigned 0", "b started 0 7 x"), nothing)
  })
})
