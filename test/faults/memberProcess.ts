/** A member of a group as a process of its own. */
import { assert } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"

const stopMillis = 90_000

/** The processes of one test. */
export class MemberProcesses {
  private readonly program: string
  private readonly children = new Set<ChildProcess>()

  constructor(program: string) {
    this.program = program
  }

  /** Starts one with settings. `endedWell` tells, after SIGTERM, whether it ended in good order. */
  start(name: string, settings: object, endedWell: () => boolean) {
    const args = ["--conditions=millrace-source", this.program, JSON.stringify(settings)]
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => output += data)
    this.children.add(child)
    const ended = once(child, "exit").finally(() => this.children.delete(child))
    const inTime = async () => {
      const timer = setTimeout(() => child.kill("SIGKILL"), stopMillis)
      const [, signal] = await ended
      clearTimeout(timer)
      return signal
    }
    return {
      output: () => output,
      signal: (signal: NodeJS.Signals) => void child.kill(signal),
      stop: async () => {
        child.kill("SIGTERM")
        assert.isNull(await inTime(), `${name} was still there ${stopMillis} ms after SIGTERM:\n${output}`)
        assert.isTrue(endedWell(), `${name} did not end in good order:\n${output}`)
      },
      kill: async () => {
        child.kill("SIGKILL")
        await inTime()
      }
    }
  }

  /** Ends what is left. */
  end(): void {
    for (const child of this.children) child.kill("SIGKILL")
  }
}
