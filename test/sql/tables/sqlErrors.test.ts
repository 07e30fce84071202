import { assert, describe, it } from "@effect/vitest"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import { isOfRow, ownTableErrorOf } from "../../../src/sql/tables/sqlErrors.ts"

const errorOf = (code: string, more: object = {}) =>
  new SqlError({ reason: new UnknownError({ cause: Object.assign(new Error("refused"), { code, ...more }) }) })

describe("an error by the code of a wrong statement", () => {
  it("is about a row only where no statement is wrong", () => {
    const where = "PL/pgSQL function audit() line 1 at EXECUTE"
    for (const code of ["42601", "42704", "42883"]) {
      assert.isTrue(isOfRow(errorOf(code, { routine: "parse_ltree" })), code)
      assert.isFalse(isOfRow(errorOf(code, { position: "8" })), code)
      assert.isFalse(isOfRow(errorOf(code, { where })), code)
    }
    // TRUNCATE says so of a table that is not there.
    assert.isFalse(isOfRow(errorOf("42P01", { routine: "RangeVarGetRelidExtended" })))
  })
})

describe("an error of a statement over one of Millrace's own tables", () => {
  it("says that the table is not there, or its schema, as PostgreSQL 15 does", () => {
    const reasons = ["42P01", "3F000", "42501", "57P03"].map((code) =>
      ownTableErrorOf("write to the outbox", "other.outbox", errorOf(code)).reason._tag
    )
    assert.deepStrictEqual(reasons, ["NotMigrated", "NotMigrated", "Denied", "Unavailable"])
  })
})
