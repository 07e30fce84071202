/**
 * node scripts/pack.ts [folder]
 *
 * Builds the package and packs it into a tarball, in `folder` (default `.lab/package`). What is packed is staged next
 * to it first, without the condition under which this repository runs from its sources, without scripts and development
 * dependencies. `npm publish` takes the tarball.
 */
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, posix } from "node:path"
import { output, root } from "./check/step.ts"

/** What the package has besides `files`, and where it is in the repository: its README is for users, not developers. */
const texts: { readonly [path: string]: string } = { "README.md": "README.npm.md", "LICENSE": "LICENSE" }

/** Documents for those who change Millrace: they are about files that the package does not have. */
const forDevelopers = new Set(["docs/architecture.md", "docs/retry-scenarios.md"])

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

/**
 * A document as the package has it: a link to a file that is not packed (a test, a document for developers) becomes its
 * text. `path` is that of the document in the package, `has` says which paths the package has.
 */
export const packedText = (text: string, path: string, has: (path: string) => boolean): string =>
  text.replaceAll(/(?<!!)\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)/g, (link, words: string, target: string) => {
    const file = target.split("#")[0]!
    if (/^[a-z]+:/.test(target) || file === "") return link
    return has(posix.normalize(posix.join(posix.dirname(path), file))) ? link : words
  })

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
  for (const path of manifest.files) {
    if (path === "dist" || !existsSync(join(root, path))) continue
    cpSync(join(root, path), join(folder, path), {
      recursive: true,
      filter: (source) => !forDevelopers.has(posix.normalize(source.slice(root.length + 1).replaceAll("\\", "/")))
    })
  }
  for (const [path, source] of Object.entries(texts)) cpSync(join(root, source), join(folder, path))
  for (const path of globSync("{*,docs/**/*}.md", { cwd: folder })) {
    const document = join(folder, path)
    const has = (target: string) => existsSync(join(folder, target))
    writeFileSync(document, packedText(readFileSync(document, "utf8"), path.replaceAll("\\", "/"), has))
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
