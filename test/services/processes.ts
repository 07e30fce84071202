import { spawn, spawnSync } from "node:child_process"
import { closeSync, existsSync, openSync, readFileSync } from "node:fs"
import { setTimeout as delay } from "node:timers/promises"

/** Starts a process that outlives this one and writes to a log file; it is not reached by a Ctrl-C in the terminal. */
export const spawnDetached = (command: string, args: ReadonlyArray<string>, logFile: string): number => {
  const log = openSync(logFile, "a")
  try {
    const child = spawn(command, args, { detached: true, stdio: ["ignore", log, log] })
    child.on("error", () => {})
    if (child.pid === undefined) throw new Error(`cannot start ${command}: is it installed?`)
    child.unref()
    return child.pid
  } finally {
    closeSync(log)
  }
}

/** The command line of a live process; none for a zombie. */
const commandOf = (pid: number): string | undefined => {
  if (process.platform === "linux") {
    const file = `/proc/${pid}/cmdline`
    try {
      return existsSync(file) ? readFileSync(file, "utf8") : undefined
    } catch {
      // It ended between the two calls.
      return undefined
    }
  }
  const ps = spawnSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" })
  return ps.status === 0 ? ps.stdout : undefined
}

/** Whether `pid` lives and is the process whose command line has `mark`: numbers of dead processes are given anew. */
export const isAlive = (pid: number, mark: string) => commandOf(pid)?.includes(mark) ?? false

export const send = (pid: number, signal: NodeJS.Signals, mark: string) => {
  if (isAlive(pid, mark)) process.kill(pid, signal)
}

/** Waits for a condition, polled; fails with `what` after `timeoutMs`. */
export const until = async (
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number
): Promise<void> => {
  const end = performance.now() + timeoutMs
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await delay(20)
  }
}

/** Asks a process to stop and kills it when it does not within `graceMs`. A paused process is woken up for that. */
export const stopProcess = async (pid: number, mark: string, graceMs: number): Promise<void> => {
  send(pid, "SIGCONT", mark)
  send(pid, "SIGTERM", mark)
  await until(`process ${pid} stops`, () => !isAlive(pid, mark), graceMs).catch(() => killProcess(pid, mark))
}

export const killProcess = async (pid: number, mark: string): Promise<void> => {
  send(pid, "SIGKILL", mark)
  await until(`process ${pid} ends`, () => !isAlive(pid, mark), 10_000)
}
