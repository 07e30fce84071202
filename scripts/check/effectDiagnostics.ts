/** Effect's own diagnostics: floating effects, missing services and such, which the types alone do not tell. */
import { join } from "node:path"
import { cached } from "../user-cache.mjs"
import { output, type Step } from "./step.ts"

// Not a development dependency: a registry that lacks one of its packages for other platforms would break `npm ci`.
const version = "0.45.0"

// The benchmark also runs libraries that stand on an older Effect, from a folder of their own.
const settings = JSON.stringify({ allowedDuplicatedPackages: ["effect"] })

const tsgo = () =>
  cached(`effect-tsgo-${version}-${process.platform}-${process.arch}`, async (folder) => {
    const options = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    const args = ["install", "--prefix", folder, ...options, `@effect/tsgo@${version}`]
    const npm = await output("npm", args, { cwd: folder })
    if (npm.code !== 0) throw new Error(`npm could not install @effect/tsgo@${version}:\n${npm.text}`)
  })

export const effectDiagnostics: Step = {
  name: "Effect diagnostics",
  run: async () => {
    const program = join(await tsgo(), "node_modules", ".bin", "effect-tsgo")
    const what = ["--project", "tsconfig.json", "--severity", "error,warning", "--strict"]
    const { code, text } = await output(program, ["diagnostics", ...what, "--format", "text", "--lspconfig", settings])
    // Without the plugin in tsconfig.json it looks at no file and is content.
    if (!/Checked [1-9]\d* files/.test(text)) return [`no file was checked:\n${text}`]
    return code === 0 ? [] : text.split("\n")
  }
}
