/** Generated modules as files that can be imported and compiled. */
import * as Schema from "effect/Schema"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { output, root } from "../../../scripts/check/step.ts"

/** A folder in which the packages of this repository are found. */
export const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-generate-"))
  mkdirSync(join(folder, "node_modules"))
  symlinkSync(join(root, "node_modules", "effect"), join(folder, "node_modules", "effect"))
  return folder
}

/** Removes the folder. */
export const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true })

/** Compiles what was written, strictly, and returns what the compiler says. */
export const compile = async (folder: string): Promise<string> => {
  const strict = { strict: true, exactOptionalPropertyTypes: true, noEmit: true, skipLibCheck: true, types: [] }
  const compilerOptions = { ...strict, target: "esnext", module: "nodenext" }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }))
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
  const { text } = await output(process.execPath, [tsc, "-p", folder, "--pretty", "false"])
  return text
}

let modules = 0

/** Writes a module, and returns the Schema that it exports by a name. */
export const load = async (folder: string, source: string, name: string): Promise<Schema.Top> => {
  const file = join(folder, `module${++modules}`)
  writeFileSync(`${file}.ts`, source)
  writeFileSync(`${file}.mjs`, stripTypeScriptTypes(source))
  const loaded = await import(pathToFileURL(`${file}.mjs`).href) as Readonly<Record<string, unknown>>
  const schema = loaded[name]
  if (!Schema.isSchema(schema)) throw new Error(`the module exports no Schema ${name}:\n${source}`)
  return schema
}
