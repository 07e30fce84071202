/**
 * The conformance suite: what every engine does, run against a harness. Nothing a target cannot do is left out in
 * silence.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { afterAll } from "vitest"
import { abilities } from "./harness.ts"
import type { Ability, Harness, Scenario, World } from "./harness.ts"
import { groups } from "./scenarios/index.ts"

/** Beyond the patience of any condition, so that it is the condition that is told. */
const timeout = 240_000

const names = Object.keys(abilities) as ReadonlyArray<Ability>

/** Runs every scenario that the target can run, and shows what it cannot. */
export const suite = (harness: Harness): void => {
  const test = harness.clock === "test" ? it.effect : it.live
  const lacking = (scenario: Scenario) => scenario.needs.filter((need) => harness.cannot[need] !== undefined)
  const missing = groups.flatMap((group) => group.scenarios.filter((scenario) => lacking(scenario).length > 0))

  const runIn = (body: (world: World) => Effect.Effect<void, unknown, any>) =>
    Effect.flatMap(harness.world, (world) => Effect.provide(body(world), world.engine)) as Effect.Effect<void, unknown>

  describe(harness.name, { concurrent: harness.clock === "real" }, () => {
    for (const group of groups) {
      if (group.scenarios.every((scenario) => lacking(scenario).length > 0)) continue
      describe(group.title, () => {
        for (const scenario of group.scenarios) {
          if (lacking(scenario).length === 0) test(scenario.title, () => runIn(scenario.run), { timeout })
        }
      })
    }

    describe("what this target cannot do", () => {
      for (const ability of names) {
        const limit = harness.cannot[ability]
        if (limit?.proof === undefined) continue
        const { proof } = limit
        test(`${ability}: ${limit.reason}`, () => runIn(proof))
      }

      it("is listed with the reason, and hides no scenario for any other", () => {
        for (const ability of names) {
          const limit = harness.cannot[ability]
          if (limit === undefined) continue
          assert.isAbove(limit.reason.length, 10, ability)
          assert.isTrue(missing.some((scenario) => scenario.needs.includes(ability)), `${ability} is needed by nothing`)
        }
        const run = groups.flatMap((group) => group.scenarios).filter((scenario) => !missing.includes(scenario))
        assert.isAbove(run.length, missing.length)
      })
    })

    afterAll(() => {
      if (missing.length === 0) return
      const lines = missing.map((scenario) => {
        const reasons = lacking(scenario).map((need) => `${need} (${harness.cannot[need]!.reason})`)
        return `  ${scenario.title}: ${reasons.join(", ")}`
      })
      process.stdout.write(`${harness.name} does not run ${missing.length} scenarios:\n${lines.join("\n")}\n`)
    })
  })
}
