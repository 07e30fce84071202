/**
 * `millrace` and `millrace/testing` stand on Effect's stable modules alone and load nothing native: what they import is
 * walked from their entries, types included, and each module of Effect is asked for its own `@stability`.
 */
import { existsSync, readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { join, posix } from "node:path"
import { importsOf } from "./imports.ts"
import { root, type SourceFile, sourceFiles, type Step } from "./step.ts"

const entries = ["src/index.ts", "src/engine/InMemoryKafka.ts"]

/** What a module of Effect says of itself, in the first comment of its file. */
export const stabilityOf = (specifier: string): string | undefined => {
  const name = specifier.slice("effect/".length)
  const sources = join(root, "node_modules", "effect", "src")
  const file = [`${name}.ts`, `${name}/index.ts`].map((path) => join(sources, path)).find(existsSync)
  if (file === undefined) return undefined
  const header = /\/\*\*[\s\S]*?\*\//.exec(readFileSync(file, "utf8"))?.[0] ?? ""
  return /@stability (\w+)/.exec(header)?.[1]
}

const outsideProblem = (specifier: string, dynamic: boolean): string | undefined => {
  if (isBuiltin(specifier)) return `the core imports only modules of Effect, not ${specifier}`
  if (!specifier.startsWith("effect/")) {
    return `${specifier} is ${dynamic ? "loaded" : "imported"}, and only modules of Effect may be`
  }
  const stability = stabilityOf(specifier)
  return stability === "stable" ? undefined : `${specifier} is ${stability ?? "of unknown stability"}, not stable`
}

export const walk = (
  files: ReadonlyMap<string, SourceFile>,
  from: ReadonlyArray<string>
): { readonly seen: ReadonlySet<string>; readonly problems: ReadonlyArray<string> } => {
  const seen = new Set(from)
  const problems: Array<string> = []
  for (const path of seen) {
    const file = files.get(path)
    if (file === undefined) {
      problems.push(`${path} does not exist`)
      continue
    }
    for (const { dynamic, line, specifier } of importsOf(file)) {
      if (specifier.startsWith(".")) seen.add(posix.join(posix.dirname(path), specifier))
      else {
        const problem = outsideProblem(specifier, dynamic)
        if (problem !== undefined) problems.push(`${path}:${line}: ${problem}`)
      }
    }
  }
  return { seen, problems }
}

export const stableImports: Step = {
  name: "stable imports",
  run: async () => {
    const files = new Map(sourceFiles("src/**/*.ts").map((file) => [file.path, file]))
    const { problems, seen } = walk(files, entries)
    // A walk that finds next to nothing is broken, and would be green.
    return seen.size < 20 ? [`only ${seen.size} modules were found from ${entries.join(" and ")}`] : problems
  }
}
