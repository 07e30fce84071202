import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { root, type SourceFile, sourceFiles } from "../../scripts/check/step.ts"

const documents = sourceFiles(
  "README.md",
  "README.npm.md",
  "AGENTS.md",
  "CONTRIBUTING.md",
  "test/README.md",
  "docs/**/*.md"
)

interface Link {
  readonly at: string
  readonly target: string
}

/** The links of a document to files of this repository, outside of code. */
const linksOf = ({ lines, path }: Pick<SourceFile, "lines" | "path">): ReadonlyArray<Link> => {
  let inCode = false
  return lines.flatMap((text, index) => {
    if (/^\s*```/.test(text)) inCode = !inCode
    if (inCode) return []
    const links = text.replaceAll(/`[^`]*`/g, "").matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)
    return Array.from(links, ([, target]) => ({ at: `${path}:${index + 1}`, target: target! }))
      .filter(({ target }) => !/^[a-z]+:/.test(target))
  })
}

/** What GitHub makes of a heading. */
const anchorOf = (heading: string): string =>
  heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")

/** What is wrong with a link of a document, if anything. */
const problemOf = (path: string, target: string): string | undefined => {
  const [file, anchor] = target.split("#") as [string, string | undefined]
  const full = file === "" ? join(root, path) : join(root, dirname(path), file)
  if (!existsSync(full)) return `${target} does not exist`
  if (anchor === undefined) return undefined
  const headings = readFileSync(full, "utf8").matchAll(/^#+ (.*)$/gm)
  return Array.from(headings, ([, heading]) => anchorOf(heading!)).includes(anchor)
    ? undefined
    : `${target} has no such heading`
}

describe("links of the documents", () => {
  it("lead to files and headings that exist", () => {
    const links = documents.flatMap(linksOf)
    assert.isAbove(links.length, 20)
    const wrong = links.flatMap(({ at, target }) => {
      const problem = problemOf(at.split(":")[0]!, target)
      return problem === undefined ? [] : [`${at}: ${problem}`]
    })
    assert.deepStrictEqual(wrong, [])
  })

  it("are found outside of code alone, and a wrong one is named", () => {
    const lines = ["[a](b.md) `[c](d.md)` [e](https://f)", "```", "[g](h.md)", "```", "[i](#j)"]
    assert.deepStrictEqual(linksOf({ path: "x.md", lines }), [
      { at: "x.md:1", target: "b.md" },
      { at: "x.md:5", target: "#j" }
    ])
    assert.strictEqual(problemOf("docs/x.md", "../README.md"), undefined)
    assert.strictEqual(problemOf("docs/x.md", "README.md"), "README.md does not exist")
    assert.strictEqual(problemOf("README.md", "#nothing"), "#nothing has no such heading")
  })
})
