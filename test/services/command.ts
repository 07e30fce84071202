import { type ChildProcess, spawn } from "node:child_process"

export interface Finished {
  /** The exit code; -1 when a signal ended it or it could not be started. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly stdin?: string | Uint8Array
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly timeoutMs?: number
}

// What we run does not outlive us.
const running = new Set<ChildProcess>()
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

/** Runs a command to its end. A command that cannot be started ends with code -1 and says so in `stderr`. */
export const runCommand = (command: string, args: ReadonlyArray<string>, options: CommandOptions = {}) =>
  new Promise<Finished>((resolve) => {
    const child = spawn(command, args, {
      stdio: "pipe",
      cwd: options.cwd,
      env: options.env ?? process.env,
      timeout: options.timeoutMs,
      killSignal: "SIGKILL"
    })
    running.add(child)
    const stdout: Array<Buffer> = []
    const stderr: Array<Buffer> = []
    const finish = (code: number, more: string) => {
      running.delete(child)
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() + more })
    }
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk))
    child.on("error", (error) => finish(-1, error.message))
    child.on("close", (code, signal) => finish(code ?? -1, signal === null ? "" : `ended by ${signal}`))
    // A command may end without reading what it is given.
    child.stdin.on("error", () => {})
    child.stdin.end(options.stdin ?? "")
  })
