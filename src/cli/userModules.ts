/** Loading modules of the application, which Node runs as they are: what goes wrong, and what to do about it. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { relative } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { messageOf, readOr } from "../internal/shared/causes.ts"
import { UsageError } from "./exit.ts"

/** A module of which nothing is known yet. */
export interface Loaded {
  readonly default?: unknown
}

const fileOf = (name: string): string => name.startsWith("file:") ? fileURLToPath(name) : name

/** The source file that an import probably meant, by the name that a compiler would have given it. */
const sourceOf = (missing: string): string | undefined => {
  const names = /\.[mc]?js$/.test(missing)
    ? [missing.replace(/js$/, "ts")]
    : [`${missing}.ts`, `${missing}.mts`, `${missing}.js`, `${missing}/index.ts`, `${missing}/index.js`]
  return names.find((name) => existsSync(name))
}

/** Where a module is wrong: the place that Node names, or that the module threw at; not within a package. */
const placeOf = (cause: unknown): string | undefined => {
  const [first = "", ...frames] = readOr(() => String((cause as Error).stack), "").split("\n")
  const named = /^(file:\/\/.+:\d+)$/.exec(first)?.[1]
  const thrown = frames.map((frame) => /^ +at .*?(file:\/\/[^()]+:\d+:\d+)\)?$/.exec(frame)?.[1])
    .find((place) => place !== undefined && !place.includes("/node_modules/"))
  const [, url, at] = /^(.+?)((?::\d+)+)$/.exec(named ?? thrown ?? "") ?? []
  return url === undefined ? undefined : `at ${readOr(() => fileURLToPath(url), url)}${at}`
}

const adviceOf = (cause: unknown): string | undefined => {
  const message = messageOf(cause)
  const code = readOr((): unknown => (cause as { readonly code?: unknown }).code, undefined)
  if (code === "ERR_MODULE_NOT_FOUND" || code === "ERR_UNSUPPORTED_DIR_IMPORT") {
    const [, missing, importer] = /'([^']+)'[^']* imported from (.+)$/.exec(message.split("\n")[0]!) ?? []
    const source = missing === undefined ? undefined : sourceOf(fileOf(missing))
    if (source === undefined) return undefined
    const from = fileOf(importer!)
    const path = relative(from.replace(/[^/\\]*$/, ""), source).replaceAll("\\", "/")
    return `write import "${
      path.startsWith(".") ? path : `./${path}`
    }" in ${from}: Node runs these files as they are, so an `
      + "import names the file that is there, and enums, which would have to be compiled, do not work"
  }
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") {
    const place = readOr(() => String((cause as Error).stack).split("\n")[0]!, "")
    return `${place}: ` +
      "Node takes types away and compiles nothing: no enums, no namespaces with code, no parameter properties; "
      + "an enum can be an object \"as const\""
  }
  const [, type] = /does not provide an export named '([^']+)'/.exec(message) ?? []
  if (type !== undefined) return `if ${type} is a type, import it with "import type"`
  // Node keeps the place to itself.
  return placeOf(cause) ?? (cause instanceof SyntaxError ? "`node --check` with the file says where" : undefined)
}

const hint = "10 seconds"
const patience = "50 seconds"

/**
 * Loads a module. One that takes long is waited for, with a word on what it may be: a top-level `await` that never
 * settles leaves no other trace.
 */
export const load = (what: string, file: string): Effect.Effect<Loaded, UsageError> => {
  const loading = Effect.tryPromise({
    try: (): Promise<Loaded> => import(pathToFileURL(file).href),
    catch: (cause) => {
      const advice = adviceOf(cause)
      const problem = messageOf(cause)
      return new UsageError({
        problem: `${what} ${file} cannot be loaded: ${problem}${advice === undefined ? "" : `\n  ${advice}`}`,
        cause
      })
    }
  })
  const giveUp = Effect.gen(function*() {
    yield* Effect.sleep(hint)
    yield* Console.error(`${what} ${file} has been loading for ${hint}; does a top-level await in it never settle?`)
    yield* Effect.sleep(patience)
    return yield* new UsageError({
      problem:
        `${what} ${file} was not loaded within a minute: a top-level await in it, or in what it imports, does not `
        + "settle"
    })
  })
  return Effect.raceFirst(loading, giveUp)
}
