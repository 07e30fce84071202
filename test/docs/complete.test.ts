import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root, sourceFiles } from "../../scripts/check/step.ts"

const read = (...path: ReadonlyArray<string>) => readFileSync(join(root, ...path), "utf8")

/** What a table has in its first column, between backticks. */
const rowsOf = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(/^\| `(\w+)` \|/gm), ([, name]) => name!)

describe("documents are complete", () => {
  it("about the reasons of errors", () => {
    const union = /export type Reason =\n((?: {2}\| \w+\n?)+)/.exec(read("src", "KafkaErrorReason.ts"))?.[1] ?? ""
    const reasons = Array.from(union.matchAll(/\w+/g), ([name]) => name)
    assert.isAbove(reasons.length, 10)
    const [, table] = read("docs", "operating.md").split("## What can go wrong")
    assert.deepStrictEqual(rowsOf(table!).toSorted(), reasons.toSorted())
  })

  it("about events", () => {
    const events = Array.from(
      read("src", "ConsumerEvent.ts").matchAll(/Event<("[^>]+")>/g),
      ([, names]) => names!.match(/\w+/g)!
    ).flat()
    assert.isAbove(events.length, 15)
    const [, table] = read("docs", "consumer.md").split("| event | what happened |")
    const rows = table!.split("\n\n")[0]!
    assert.deepStrictEqual(events.filter((name) => !rows.includes(`\`${name}\``)), [])
  })

  it("about metrics", () => {
    const metrics = sourceFiles("src/internal/telemetry/*Metrics.ts")
      .flatMap(({ text }) => Array.from(text.matchAll(/Metric\.\w+\("([\w.]+)"/g), ([, name]) => name!))
    assert.isAbove(metrics.length, 8)
    const documents = sourceFiles("docs/*.md").map(({ text }) => text).join("\n")
    assert.deepStrictEqual(metrics.filter((name) => !documents.includes(`\`${name}\``)), [])
  })
})
