import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as DocComments from "../../scripts/check/docComments.ts"
import * as Examples from "../../scripts/check/examples.ts"
import * as House from "../../scripts/check/house.ts"
import { measureEntry, overBudget } from "../../scripts/check/importCost.ts"
import { importsOf } from "../../scripts/check/imports.ts"
import * as Layout from "../../scripts/check/layout.ts"
import { stabilityOf, walk } from "../../scripts/check/stableImports.ts"
import { root, type SourceFile } from "../../scripts/check/step.ts"
import * as Words from "../../scripts/check/words.ts"
import { packedText, publicManifest, readManifest } from "../../scripts/pack.ts"

const file = (path: string, ...lines: ReadonlyArray<string>): SourceFile => ({ path, lines, text: lines.join("\n") })

describe("imports of a module", () => {
  it("are found over several lines, dynamic ones too, and not in comments", () => {
    const found = importsOf(file(
      "src/A.ts",
      "/**",
      " * import { A } from \"commented\"",
      " */",
      "import {",
      "  a,",
      "  b",
      "} from \"./several.ts\"",
      "export * as B from \"./B.ts\"",
      "import \"./effects.ts\"",
      "export const load = () => import(\"native\")",
      "export const text = 'from \"nowhere\"'"
    ))
    assert.deepStrictEqual(found, [
      { specifier: "./several.ts", line: 7, dynamic: false },
      { specifier: "./B.ts", line: 8, dynamic: false },
      { specifier: "./effects.ts", line: 9, dynamic: false },
      { specifier: "native", line: 10, dynamic: true }
    ])
  })
})

describe("rules of the house", () => {
  const problem = (path: string, ...lines: ReadonlyArray<string>) => House.problemsOf(file(path, ...lines))

  it("are about size", () => {
    assert.deepStrictEqual(problem("src/A.ts", "x".repeat(121)), ["src/A.ts:1: 121 columns, at most 120"])
    assert.deepStrictEqual(problem("test/a.ts", ...new Array(401).fill("")), ["test/a.ts: 401 lines, at most 400"])
    assert.deepStrictEqual(problem("test/a.ts", ...new Array(400).fill("x".repeat(120))), [])
    const comments = new Array(100).fill(" * words")
    assert.deepStrictEqual(problem("src/A.ts", ...comments, ...new Array(301).fill("")), [
      "src/A.ts: 401 lines, at most 400"
    ])
  })

  it("are about what is unfinished, impure or untyped", () => {
    assert.deepStrictEqual(problem("test/a.ts", `// ${"TO"}${"DO"} later`), ["test/a.ts:1: finish it, or leave it out"])
    assert.deepStrictEqual(problem("src/A.ts", "const now = Date.now()"), [
      "src/A.ts:1: time comes from Clock, chance from Random"
    ])
    assert.deepStrictEqual(problem("src/A.ts", "", "const a = b as any"), [
      "src/A.ts:2: a cast to any says in a comment, above or beside it, why it is safe"
    ])
    assert.deepStrictEqual(problem("src/A.ts", "// It is one.", "const a = b as any"), [])
  })

  it("are about rooms", () => {
    const importing = (path: string, specifier: string) => problem(path, `import * as A from "${specifier}"`).length
    assert.strictEqual(importing("src/A.ts", "effect"), 1)
    assert.strictEqual(importing("src/cli/a.ts", "effect/cli"), 1)
    assert.strictEqual(importing("src/A.ts", "effect/Effect"), 0)
    assert.strictEqual(importing("test/a.ts", "effect"), 0)
    assert.strictEqual(importing("src/A.ts", "./B"), 1)
    assert.strictEqual(importing("src/A.ts", "./engine/KafkaEngine.ts"), 0)
    assert.strictEqual(importing("src/A.ts", "./engine/ConfluentKafka.ts"), 1)
    assert.strictEqual(importing("src/internal/a.ts", "../engine/memory/topics/log.ts"), 1)
    assert.strictEqual(importing("src/engine/memory/topics/log.ts", "../../../Consumer.ts"), 1)
    assert.strictEqual(importing("src/engine/memory/topics/log.ts", "../../../KafkaError.ts"), 0)
    assert.strictEqual(importing("scratchpad/demo/demo.ts", "../../src/Consumer.ts"), 1)
  })
})

