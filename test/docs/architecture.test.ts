import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { floors } from "../../scripts/check/layout.ts"
import { root } from "../../scripts/check/step.ts"

const text = readFileSync(join(root, "docs", "architecture.md"), "utf8")

const rooms = /<!-- rooms -->\n```mermaid\n([^]*?)\n```/.exec(text)?.[1] ?? ""

/** The arrows between rooms of the core, as the picture has them. */
const arrows = Array.from(
  rooms.matchAll(/^ {4}(\w+(?: & \w+)*) --> (\w+(?: & \w+)*)$/gm),
  ([, from, to]) => [from!, to!]
)
  .flatMap(([from, to]) => from!.split(" & ").flatMap((a) => to!.split(" & ").map((b) => [a, b] as const)))

/** The files that it names, from the folder where it says they are. */
const paths = Array.from(text.matchAll(/`((?:src|engine|[a-z]+)\/[\w/*.]+\.ts)`/g), ([, path]) => path!)
const placeOf = (path: string): string =>
  path.startsWith("src/") ? path : path.startsWith("engine/") ? `src/${path}` : `src/internal/${path}`

describe("docs/architecture.md", () => {
  it("has every room of the core in its picture, with arrows downwards alone", () => {
    const named = Array.from(rooms.matchAll(/^ {4}(\w+)\["\1:/gm), ([, room]) => room!)
    assert.deepStrictEqual(named.toSorted(), floors.toSorted())
    assert.isAbove(arrows.length, 10)
    assert.deepStrictEqual(arrows.filter(([from, to]) => floors.indexOf(from) >= floors.indexOf(to)), [])
  })

  it("and CONTRIBUTING.md name every room of the core", () => {
    const map = readFileSync(join(root, "CONTRIBUTING.md"), "utf8")
    assert.deepStrictEqual(floors.filter((room) => !new RegExp(`\`(?:src/internal/)?${room}/\``).test(map)), [])
  })

  it("names files that exist", () => {
    assert.isAbove(paths.length, 20)
    assert.deepStrictEqual(paths.filter((path) => !path.includes("*") && !existsSync(join(root, placeOf(path)))), [])
  })
})
