import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { InMemoryKafka } from "millrace/testing"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll } from "vitest"
import { sourceFiles, workFolder } from "../../scripts/check/step.ts"
import { codeBlocks, moduleOf } from "./codeBlocks.ts"

const sources = sourceFiles("README.md", "README.npm.md", "AGENTS.md", "docs/**/*.md", "src/**/*.ts")

/** What an example may import and still run here: a client of a real cluster, or a server, would need one. */
const inMemory = /^(?:effect(?:\/.*)?|millrace(?:\/testing)?|@effect\/vitest)$/

const isRunnable = (code: ReadonlyArray<string>): boolean =>
  Array.from(code.join("\n").matchAll(/\bfrom "([^"]+)"|^import "([^"]+)"/gm), ([, a, b]) => a ?? b!)
    .every((specifier) => inMemory.test(specifier))

const blocks = sources.flatMap(codeBlocks).filter(({ code, language }) => language === "ts" && isRunnable(code))

mkdirSync(workFolder, { recursive: true })
const folder = mkdtempSync(join(workFolder, "running-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What an example exports that can be run, as effects. */
const effectsOf = (exported: unknown): ReadonlyArray<Effect.Effect<unknown, unknown, any>> => {
  if (Effect.isEffect(exported)) return [exported as Effect.Effect<unknown, unknown, any>]
  if (Stream.isStream(exported)) return [Stream.runDrain(exported as Stream.Stream<unknown, unknown, any>)]
  return Layer.isLayer(exported) ? [Layer.launch(exported as Layer.Layer<unknown, unknown, any>)] : []
}

/** A service that an example only declares is the application's: without it, the example cannot run. */
const needsApplication = (cause: Cause.Cause<unknown>): boolean =>
  /Service not found: (?!millrace\/|effect\/)/.test(Cause.pretty(cause))

const run = (effect: Effect.Effect<unknown, unknown, any>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    // What an endless one does in a minute must not fail either. Small steps: timeouts must not overtake the rest.
    for (let i = 0; i < 60; i++) yield* TestClock.adjust("1 second")
    yield* Fiber.interrupt(fiber)
    return yield* Fiber.await(fiber)
  }).pipe(Effect.provide(InMemoryKafka.layer)) as Effect.Effect<Exit.Exit<unknown, unknown>>

let ran = 0

for (const [index, block] of blocks.entries()) {
  const file = join(folder, `${index}.ts`)
  writeFileSync(file, moduleOf(block))
  await describe(`${block.path}:${block.line}`, async () => {
    // Tests of an example register themselves.
    const exports: { readonly [name: string]: unknown } = await import(file)
    it("loads", () => assert.isDefined(exports))
    for (const [name, exported] of Object.entries(exports)) {
      for (const effect of effectsOf(exported)) {
        it.effect(`runs ${name} in memory`, () =>
          Effect.gen(function*() {
            const exit = yield* run(effect)
            if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) ran++
            else if (!needsApplication(exit.cause)) assert.fail(Cause.pretty(exit.cause))
          }))
      }
    }
  })
}

describe("examples", () => {
  it("run in memory where they can", () => {
    assert.isAbove(ran, 20)
  })
})
