import { isBuiltin } from "node:module"
import { pathToFileURL } from "node:url"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"
import { output } from "./step.ts"

/** What an import costs, counted: the same on every machine, and with any other program beside it. */
export interface Cost {
  /** Kilobytes of the entry with all that it needs of Effect, bundled, minified and compressed. */
  readonly gzipKb: number
  /** Files that Node reads for `import`, of this package and of Effect. */
  readonly modules: number
  /** Kilobytes of those files. */
  readonly sourceKb: number
}

/** What a program has installed itself, if it needs it: a native client, and the libraries of schemas. */
const peers = /^(?:@confluentinc\/|@effect\/|@electric-sql\/|(?:avsc|protobufjs|ajv|ajv-formats)(?:\/|$))/

/** What a bundler makes of an entry with everything it needs of Effect. */
const bundleSize = async (file: string): Promise<number> => {
  const bundle = await rolldown({
    input: file,
    platform: "node",
    logLevel: "silent",
    external: (id) => isBuiltin(id) || peers.test(id)
  })
  const { output: chunks } = await bundle.generate({ format: "esm", minify: true })
  await bundle.close()
  const code = chunks.map((chunk) => chunk.type === "chunk" ? chunk.code : "").join("")
  return gzipSync(code).byteLength / 1_000
}

const probe = (url: string) => `
  import { registerHooks } from "node:module"
  import { readFileSync } from "node:fs"
  let modules = 0
  let bytes = 0
  registerHooks({
    load(url, context, next) {
      if (url.startsWith("file:")) {
        modules++
        bytes += readFileSync(new URL(url)).byteLength
      }
      return next(url, context)
    }
  })
  await import(${JSON.stringify(url)})
  console.log(JSON.stringify([modules, bytes / 1e3]))`

/** In a process of its own, without this repository's condition. */
const load = async (file: string): Promise<readonly [modules: number, sourceKb: number]> => {
  const args = ["--input-type=module", "--eval", probe(pathToFileURL(file).href)]
  const { code, text } = await output(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: "" } })
  if (code !== 0) throw new Error(`cannot import ${file}:\n${text}`)
  return JSON.parse(text) as [number, number]
}

export const measureEntry = async (file: string): Promise<Cost> => {
  const [modules, sourceKb] = await load(file)
  return { gzipKb: Math.round(await bundleSize(file)), modules, sourceKb: Math.round(sourceKb) }
}

export type Budget = Cost

const units = ["gzipKb", "modules", "sourceKb"] as const

export const wordsOf = ({ gzipKb, modules, sourceKb }: Cost): string =>
  `${gzipKb} kB gzip, ${modules} modules of ${sourceKb} kB`

/** What of a cost is over its budget, a line each. */
export const overBudget = (subpath: string, cost: Cost, budget: Budget): ReadonlyArray<string> =>
  units.filter((unit) => cost[unit] > budget[unit])
    .map((unit) => `${subpath} costs ${wordsOf(cost)}; its budget of ${unit} is ${budget[unit]}`)
