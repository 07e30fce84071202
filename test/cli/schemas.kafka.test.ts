import { assert, beforeAll, describe, it } from "vitest"
import { sharedRegistry } from "../services/registry.ts"
import { fixture, millrace } from "./millrace.ts"

let url: string
beforeAll(async () => {
  url = await sharedRegistry()
})

const schemas = (version: string, ...args: ReadonlyArray<string>) =>
  millrace(["schemas", ...args, "--config", fixture("evolution")], {
    env: { SCHEMA_REGISTRY_URL: url, VERSION: version }
  })

/** One registry, so one story: each step stands on the ones before. */
describe("schemas by the command, with a real registry", () => {
  it("checks in a pipeline, and registers", async () => {
    const fresh = await schemas("first", "check")
    assert.deepStrictEqual([fresh.code, fresh.out], [0, "orders-value: new\n"])
    const first = await schemas("first", "register")
    assert.match(first.out, /^orders-value: registered as version 1, id \d+\n$/)
    // Apicurio has no compatibility unless it is set.
    await fetch(`${url}/config/orders-value`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ compatibility: "BACKWARD" })
    })

    const compatible = await schemas("compatible", "check")
    assert.deepStrictEqual([compatible.code, compatible.out], [
      0,
      "orders-value: compatible (BACKWARD, latest version 1)\n"
    ])
    const incompatible = await schemas("incompatible", "check")
    assert.strictEqual(incompatible.code, 1)
    assert.include(incompatible.out, "orders-value: incompatible (BACKWARD, latest version 1)\n  ")
    assert.include(incompatible.out, "currency")
    assert.strictEqual((await schemas("incompatible", "register")).code, 1)
  })

  it("shows what differs, and deletes", async () => {
    assert.include(
      (await schemas("compatible", "diff")).out,
      "+    { \"name\": \"note\", \"type\": [\"null\", \"string\"]"
    )
    assert.match((await schemas("compatible", "register")).out, /registered as version 2/)
    assert.match(
      (await schemas("first", "ls")).out,
      /orders-value +AVRO +orders +value +1 +\d+ +2 +BACKWARD +registered, not/
    )
    assert.match((await schemas("first", "versions", "orders-value")).out, /2 +\d+ +AVRO +- +there/)
    assert.strictEqual((await schemas("first", "delete", "orders-value", "--version", "1", "--yes")).code, 0)
    assert.strictEqual((await schemas("first", "check")).out, "orders-value: compatible (BACKWARD, latest version 2)\n")
    assert.strictEqual((await schemas("first", "show", "nothing-value")).code, 1)
  })
})
