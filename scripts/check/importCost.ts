import { isBuiltin } from "node:module"
import { pathToFileURL } from "node:url"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"
import { output } from "./step.ts"

export interface Cost {
  readonly gzipKb: number
  readonly cpuMs: number
  readonly rssMb: number
}

/** What a bundler makes of an entry with everything it needs of Effect; a native client cannot be bundled. */
const bundleSize = async (file: string): Promise<number> => {
  const bundle = await rolldown({
    input: file,
    platform: "node",
    logLevel: "silent",
    external: (id) => isBuiltin(id) || /^(?:@confluentinc|@effect)\//.test(id)
  })
  const { output: chunks } = await bundle.generate({ format: "esm", minify: true })
  await bundle.close()
  const code = chunks.map((chunk) => chunk.type === "chunk" ? chunk.code : "").join("")
  return gzipSync(code).byteLength / 1_000
}

const probe = (url: string) => `
  const before = { cpu: process.cpuUsage(), rss: process.memoryUsage().rss }
  await import(${JSON.stringify(url)})
  const { user, system } = process.cpuUsage(before.cpu)
  console.log(JSON.stringify([(user + system) / 1e3, (process.memoryUsage().rss - before.rss) / 1e6]))`

/** In a process of its own, without this repository's condition. */
const load = async (file: string): Promise<readonly [cpuMs: number, rssMb: number]> => {
  const args = ["--input-type=module", "--eval", probe(pathToFileURL(file).href)]
  const { code, text } = await output(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: "" } })
  if (code !== 0) throw new Error(`cannot import ${file}:\n${text}`)
  return JSON.parse(text) as [number, number]
}

const smallest = (values: ReadonlyArray<number>) => Math.round(Math.min(...values))

/** Processor time instead of a clock's, and the smallest of three: other programs hardly show in it. */
export const measureEntry = async (file: string): Promise<Cost> => {
  const loads = [await load(file), await load(file), await load(file)]
  return {
    gzipKb: Math.round(await bundleSize(file)),
    cpuMs: smallest(loads.map(([cpuMs]) => cpuMs)),
    rssMb: smallest(loads.map(([, rssMb]) => rssMb))
  }
}
