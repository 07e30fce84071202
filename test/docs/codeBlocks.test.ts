import { assert, describe, it } from "@effect/vitest"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { output, root, sourceFiles, workFolder } from "../../scripts/check/step.ts"
import { readManifest } from "../../scripts/pack.ts"
import { type CodeBlock, codeBlocks, commandsOf, moduleOf } from "./codeBlocks.ts"

const documents = sourceFiles("README.md", "README.npm.md", "AGENTS.md", "CONTRIBUTING.md", "docs/**/*.md")
const blocks = [...documents, ...sourceFiles("src/**/*.ts")].flatMap(codeBlocks)
const examples = blocks.filter(({ language }) => language === "ts")

/** Compiles them all at once, within the repository: there they import the package by its name and get its sources. */
const compile = async (examples: ReadonlyArray<CodeBlock>): Promise<ReadonlyArray<string>> => {
  mkdirSync(workFolder, { recursive: true })
  const folder = mkdtempSync(join(workFolder, "examples-"))
  try {
    examples.forEach((block, index) => writeFileSync(join(folder, `${index}.ts`), moduleOf(block)))
    // An example may end with a value that nobody uses.
    const compilerOptions = { noUnusedLocals: false, plugins: [] }
    const config = { extends: join(root, "tsconfig.json"), compilerOptions, include: ["*.ts"], exclude: [] }
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
    const { text } = await output(process.execPath, [tsc, "-p", folder, "--pretty", "false"])
    const inside = new RegExp(`^\\S*${basename(folder)}/(\\d+)\\.ts\\((\\d+),\\d+\\): (.*)$`)
    return text.split("\n").flatMap((line) => {
      const [, index, at, problem] = inside.exec(line) ?? []
      return index === undefined ? [] : [`${examples[Number(index)]!.path}:${at}: ${problem}`]
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const scripts = readManifest(root)["scripts"] as { readonly [name: string]: string }

/** What is wrong with a command of a document, if it is one that this repository answers for. */
const problemOf = (text: string): string | undefined => {
  const script = /^npm (?:run (\S+)|(test|start)\b)/.exec(text)
  if (script !== null) {
    const name = script[1] ?? script[2]!
    return name in scripts ? undefined : `there is no script ${name}`
  }
  const file = /^node (?:--\S+ )*([\w./-]+\.(?:ts|mjs|js))\b/.exec(text)?.[1]
  return file === undefined || existsSync(join(root, file)) ? undefined : `there is no file ${file}`
}

describe("documents", () => {
  it("are there, with examples", () => {
    assert.include(documents.map(({ path }) => path), "README.md")
    assert.isTrue(examples.some(({ path }) => path === "README.md"), "README.md has no example")
  })

  it("have commands that exist", () => {
    const wrong = documents.flatMap(codeBlocks).flatMap(commandsOf).flatMap(({ at, text }) => {
      const problem = problemOf(text)
      return problem === undefined ? [] : [`${at}: ${text}: ${problem}`]
    })
    assert.deepStrictEqual(wrong, [])
    assert.strictEqual(problemOf("npm run nothing"), "there is no script nothing")
    assert.strictEqual(problemOf("npm test -- consumer"), undefined)
    assert.strictEqual(problemOf("node scratchpad/nothing.ts"), "there is no file scratchpad/nothing.ts")
  })
})

describe("examples", () => {
  it("are found in doc comments, at their lines", () => {
    const lines = ["/**", " * Words.", " *", " * ```ts", " * const a = 1", " *", " *   a", " * ```", " */"]
    const [block, ...others] = codeBlocks({ path: "a.ts", lines })
    assert.deepStrictEqual(block, { path: "a.ts", line: 5, language: "ts", code: ["const a = 1", "", "  a"] })
    assert.deepStrictEqual(others, [])
    assert.isAbove(examples.filter(({ path }) => path.startsWith("src/")).length, 20)
  })

  it("compile, and one that does not is named by its line", async () => {
    const wrong: CodeBlock = { path: "wrong.md", line: 7, language: "ts", code: ["const a = 1", "const b: string = a"] }
    const problems = await compile([...examples, wrong])
    assert.deepStrictEqual(problems, [
      "wrong.md:8: error TS2322: Type 'number' is not assignable to type 'string'."
    ])
  })
})
