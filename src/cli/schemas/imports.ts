/** The files that a `.proto` file imports. */
import * as Effect from "effect/Effect"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { messageOf } from "../../internal/shared/causes.ts"
import { UsageError } from "../exit.ts"

const importLine = /(?:^|;)[ \t]*import[ \t]+(?:(?:public|weak)[ \t]+)?["']([^"']+)["'][ \t]*;/gm

const namesIn = (text: string): ReadonlyArray<string> => [...text.matchAll(importLine)].map(([, name]) => name!)

/** Imports are relative to a folder that `protoc` is given: here it is the folder of the file, or one above it. */
const find = (name: string, folder: string): string | undefined => {
  const path = join(folder, name)
  if (existsSync(path)) return path
  return dirname(folder) === folder ? undefined : find(name, dirname(folder))
}

/** The texts of what a file imports, each after what it imports itself. Google's own files are known without. */
export const importedBy = (file: string, text: string): Effect.Effect<ReadonlyArray<string>, UsageError> =>
  Effect.try({
    try: () => {
      const seen = new Set([file])
      const texts: Array<string> = []
      const add = (importing: string, text: string) => {
        for (const name of namesIn(text)) {
          const path = find(name, dirname(importing))
          if (path === undefined) {
            if (name.startsWith("google/protobuf/")) continue
            throw new Error(`${importing} imports ${JSON.stringify(name)}, which is in no folder from there upwards`)
          }
          if (seen.has(path)) continue
          seen.add(path)
          const imported = readFileSync(path, "utf8")
          add(path, imported)
          texts.push(imported)
        }
      }
      add(file, text)
      return texts
    },
    catch: (cause) => new UsageError({ problem: messageOf(cause), cause })
  })
