/** The package as users get it: its manifest, how its types resolve, and what importing an entry costs. */
import { existsSync, rmSync } from "node:fs"
import { join } from "node:path"
import { type Manifest, pack, type Packed } from "../pack.ts"
import { type Budget, measureEntry, overBudget, wordsOf } from "./importCost.ts"
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

/** Some 20 % above what each entry needs: an import added by mistake is over it, a new module of our own is not. */
const budgets: { readonly [subpath: string]: Budget } = {
  ".": { gzipKb: 140, modules: 380, sourceKb: 5_400 },
  "./confluent": { gzipKb: 45, modules: 240, sourceKb: 4_800 },
  "./testing": { gzipKb: 42, modules: 130, sourceKb: 2_100 },
  "./registry": { gzipKb: 105, modules: 300, sourceKb: 5_000 },
  "./connect": { gzipKb: 90, modules: 240, sourceKb: 4_800 },
  "./sql": { gzipKb: 220, modules: 530, sourceKb: 6_000 },
  "./pglite": { gzipKb: 20, modules: 230, sourceKb: 5_600 },
  "./cli": { gzipKb: 300, modules: 680, sourceKb: 7_000 }
}

export const importCost: Step = {
  name: "package: cost of an import",
  run: async () => {
    const { folder, manifest } = await packed()
    const problems: Array<string> = []
    for (const [subpath, target] of Object.entries(manifest.exports)) {
      if (typeof target === "string") continue
      const budget = budgets[subpath]
      if (budget === undefined) problems.push(`${subpath} has no budget in scripts/check/packed.ts`)
      const file = join(folder, target["default"]!)
      // The step above says that it is absent.
      if (budget === undefined || !existsSync(file)) continue
      const cost = await measureEntry(file)
      console.log(`    ${manifest.name}${subpath.slice(1)}: ${wordsOf(cost)}`)
      problems.push(...overBudget(subpath, cost, budget))
    }
    return problems
  }
}
