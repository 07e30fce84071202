import { spawn } from "node:child_process"
import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** One thing that must hold. It returns what is wrong, a line each: nothing when all is well. */
export interface Step {
  readonly name: string
  readonly run: () => Promise<ReadonlyArray<string>>
}

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** What is being made for the checks; git ignores it, and packages resolve from it as from the repository. */
export const workFolder = join(root, ".lab", "check")

export interface Output {
  readonly code: number
  readonly text: string
}

/** Runs a program to its end. One that hangs is killed after `timeoutMs`, by default 15 minutes. */
export const output = (
  command: string,
  args: ReadonlyArray<string>,
  options?: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly timeoutMs?: number }
): Promise<Output> =>
  new Promise((resolve, reject) => {
    const timeout = options?.timeoutMs ?? 900_000
    const child = spawn(command, args, {
      cwd: options?.cwd ?? root,
      env: options?.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout,
      killSignal: "SIGKILL"
    })
    let text = ""
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part) => (text += part))
    child.on("error", (error) => reject(new Error(`cannot start ${command}: ${error.message}`)))
    child.on("close", (code, signal) => {
      const end = signal === null ? "" : `\n${command} was ended by ${signal} (it may take ${timeout} ms)`
      resolve({ code: code ?? 1, text: (text + end).trim() })
    })
  })

/** A program that is a step: its output is what is wrong, when it fails. */
export const command = (name: string, program: string, ...args: ReadonlyArray<string>): Step => ({
  name,
  run: async () => {
    const { code, text } = await output(program, args)
    return code === 0 ? [] : text === "" ? [`${program} ended with ${code}`] : text.split("\n")
  }
})

export interface SourceFile {
  /** From the repository's root, with slashes. */
  readonly path: string
  readonly text: string
  readonly lines: ReadonlyArray<string>
}

/** The sources that match, in order of their paths. */
export const sourceFiles = (...patterns: ReadonlyArray<string>): ReadonlyArray<SourceFile> =>
  globSync([...patterns], { cwd: root })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => !path.includes("node_modules/"))
    .sort()
    .map((path) => {
      const text = readFileSync(join(root, path), "utf8")
      return { path, text, lines: text.replace(/\n$/, "").split("\n") }
    })
