import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { output, root } from "../../scripts/check/step.ts"

/** The members of a consumer start and stop together: which one says so first is open. */
const inOrder = (lines: string): string =>
  (lines.match(/.*\n {2}group: .*/g) ?? []).toSorted().map((line) => `${line}\n`).join("")

/** What differs from run to run: colours, times, the numbers of fibers, and the order of what happens together. */
const settled = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  text.replaceAll(/\x1b\[[\d;]*m/g, "").replaceAll(/\[[\d:.]+\]/g, "[time]").replaceAll(/\(#\d+\)/g, "(#)").trim()
    .replaceAll(/(?:.*(?:consumer st|assigned: ).*\n {2}group: .*(?:\n|$))+/g, inOrder)

it("README.md shows what the demo prints", async () => {
  const shown = /<!-- demo -->\n```text\n([^]*?)\n```/.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1]
  assert.isDefined(shown)
  const demo = join("scratchpad", "demo", "demo.ts")
  const { code, text } = await output(process.execPath, ["--conditions=millrace-source", demo])
  assert.strictEqual(code, 0, text)
  assert.strictEqual(settled(text), settled(shown!))
})
