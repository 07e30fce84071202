/** `millrace sql` in this process. */
import * as Effect from "effect/Effect"
import * as TestConsole from "effect/testing/TestConsole"
import { fileURLToPath } from "node:url"
import { vi } from "vitest"
import { run } from "../../src/cli/main.ts"

/** Runs the command with a config module among the fixtures; returns what it printed. */
export const sqlCommand = (config: string) => {
  const fixture = fileURLToPath(new URL(`fixtures/${config}.config.ts`, import.meta.url))
  return (...args: ReadonlyArray<string>) =>
    Effect.gen(function*() {
      const before = [(yield* TestConsole.logLines).length, (yield* TestConsole.errorLines).length] as const
      // What is said of a failure goes past the console.
      const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true)
      const code = yield* run("0.0.0", ["sql", ...args, "--config", fixture])
      const failure = stderr.mock.calls.map(([text]) => String(text)).join("")
      stderr.mockRestore()
      const out = (yield* TestConsole.logLines).slice(before[0]).map(String).join("\n")
      const err = (yield* TestConsole.errorLines).slice(before[1]).map(String).join("\n") + failure
      return { code, out, err }
    })
}
