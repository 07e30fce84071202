/**
 * node scripts/pack.ts [folder]
 *
 * Builds the package and packs it into a tarball, in `folder` (default `.lab/package`). What is packed is staged next
 * to it first, without the condition under which this repository runs from its sources, without scripts and development
 * dependencies. `npm publish` takes the tarball.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { output, root } from "./check/step.ts"

const texts = ["README.md", "LICENSE"]

export type ExportMap = { readonly [subpath: string]: string | { readonly [condition: string]: string } }

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly bin: { readonly [name: string]: string }
  readonly exports: ExportMap
  readonly files: ReadonlyArray<string>
  readonly [field: string]: unknown
}

export const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest

/** The manifest that users get. */
export const publicManifest = (manifest: Manifest): Manifest => {
  const { allowScripts: _allow, devDependencies: _dev, scripts: _scripts, ...kept } = manifest
  const exports = Object.entries(manifest.exports).map(([subpath, target]) => {
    if (typeof target === "string") return [subpath, target]
    const { "millrace-source": _source, ...conditions } = target
    return [subpath, conditions]
  })
  return { ...kept, exports: Object.fromEntries(exports) } as Manifest
}

export interface Packed {
  /** The package as it will be unpacked. */
  readonly folder: string
  readonly tarball: string
  readonly manifest: Manifest
}

/** Builds into `target/package` and packs it. Fails with the compiler's or npm's words. */
export const pack = async (target: string): Promise<Packed> => {
  const folder = join(target, "package")
  rmSync(target, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })

  const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
  const build = await output(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", join(folder, "dist")])
  if (build.code !== 0) throw new Error(`the package does not build:\n${build.text}`)

  const manifest = publicManifest(readManifest(root))
  for (const path of [...manifest.files, ...texts]) {
    if (path === "dist" || !existsSync(join(root, path))) continue
    cpSync(join(root, path), join(folder, path), { recursive: true })
  }
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`)

  const npm = await output("npm", ["pack", "--pack-destination", target, "--loglevel=error"], { cwd: folder })
  if (npm.code !== 0) throw new Error(`npm pack failed:\n${npm.text}`)
  return { folder, tarball: join(target, `${manifest.name}-${manifest.version}.tgz`), manifest }
}

if (import.meta.main) {
  const { tarball } = await pack(process.argv[2] ?? join(root, ".lab", "package"))
  console.log(tarball)
}