describe("the layout", () => {
  const importing = (path: string, ...specifiers: ReadonlyArray<string>) =>
    file(path, ...specifiers.map((specifier) => `import type { A } from "${specifier}"`))

  it("has no circle of files, types counted", () => {
    const circle = [importing("src/internal/loop/a.ts", "./b.ts"), importing("src/internal/loop/b.ts", "./a.ts")]
    assert.deepStrictEqual(Layout.problemsOf(circle), [
      "files import each other in a circle: src/internal/loop/a.ts, src/internal/loop/b.ts"
    ])
    assert.deepStrictEqual(Layout.problemsOf([importing("src/A.ts", "./B.ts"), importing("src/B.ts")]), [])
  })

  it("has no circle of rooms, also where no files make one", () => {
    const files = [
      importing("src/A.ts", "./internal/retry/a.ts"),
      importing("src/internal/retry/a.ts"),
      importing("src/internal/retry/b.ts", "../../A.ts")
    ]
    assert.deepStrictEqual(Layout.problemsOf(files), ["rooms import each other in a circle: A.ts, internal/retry"])
  })

  it("has no arrow upwards, no room without a floor and no crowd", () => {
    const files = [importing("src/internal/shared/a.ts", "../run/b.ts"), importing("src/internal/run/b.ts")]
    assert.deepStrictEqual(Layout.problemsOf(files).length, 1)
    assert.deepStrictEqual(Layout.problemsOf([importing("src/internal/attic/a.ts")]).length, 1)
    const crowd = Array.from({ length: 13 }, (_, i) => importing(`src/engine/memory/f${i}.ts`))
    assert.deepStrictEqual(Layout.problemsOf(crowd).length, 1)
    assert.deepStrictEqual(Layout.problemsOf(crowd.slice(1)), [])
  })
})

describe("doc comments", () => {
  const header = ["/**", " * Words.", " *", " * @stability unstable", " * @since 0.1.0", " */"]
  const comment = ["/**", " * Words.", " *", " * @stability unstable", " * @since 0.1.0", " * @category models", " */"]
  const problems = (...lines: ReadonlyArray<string>) => DocComments.problemsOf(file("src/A.ts", ...lines))

  it("are complete", () => {
    assert.deepStrictEqual(problems(...header, ...comment, "export const a = 1", "const b = 2"), [])
    assert.deepStrictEqual(problems(...header, "/** Inside. @internal */", "export const a = 1"), [])
    assert.deepStrictEqual(problems(...header, ...comment, "export function f(): void", "export function f() {}"), [])
  })

  it("lack something", () => {
    assert.deepStrictEqual(problems("export {}").length, 1)
    assert.deepStrictEqual(DocComments.problemsOf(file("src/cli/main.ts", "export {}")), [])
    assert.deepStrictEqual(DocComments.problemsOf(file("src/cli/index.ts", "export {}")).length, 1)
    assert.deepStrictEqual(problems(...header, "", "export const a = 1"), ["src/A.ts:8: a has no doc comment"])
    assert.deepStrictEqual(problems(...header, "/** Words. @since 0.1.0 */", "export class A {}"), [
      "src/A.ts:8: A lacks @stability, @category"
    ])
    assert.deepStrictEqual(problems(...header, comment[0]!, ...comment.slice(3), "export interface A {}"), [
      "src/A.ts:12: A says nothing but its tags"
    ])
    assert.deepStrictEqual(problems(...header, "export {", "  a", "} from \"./b.ts\""), [
      "src/A.ts:8: a has no doc comment"
    ])
  })
})

