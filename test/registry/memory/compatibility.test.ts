import { assert, describe, it } from "@effect/vitest"
import { compares, violations } from "../../../src/registry/memory/compatibility.ts"
import type { Compatibility } from "../../../src/registry/RegistryModel.ts"

const record = (...fields: ReadonlyArray<object>) => ({
  text: JSON.stringify({ type: "record", name: "R", fields }),
  needed: []
})
const id = { name: "id", type: "string" }
const plain = record(id)
const added = record(id, { name: "n", type: "int" })
const addedWithDefault = record(id, { name: "n", type: "int", default: 0 })

const is = (level: Compatibility, next: ReturnType<typeof record>, ...before: ReadonlyArray<typeof next>) =>
  violations(level, compares.AVRO, next, before.map((each, i) => ({ ...each, version: i + 1 }))).length === 0

/** Which levels allow the step, in the order of the names below. */
const levels = [
  "NONE",
  "BACKWARD",
  "BACKWARD_TRANSITIVE",
  "FORWARD",
  "FORWARD_TRANSITIVE",
  "FULL",
  "FULL_TRANSITIVE"
] as const
const allowed = (next: ReturnType<typeof record>, ...before: ReadonlyArray<typeof next>) =>
  levels.filter((level) => is(level, next, ...before))

describe("the seven levels", () => {
  it("a field without a default may be removed but not added for old records, and the reverse for old readers", () => {
    assert.deepStrictEqual(allowed(added, plain), ["NONE", "FORWARD", "FORWARD_TRANSITIVE"])
    assert.deepStrictEqual(allowed(plain, added), ["NONE", "BACKWARD", "BACKWARD_TRANSITIVE"])
    assert.deepStrictEqual(allowed(addedWithDefault, plain), [...levels])
  })

  it("the transitive ones look at all versions", () => {
    // The middle version hides that the newest one cannot read the first.
    assert.deepStrictEqual(allowed(added, plain, addedWithDefault), [
      "NONE",
      "BACKWARD",
      "FORWARD",
      "FORWARD_TRANSITIVE",
      "FULL"
    ])
  })

  it("says the level, the version and the path", () => {
    const [message] = violations("BACKWARD", compares.AVRO, added, [{ ...plain, version: 3 }])
    assert.strictEqual(
      message,
      "BACKWARD: the new schema cannot read version 3: READER_FIELD_MISSING_DEFAULT_VALUE at /fields/n: "
        + "the writer has no \"n\", and it has no default"
    )
  })
})
