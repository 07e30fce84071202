/** Functions of the operator, from modules that are named on the command line. */
import * as Effect from "effect/Effect"
import { existsSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import { longHash } from "../internal/shared/hash.ts"
import { UsageError } from "./exit.ts"
import * as Modules from "./userModules.ts"

/** The default export of a module. `id` is the same for the same text of the module, wherever it is. */
export interface Loaded {
  readonly id: string
  readonly call: (...args: ReadonlyArray<unknown>) => unknown
}

/** Loads the function that a flag names. */
export const functionOf = Effect.fnUntraced(function*(
  flag: string,
  file: string
): Effect.fn.Return<Loaded, UsageError> {
  const path = resolve(process.cwd(), file)
  if (!existsSync(path)) return yield* new UsageError({ problem: `--${flag}: module ${path} does not exist` })
  const module = yield* Modules.load(`--${flag}: module`, path)
  const call = module.default
  if (typeof call !== "function") {
    return yield* new UsageError({ problem: `--${flag}: module ${path} must export a function as its default` })
  }
  // What the function does is known when it is called, and what comes back is checked.
  return { id: longHash(readFileSync(path, "utf8")), call: call as Loaded["call"] }
})
