/** The package as users get it: its manifest, how its types resolve, and what importing an entry costs. */
import { existsSync, rmSync } from "node:fs"
import { join } from "node:path"
import { type Manifest, pack, type Packed } from "../pack.ts"
import { measureEntry } from "./importCost.ts"
import { output, root, type Step, workFolder } from "./step.ts"

let packing: Promise<Packed> | undefined
const target = join(workFolder, String(process.pid))
const packed = () => (packing ??= pack(target))
process.on("exit", () => rmSync(target, { recursive: true, force: true }))

const bin = (name: string) => join(root, "node_modules", ".bin", name)

const failed = ({ code, text }: { readonly code: number; readonly text: string }): ReadonlyArray<string> =>
  code === 0 ? [] : text.split("\n")

/** The files that the manifest names and the package does not have. */
const absent = (folder: string, { bin, exports }: Manifest): ReadonlyArray<string> => {
  const targets = Object.values(exports)
    .flatMap((target) => typeof target === "string" ? [target] : Object.values(target))
  return [...Object.values(bin), ...targets]
    .filter((path) => !existsSync(join(folder, path)))
    .map((path) => `package.json names ${path}, which the package does not have`)
}

export const manifest: Step = {
  name: "package: files and exports",
  run: async () => {
    const { folder, manifest } = await packed()
    return [...absent(folder, manifest), ...failed(await output(bin("publint"), ["--strict", folder]))]
  }
}

interface TypeProblem {
  readonly kind: string
  readonly entrypoint?: string
  readonly resolutionKind?: string
}

/** What a module system that the profile leaves out would say is no problem. */
const ignored = new Set(["node10", "node16-cjs"])

export const typeResolution: Step = {
  name: "package: resolution of types",
  run: async () => {
    const { tarball } = await packed()
    const { code, text } = await output(bin("attw"), [tarball, "--profile", "esm-only", "--format", "json"])
    if (code === 0) return []
    const { analysis } = JSON.parse(text) as { readonly analysis: { readonly problems: ReadonlyArray<TypeProblem> } }
    return analysis.problems
      .filter(({ resolutionKind }) => resolutionKind === undefined || !ignored.has(resolutionKind))
      .map(({ entrypoint, kind, resolutionKind }) => [kind, entrypoint, resolutionKind].filter(Boolean).join(" "))
  }
}

interface Budget {
  readonly gzipKb: number
  readonly cpuMs: number
  readonly rssMb: number
}

/** Kilobytes after minification and gzip; milliseconds of processor time and megabytes of memory that Node adds. */
const budgets: { readonly [subpath: string]: Budget } = {
  ".": { gzipKb: 100, cpuMs: 350, rssMb: 70 },
  "./confluent": { gzipKb: 45, cpuMs: 350, rssMb: 70 },
  "./testing": { gzipKb: 50, cpuMs: 250, rssMb: 60 },
  "./cli": { gzipKb: 140, cpuMs: 500, rssMb: 95 }
}

export const importCost: Step = {
  name: "package: cost of an import",
  run: async () => {
    const { folder, manifest } = await packed()
    const problems: Array<string> = []
    const units = ["gzipKb", "cpuMs", "rssMb"] as const
    for (const [subpath, target] of Object.entries(manifest.exports)) {
      if (typeof target === "string") continue
      const budget = budgets[subpath]
      if (budget === undefined) problems.push(`${subpath} has no budget in scripts/check/packed.ts`)
      const file = join(folder, target["default"]!)
      // The step above says that it is absent.
      if (budget === undefined || !existsSync(file)) continue
      const cost = await measureEntry(file)
      const words = `${cost.gzipKb} kB gzip, ${cost.cpuMs} ms, ${cost.rssMb} MB`
      console.log(`    ${manifest.name}${subpath.slice(1)}: ${words}`)
      const over = units.filter((unit) => cost[unit] > budget[unit])
      problems.push(...over.map((unit) => `${subpath} costs ${words}; its budget of ${unit} is ${budget[unit]}`))
    }
    return problems
  }
}
