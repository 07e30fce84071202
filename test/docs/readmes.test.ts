import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root, sourceFiles } from "../../scripts/check/step.ts"

const textOf = (file: string): string => readFileSync(join(root, file), "utf8")

/** The parts of a document by their headings; what is before the first one is under "". */
const partsOf = (text: string): ReadonlyMap<string, string> => {
  const [first = "", ...parts] = text.split(/^#{2,3} /m)
  return new Map([
    ["", first],
    ...parts.map((part) => {
      const end = part.indexOf("\n")
      return [part.slice(0, end), part.slice(end + 1)] as const
    })
  ])
}

/** What a user of the package does otherwise than a user of the repository. */
const different = ["A first result", "The command", "Documentation"]

const linkedIn = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(/\]\((docs\/[^)#]+)/g), ([, target]) => target!)

describe("the two READMEs, of the repository and of the package", () => {
  const repository = partsOf(textOf("README.md"))
  const packed = partsOf(textOf("README.npm.md"))

  it("say the same under the same headings", () => {
    const shared = [...repository.keys()].filter((heading) => packed.has(heading) && !different.includes(heading))
    assert.includeMembers(shared, ["", "A short tour", "What it promises", "The native client", "From Effect 3"])
    for (const heading of shared) assert.strictEqual(packed.get(heading), repository.get(heading), heading)
    const peers = /The core and the in-memory engine need[^]*?\n\n/
    assert.strictEqual(textOf("README.npm.md").match(peers)![0], textOf("README.md").match(peers)![0])
  })

  it("lead to every page for users", () => {
    const pages = sourceFiles("docs/*.md").map(({ path }) => path)
    // The page on retries leads to it.
    const forUsers = pages.filter((page) => page !== "docs/retry-scenarios.md")
    assert.sameMembers([...new Set(linkedIn(repository.get("Documentation")!))], forUsers)
    const own = ["docs/architecture.md"]
    assert.sameMembers([...new Set(linkedIn(packed.get("Documentation")!)), ...own], forUsers)
  })
})
