import { spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { killProcess } from "./processes.ts"

/**
 * Every process of the kit has a folder of its own inside of the run's folder, with its number in `service.pid` and the
 * folder's name in its command line. So whoever ends the run finds all of them, also those that a test started and
 * left behind.
 */
const pidFile = "service.pid"

export const readPid = (folder: string): number | undefined => {
  const file = join(folder, pidFile)
  return existsSync(file) ? Number(readFileSync(file, "utf8")) : undefined
}

export const writePid = (folder: string, pid: number) => writeFileSync(join(folder, pidFile), String(pid))

/** Kills every process that belongs to a run, then removes the run's folder. */
export const endRun = async (run: string): Promise<void> => {
  const names = existsSync(run) ? readdirSync(run) : []
  await Promise.all(names.map(async (name) => {
    const folder = join(run, name)
    const pid = readPid(folder)
    if (pid !== undefined) await killProcess(pid, folder)
  }))
  rmSync(run, { recursive: true, force: true })
}

/** Begins a run that ends with this process, even if it is killed: a watcher of our own sees its pipe close. */
export const beginRun = (): string => {
  const run = mkdtempSync(join(tmpdir(), "millrace-"))
  const watcher = spawn(process.execPath, [fileURLToPath(new URL("watcher.ts", import.meta.url)), run], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"]
  })
  watcher.unref()
  // A pipe of a child is a socket, which may be unreferenced; its type says less.
  const pipe = watcher.stdin as unknown as { readonly unref: () => void }
  pipe.unref()
  return run
}

let own: string | undefined

/** The folder of the run that this process belongs to: the test run's, else one of its own. */
const currentRun = () => process.env["MILLRACE_TEST_FOLDER"] ?? (own ??= beginRun())

export const newServiceFolder = (name: string, run = currentRun()): string => {
  mkdirSync(run, { recursive: true })
  return mkdtempSync(join(run, `${name}-`))
}

/** The folder of a service that the whole run shares. It is new for the one that has to start it. */
export const sharedServiceFolder = (name: string): { readonly folder: string; readonly isNew: boolean } => {
  const run = currentRun()
  mkdirSync(run, { recursive: true })
  const folder = join(run, name)
  try {
    mkdirSync(folder)
    return { folder, isNew: true }
  } catch (error) {
    if (existsSync(folder)) return { folder, isNew: false }
    throw error
  }
}
