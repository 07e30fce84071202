/** Questions to somebody at a terminal. */
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { createInterface } from "node:readline"
import { worksOn } from "./ending.ts"
import { WorkFailed } from "./exit.ts"

/** Whether there is somebody to be asked, and the asking: the line that was typed, `undefined` at the end of input. */
export interface Operator {
  readonly isThere: () => boolean
  readonly ask: (question: string) => Effect.Effect<string | undefined>
}

/** The one at the process's terminal. */
export const Operator = Context.Reference<Operator>("millrace/cli/Operator", {
  defaultValue: (): Operator => ({
    isThere: () => process.stdin.isTTY && process.stderr.isTTY,
    ask: (question) =>
      Effect.callback((resume) => {
        // Not in raw mode: Ctrl-C stays a signal.
        const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false })
        lines.on("close", () => resume(Effect.undefined))
        lines.question(question, (line) => {
          resume(Effect.succeed(line))
          lines.close()
        })
        return Effect.sync(() => lines.close())
      })
  })
})

/**
 * Asks whether to do it, and fails where nobody agrees: a script must not take it for done. Where nobody can be asked,
 * it says how to agree beforehand.
 */
export const agreed = Effect.fnUntraced(function*(question: string): Effect.fn.Return<void, WorkFailed> {
  // The plan before it was printed; that nobody reads it must not end the command as if printing were its work.
  yield* worksOn
  const operator = yield* Operator
  const answer = operator.isThere() ? yield* operator.ask(`${question} [y/N] `) : undefined
  if (/^\s*y(es)?\s*$/i.test(answer ?? "")) return
  yield* Console.error(operator.isThere() ? "nothing was done" : "nothing was done; add --yes to do it")
  return yield* new WorkFailed({})
})
