import { appendFileSync, chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { runCommand } from "./command.ts"
import { freePorts, host } from "./ports.ts"
import { programs } from "./postgresPrograms.ts"
import { spawnDetached, stopProcess, until } from "./processes.ts"
import { newServiceFolder, writePid } from "./runFolder.ts"

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
  /** Where its programs come from. */
  readonly from: string
  readonly stop: () => Promise<void>
}

/**
 * Starts an empty PostgreSQL in which `sql` was run, a statement a line; it ends with the run. With a password the user
 * needs it.
 */
export const startPostgres = async (sql: string, runFolder?: string, password?: string): Promise<PostgresServer> => {
  const [{ bin: given, from, own }, [port]] = await Promise.all([programs(), freePorts(1)])
  const folder = newServiceFolder("postgres", runFolder)
  const data = join(folder, "data")
  mkdirSync(data)
  let bin = given
  if (isRoot) {
    // Another user has to reach the programs and the data.
    chmodSync(dirname(folder), 0o711)
    chmodSync(folder, 0o755)
    if (own !== undefined) {
      cpSync(own, join(folder, "native"), { recursive: true, verbatimSymlinks: true })
      bin = join(folder, "native", "bin")
      await run("chmod", ["chmod", ["-R", "a+rX", join(folder, "native")]])
    }
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
  return { host, port: port!, from, stop: () => stopProcess(pid, folder, 30_000) }
}
