/**
 * npm run check -- [--all] [part of a step's name]...
 *
 * Everything that can be said of the sources and of the package without running the tests. Every step runs, also after
 * one that failed; the exit code tells whether all are green.
 */
import { performance } from "node:perf_hooks"
import { docComments } from "./check/docComments.ts"
import { effectDiagnostics } from "./check/effectDiagnostics.ts"
import { examples } from "./check/examples.ts"
import { house } from "./check/house.ts"
import { layout } from "./check/layout.ts"
import { importCost, manifest, typeResolution } from "./check/packed.ts"
import { stableImports } from "./check/stableImports.ts"
import { command, type Step } from "./check/step.ts"
import { words } from "./check/words.ts"

const folders = ["src", "test", "scripts", "scratchpad"]

const steps: ReadonlyArray<Step> = [
  command("types", "tsc"),
  effectDiagnostics,
  command("lint", "oxlint", "--deny-warnings", "--format=unix", ...folders),
  house,
  layout,
  docComments,
  examples,
  words,
  stableImports,
  command("format", "dprint", "check", "--list-different"),
  manifest,
  typeResolution,
  importCost
]

const args = process.argv.slice(2)
const filters = args.filter((arg) => arg !== "--all")
const shown = args.includes("--all") ? Number.POSITIVE_INFINITY : 40
const chosen = steps.filter(({ name }) => filters.length === 0 || filters.some((filter) => name.includes(filter)))
if (chosen.length === 0) {
  console.error(`no step matches ${filters.join(" ")}; there are: ${steps.map(({ name }) => name).join(", ")}`)
  process.exitCode = 2
}

const failed: Array<string> = []
const begin = performance.now()
const seconds = (from: number) => `${((performance.now() - from) / 1_000).toFixed(1)} s`

for (const { name, run } of chosen) {
  const start = performance.now()
  const problems = await run().catch((error: unknown) =>
    (error instanceof Error ? error.message : String(error)).split("\n")
  )
  console.log(`${problems.length === 0 ? "ok    " : "FAILED"} ${name} (${seconds(start)})`)
  for (const problem of problems.slice(0, shown)) console.log(`    ${problem}`)
  if (problems.length > shown) {
    console.log(`    and ${problems.length - shown} more lines: npm run check -- --all "${name}"`)
  }
  if (problems.length > 0) failed.push(name)
}

if (failed.length > 0) {
  console.log(`\n${failed.length} of ${chosen.length} failed: ${failed.join(", ")} (${seconds(begin)})`)
  process.exitCode = 1
} else if (chosen.length > 0) console.log(`\nall ${chosen.length} green (${seconds(begin)})`)