describe("the cost of an import", () => {
  it("is counted, without a clock, and compared with its budget", async () => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-cost-"))
    try {
      writeFileSync(join(folder, "b.mjs"), "export const b = 1\n")
      writeFileSync(join(folder, "a.mjs"), "export { b } from \"./b.mjs\"\n" + "// a comment\n".repeat(1_000))
      const cost = await measureEntry(join(folder, "a.mjs"))
      assert.deepStrictEqual(cost, { gzipKb: 0, modules: 2, sourceKb: 13 })
      assert.deepStrictEqual(overBudget(".", cost, { gzipKb: 0, modules: 2, sourceKb: 13 }), [])
      assert.deepStrictEqual(overBudget(".", cost, { gzipKb: 1, modules: 1, sourceKb: 12 }), [
        ". costs 0 kB gzip, 2 modules of 13 kB; its budget of modules is 1",
        ". costs 0 kB gzip, 2 modules of 13 kB; its budget of sourceKb is 12"
      ])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe("examples", () => {
  const missing = (...lines: ReadonlyArray<string>) => Examples.problemsOf(file("src/A.ts", ...lines))

  it("are asked of every function, however it is written", () => {
    const named = "src/A.ts:2: a has no example"
    assert.deepStrictEqual(missing("/** Words. */", "export const a = (b: number) => b"), [named])
    assert.deepStrictEqual(missing("/** Words. */", "export function a() {}", "export function a(b?: 1) {}"), [named])
    assert.deepStrictEqual(missing("/** Words. */", "export const a: {", "  (b: 1): 2", "} = dual(2, f)"), [named])
    assert.deepStrictEqual(missing("/** Words. */", "export const a = Effect.fnUntraced(function*() {", "})"), [named])
  })

  it("are not asked of values, nor of what is internal or has one", () => {
    assert.deepStrictEqual(missing("/** Words. */", "export const a: A = { b: 1 }", "", "const b = () => 1"), [])
    assert.deepStrictEqual(missing("/** Words. */", "export const A = Context.Reference(\"a\", { b: () => 1 })"), [])
    assert.deepStrictEqual(missing("/** Words. @internal */", "export const a = () => 1"), [])
    assert.deepStrictEqual(missing("/**", " * ```ts", " * a()", " * ```", " */", "export const a = () => 1"), [])
  })
})

describe("stable imports", () => {
  const walkOf = (...files: ReadonlyArray<SourceFile>) => walk(new Map(files.map((f) => [f.path, f])), ["src/index.ts"])

  it("ask Effect's modules for their stability", () => {
    assert.strictEqual(stabilityOf("effect/Effect"), "stable")
    assert.strictEqual(stabilityOf("effect/cli"), "unstable")
    assert.strictEqual(stabilityOf("effect/Nothing"), undefined)
  })

  it("are walked through the modules in between", () => {
    const { problems, seen } = walkOf(
      file("src/index.ts", "export * as A from \"./A.ts\""),
      file("src/A.ts", "import * as Effect from \"effect/Effect\"", "import { b } from \"./internal/b.ts\""),
      file("src/internal/b.ts", "import * as fs from \"node:fs\"", "const load = () => import(\"native\")"),
      file("src/C.ts", "import * as other from \"nobody imports this\"")
    )
    assert.deepStrictEqual([...seen], ["src/index.ts", "src/A.ts", "src/internal/b.ts"])
    assert.deepStrictEqual(problems, [
      "src/internal/b.ts:1: the core imports only modules of Effect, not node:fs",
      "src/internal/b.ts:2: native is loaded, and only modules of Effect may be"
    ])
  })
})

describe("words", () => {
  const found = (path: string, ...lines: ReadonlyArray<string>) =>
    Words.problemsOf(file(path, ...lines)).map((problem) => problem.replace(/: write .*/, ""))

  it("that have to be read twice are refused, also when a sentence goes on in the next line", () => {
    assert.deepStrictEqual(found("src/a.ts", "/** What is so", " * long. */"), ["src/a.ts:1: \"so long\""])
    assert.deepStrictEqual(found("a.md", "- what stands", "  behind it"), ["a.md:1: \"stands behind\""])
    const each = ["at most so many", "it was told", "begins anew", "in vain", "Whoever", "towards Kafka"]
    assert.lengthOf(each.flatMap((text) => found("a.md", text)), each.length)
    assert.lengthOf(
      ["longer than nothing", "working failures off", "worked off"].flatMap((text) => found("a.md", text)),
      3
    )
  })

  it("are those of comments and texts, not names and examples", () => {
    assert.deepStrictEqual(found("src/a.ts", "this.told = anew"), [])
    assert.deepStrictEqual(found("src/a.ts", "const a = \"in vain\" // told"), [
      "src/a.ts:1: \"told\"",
      "src/a.ts:1: \"in vain\""
    ])
    assert.deepStrictEqual(found("a.md", "```ts", "const told = 1", "```", "anew"), ["a.md:4: \"anew\""])
  })

  it("keep 'answers' for brokers", () => {
    const returns = ["Answers how many", "and answers what is left", "It answers nothing", "`send` answers where it is"]
    assert.lengthOf(returns.flatMap((text) => found("a.md", text)), returns.length)
    assert.deepStrictEqual(found("a.md", "a broker answers what it knows", "one that answers is enough"), [])
  })
})

describe("packed documents", () => {
  it("keep links to what is packed, and the text of others", () => {
    const has = (path: string) => ["docs/a.md", "README.md"].includes(path)
    const text = "[`a`](a.md#b) [c](../test/c.ts) [d](../README.md) [e](https://f) [g](#h) ![i](j.png)"
    assert.strictEqual(
      packedText(text, "docs/x.md", has),
      "[`a`](a.md#b) c [d](../README.md) [e](https://f) [g](#h) ![i](j.png)"
    )
  })
})

describe("the public manifest", () => {
  it("has nothing of the repository's own and every entry", () => {
    const own = readManifest(root)
    const manifest = publicManifest(own)
    assert.notInclude(JSON.stringify(manifest), "millrace-source")
    assert.doesNotHaveAnyKeys(manifest, ["scripts", "devDependencies", "allowScripts"])
    assert.deepStrictEqual(Object.keys(manifest.exports), Object.keys(own.exports))
    assert.deepStrictEqual(manifest["peerDependencies"], own["peerDependencies"])
  })
})
