/** The command as a process of its own. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** A config module among the fixtures. */
export const fixture = (name: string) => path(`fixtures/${name}.config.ts`)

interface Options {
  readonly cwd?: string | undefined
  readonly env?: { readonly [name: string]: string } | undefined
  readonly input?: string | undefined
  /** Leaves standard input open. */
  readonly keepsInput?: boolean | undefined
  /** A file that standard output is written to. */
  readonly stdout?: string | undefined
  /** Claims to be this version of Node. */
  readonly nodeVersion?: string | undefined
}

/** A process whose version of Node is another one, as far as it can tell. */
const claiming = (version: string) =>
  `--import=data:text/javascript,Object.defineProperty(process,"versions",{value:{node:"${version}"}})`

/**
 * Starts the command. `until` ends when its standard output, `untilLogged` when its standard error contains a text, and
 * both fail when it ends without.
 */
export const start = (args: ReadonlyArray<string>, options: Options = {}) => {
  const claim = options.nodeVersion === undefined ? [] : [claiming(options.nodeVersion)]
  const flags = ["--conditions=millrace-source", ...claim, path("../../bin/millrace.mjs"), ...args]
  const command = options.stdout === undefined ? [process.execPath, ...flags] : [
    ...["sh", "-c", `exec "$@" > ${options.stdout}`, "sh"],
    ...[process.execPath, ...flags]
  ]
  const child = spawn(command[0]!, command.slice(1), { cwd: options.cwd, env: { ...process.env, ...options.env } })
  let out = ""
  let err = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => out += text)
  child.stderr.setEncoding("utf8").on("data", (text: string) => err += text)
  child.stdin.on("error", () => {})
  if (!options.keepsInput) child.stdin.end(options.input ?? "")
  const ended = new Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>((resolve) => {
    child.on("close", (code) => resolve({ code, out, err }))
  })
  const untilIn = (stream: "stdout" | "stderr", read: () => string) => (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => read().includes(text) && resolve()
      child[stream].on("data", look)
      child.on("close", () => reject(new Error(`ended without "${text}":\n${out}\n${err}`)))
      look()
    })
  return { child, ended, until: untilIn("stdout", () => out), untilLogged: untilIn("stderr", () => err) }
}

/** Runs the command to its end. */
export const millrace = (args: ReadonlyArray<string>, options?: Options) => start(args, options).ended
