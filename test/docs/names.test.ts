import { assert, describe, it } from "@effect/vitest"
import * as Millrace from "millrace"
import * as Cli from "millrace/cli"
import * as Confluent from "millrace/confluent"
import * as Connect from "millrace/connect"
import * as Pglite from "millrace/pglite"
import * as Registry from "millrace/registry"
import * as Sql from "millrace/sql"
import * as Testing from "millrace/testing"
import { type SourceFile, sourceFiles } from "../../scripts/check/step.ts"

const modules: { readonly [name: string]: object } = {
  ...Millrace,
  ...Testing,
  ...Confluent,
  ...Registry,
  ...Connect,
  ...Sql,
  ...Pglite,
  ...Cli
}

/** Types, and members of interfaces, are only in the sources. */
const sources = sourceFiles("src/*.ts", "src/{connect,engine,registry,cli,sql}/**/*.ts").map(({ text }) => text).join(
  "\n"
)
const isDeclared = (name: string): boolean =>
  new RegExp(`export (?:interface|type|class) ${name}\\b|readonly ${name}\\??:|^ {2}(?:type )?${name},?$`, "m").test(
    sources
  )

/** The names in prose, such as `Topic.handle`, that no module has. */
const unknownNames = ({ path, text }: Pick<SourceFile, "path" | "text">): ReadonlyArray<string> =>
  Array.from(text.matchAll(/`([A-Z]\w+)\.(\w+)/g), ([, module, name]) => [module!, name!] as const)
    .filter(([module]) => module in modules)
    .filter(([module, name]) => !(name in modules[module]!) && !isDeclared(name))
    .map(([module, name]) => `${path}: ${module}.${name}`)

describe("names in documents", () => {
  it("are those of the package", () => {
    const documents = sourceFiles("{README,README.npm,AGENTS,CONTRIBUTING}.md", "docs/**/*.md")
    assert.deepStrictEqual(documents.flatMap(unknownNames), [])
  })

  it("that are unknown are found", () => {
    const text = "`Topic.handle(…)` `Topic.handleNothing` `Nobody.knows` `Topic.Topic`"
    assert.deepStrictEqual(unknownNames({ path: "a.md", text }), ["a.md: Topic.handleNothing"])
  })
})
