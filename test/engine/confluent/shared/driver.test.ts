import { assert, describe, it } from "@effect/vitest"
import { missing } from "../../../../src/engine/confluent/shared/native.ts"

const driver = "@confluentinc/kafka-javascript"

describe("a native client that cannot be loaded", () => {
  it("was built for another Node: both ABIs, and how to rebuild it", () => {
    const { message, reason } = missing(
      new Error(
        "The module '/app/node_modules/x.node'\nwas compiled against a different Node.js version using\n"
          + "NODE_MODULE_VERSION 115. This version of Node.js requires\nNODE_MODULE_VERSION 137. Please try"
      )
    )
    assert.strictEqual(reason._tag, "DriverMissing")
    assert.include(message, `built for Node's ABI 115, and this Node, ${process.version}, has ABI 137`)
    assert.include(message, `run: npm rebuild ${driver}`)
  })

  it("is not there, or has no native part", () => {
    const absent = Object.assign(new Error(`Cannot find package '${driver}'`), { code: "ERR_MODULE_NOT_FOUND" })
    assert.include(missing(absent).message, `npm install ${driver}`)
    const { message } = missing(new Error("Could not locate the bindings file. Tried:\n → /app/build/x.node"))
    assert.include(message, "(Could not locate the bindings file. Tried:); run: npm rebuild")
  })
})
