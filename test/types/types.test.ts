import { assert, describe, it } from "@effect/vitest"
import { globSync } from "node:fs"
import { join } from "node:path"
import { output, root, sourceFiles } from "../../scripts/check/step.ts"

const checks = globSync("test/types/*.ts", { cwd: root }).filter((file) => !file.endsWith(".test.ts"))

describe("exact types", () => {
  it("are compiled by the check of types", async () => {
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
    const { code, text } = await output(process.execPath, [tsc, "--listFilesOnly"])
    assert.strictEqual(code, 0, text)
    const compiled = new Set(text.split("\n"))
    assert.deepStrictEqual(checks.filter((file) => !compiled.has(join(root, file))), [])
    assert.isAbove(checks.length, 2)
  })

  it("compile, and their counterexamples do not", async () => {
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
    const { code, text } = await output(process.execPath, [tsc, "--pretty", "false"])
    const own = text.split("\n").filter((line) => line.startsWith("test/types/"))
    assert.deepStrictEqual(own, [], `tsc ended with ${code}`)
    const expected = sourceFiles("test/types/*.ts").flatMap(({ lines }) =>
      lines.filter((line) => /@ts-expect-error/.test(line))
    )
    assert.isAbove(expected.length, 10)
  })
})
