import { assert, describe, it } from "@effect/vitest"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { readCounts, renderCounts } from "../../scripts/testCounts.ts"
import { classOf, parseArguments, selectFiles } from "../../scripts/testFiles.ts"

const inFolder = <A>(files: Readonly<Record<string, string>>, use: (folder: string) => A): A => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-unit-"))
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe("which tests run", () => {
  it("tells from a file's name what it needs", () => {
    assert.strictEqual(classOf("test/a.test.ts"), "plain")
    assert.strictEqual(classOf("test/kafka.test.ts"), "plain")
    assert.strictEqual(classOf("test/a.addon.test.ts"), "addon")
    assert.strictEqual(classOf("test/a.kafka.test.ts"), "kafka")
    assert.strictEqual(classOf("test/a.package.test.ts"), "package")
    assert.strictEqual(classOf("test/a.live.test.ts"), "live")
  })

  it("keeps its own options and passes on the first other one with all that follows", () => {
    assert.deepStrictEqual(parseArguments(["--fast", "./test/a", "b", "-t", "a name"]), {
      fast: true,
      full: false,
      filters: ["test/a", "b"],
      vitest: ["-t", "a name"]
    })
    assert.deepStrictEqual(parseArguments(["a", "--full"]), { fast: false, full: true, filters: ["a"], vitest: [] })
  })

  it("selects by part of the path, and what needs nothing when it has to be fast", () => {
    const files = { "test/b/two.kafka.test.ts": "", "test/one.test.ts": "", "test/b/help.ts": "", "src/x.test.ts": "" }
    inFolder(files, (root) => {
      const select = (...args: ReadonlyArray<string>) => selectFiles(root, parseArguments(args))
      assert.deepStrictEqual(select(), ["test/b/two.kafka.test.ts", "test/one.test.ts"])
      assert.deepStrictEqual(select("b/t"), ["test/b/two.kafka.test.ts"])
      assert.deepStrictEqual(select("--fast"), ["test/one.test.ts"])
      assert.deepStrictEqual(select("--fast", "b/t"), [])
    })
  })

  it("selects programs of other toolkits when they are asked for", () => {
    inFolder({ "test/live/one.live.test.ts": "", "test/live/one.test.ts": "" }, (root) => {
      const select = (...args: ReadonlyArray<string>) => selectFiles(root, parseArguments(args))
      assert.deepStrictEqual(select(), ["test/live/one.test.ts"])
      assert.deepStrictEqual(select("--fast", "live"), ["test/live/one.test.ts"])
      assert.deepStrictEqual(select("live"), ["test/live/one.live.test.ts", "test/live/one.test.ts"])
      assert.deepStrictEqual(select("--full"), ["test/live/one.live.test.ts", "test/live/one.test.ts"])
    })
  })
})

describe("what the last line counts", () => {
  const report = {
    numPassedTests: 3,
    numFailedTests: 1,
    numPendingTests: 2,
    numTodoTests: 1,
    testResults: [
      { status: "passed", assertionResults: [{ status: "passed" }] },
      { status: "failed", assertionResults: [{ status: "failed" }] },
      { status: "failed", assertionResults: [] }
    ]
  }

  it("counts a file that did not load as a failure", () => {
    inFolder({ "report.json": JSON.stringify(report) }, (folder) => {
      assert.strictEqual(renderCounts(readCounts(join(folder, "report.json"))), "3 passed, 2 failed, 3 skipped")
    })
  })

  it("counts a missing report as a failure", () => {
    inFolder({}, (folder) => {
      assert.deepStrictEqual(readCounts(join(folder, "report.json")), { passed: 0, failed: 1, skipped: 0 })
    })
  })
})
