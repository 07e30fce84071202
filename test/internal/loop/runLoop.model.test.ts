/**
 * Random schedules of everything that can happen to a consumer, against a reference model. A failure prints its seed
 * and its schedule; `MILLRACE_MODEL_SEED=<seed>` plays that one alone.
 */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { TestClock } from "effect/testing"
import { fast, full } from "../../full.ts"
import { Model } from "./model.ts"

const only = process.env["MILLRACE_MODEL_SEED"]
const blocks = 8
const perBlock = full ? 2_500 : fast ? 100 : 625
// On a machine with other work a block takes minutes.
const timeout = full ? 1_200_000 : 300_000

const check = (seed: number): Effect.Effect<void> =>
  new Model(seed).check.pipe(
    Effect.provide([TestClock.layer(), Logger.layer([])])
  )

describe("the run loop against its model", () => {
  if (only !== undefined) {
    it.live(`seed ${only}`, () => check(Number(only)), timeout)
    return
  }
  for (let block = 0; block < blocks; block++) {
    const first = block * perBlock + 1
    it.live(`seeds ${first} to ${first + perBlock - 1}`, () =>
      Effect.gen(function*() {
        for (let seed = first; seed < first + perBlock; seed++) yield* check(seed)
      }), timeout)
  }
})
