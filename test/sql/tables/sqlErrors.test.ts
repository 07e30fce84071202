import { assert, describe, it } from "@effect/vitest"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import { ownTableErrorOf } from "../../../src/sql/tables/sqlErrors.ts"

const errorOf = (code: string) =>
  new SqlError({ reason: new UnknownError({ cause: Object.assign(new Error("refused"), { code }) }) })

describe("an error of a statement over one of Millrace's own tables", () => {
  it("says that the table is not there, or its schema, as PostgreSQL 15 does", () => {
    const reasons = ["42P01", "3F000", "42501", "57P03"].map((code) =>
      ownTableErrorOf("write to the outbox", "other.outbox", errorOf(code)).reason._tag
    )
    assert.deepStrictEqual(reasons, ["NotMigrated", "NotMigrated", "Denied", "Unavailable"])
  })
})
