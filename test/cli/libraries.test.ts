import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { fixture, millrace } from "./millrace.ts"

const folder = mkdtempSync(join(tmpdir(), "millrace-libraries-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs a command, and returns which of the libraries of schemas its process loaded. */
const loadedBy = async (name: string, ...args: ReadonlyArray<string>) => {
  const file = join(folder, name)
  const preload = new URL("fixtures/loadedModules.mjs", import.meta.url)
  const { code, err } = await millrace([...args, "--config", fixture(name)], {
    env: { NODE_OPTIONS: `--import=${preload.href}`, MILLRACE_TEST_LOADED: file }
  })
  assert.strictEqual(code, 0, err)
  return [
    ...new Set(
      readFileSync(file, "utf8").split("\n").flatMap((url) =>
        /node_modules\/(avsc|protobufjs|ajv|ajv-formats)\//.exec(url)?.[1] ?? []
      )
    )
  ]
}

describe("libraries of schemas", () => {
  it("are not loaded by a check of schemas that need none", async () => {
    assert.deepStrictEqual(await loadedBy("written", "schemas", "check"), [])
  })

  it("are loaded where they are used", async () => {
    assert.deepStrictEqual(await loadedBy("formats", "schemas", "register"), ["protobufjs"])
  })
})
