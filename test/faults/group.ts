/** A group whose members are processes, and the ledger that they write together. */
import { assert } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Position } from "../../src/engine/KafkaEngine.ts"
import { Ledger } from "../conformance/ledger.ts"
import { newServiceFolder } from "../services/runFolder.ts"
import type { MemberSettings } from "./member.ts"

/** A running member process. */
export interface MemberProcess {
  readonly name: string
  /** Ends it as a deployment does; fails when it does not end well in time. */
  readonly stop: () => Promise<void>
  /** kill -9. */
  readonly kill: () => Promise<void>
  /** Stops it in its tracks, heartbeats and all. */
  readonly pause: () => void
  readonly continue: () => void
}

const program = fileURLToPath(new URL("./member.ts", import.meta.url))
const stopMillis = 45_000

/** One group of a test. `victims` are those who were killed or lost their session: only their records may repeat. */
export class ProcessGroup {
  readonly victims = new Set<string>()
  private readonly settings: Omit<MemberSettings, "name" | "ledger">
  private readonly file: string
  private readonly children = new Set<ChildProcess>()

  constructor(settings: Omit<MemberSettings, "name" | "ledger">) {
    this.settings = settings
    this.file = join(newServiceFolder("ledger"), "ledger.txt")
  }

  start(name: string, overrides: Partial<MemberSettings> = {}): MemberProcess {
    const settings = { ...this.settings, ...overrides, name, ledger: this.file }
    const child = spawn(process.execPath, ["--conditions=millrace-source", program, JSON.stringify(settings)], {
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => output += data)
    this.children.add(child)
    const ended = once(child, "exit").finally(() => this.children.delete(child))
    const inTime = async () => {
      const timer = setTimeout(() => child.kill("SIGKILL"), stopMillis)
      const [code, signal] = await ended
      clearTimeout(timer)
      return { code, signal }
    }
    return {
      name,
      stop: async () => {
        child.kill("SIGTERM")
        const { signal } = await inTime()
        assert.isNull(signal, `${name} was still there ${stopMillis} ms after SIGTERM:\n${output}`)
        assert.isTrue(this.lines.includes(`${name} ended Failure`), `${name} did not end in good order:\n${output}`)
      },
      kill: async () => {
        this.victims.add(name)
        child.kill("SIGKILL")
        await inTime()
      },
      pause: () => {
        this.victims.add(name)
        child.kill("SIGSTOP")
      },
      continue: () => void child.kill("SIGCONT")
    }
  }

  /** Ends what is left. */
  end(): void {
    for (const child of this.children) child.kill("SIGKILL")
  }

  private get lines(): Array<string> {
    return existsSync(this.file) ? readFileSync(this.file, "utf8").split("\n").filter((line) => line !== "") : []
  }

  /** What was done so far. */
  get ledger(): Ledger {
    const ledger = new Ledger()
    const { topic } = this.settings
    const running = new Map<string, string>()
    for (const line of this.lines) {
      const [member = "", what, partition, offset, value = ""] = line.split(" ")
      const seen = { member, topic, partition: Number(partition), offset: Number(offset), key: null, value }
      if (what === "started") {
        const owner = running.get(partition!)
        if (owner !== undefined && owner !== member && !this.victims.has(owner) && !this.lost(owner)) {
          ledger.overlaps.push(`${partition}: ${owner} runs while ${member} starts ${offset}`)
        }
        running.set(partition!, member)
        ledger.started.push(seen)
      } else if (what === "handled") {
        ledger.handled.push(seen)
        if (running.get(partition!) === member) running.delete(partition!)
      }
    }
    return ledger
  }

  /** How many partitions a member has, by its own account. */
  partitionsOf(name: string): number {
    const owned = new Set<string>()
    for (const line of this.lines) {
      const [member, what, list = ""] = line.split(" ")
      if (member !== name) continue
      for (const partition of list.split(",").filter((one) => one !== "")) {
        if (what === "assigned") owned.add(partition)
        else if (what === "revoked" || what === "lost") owned.delete(partition)
      }
    }
    return owned.size
  }

  /** Whether a member told of a lost session. */
  lost(name: string): boolean {
    return this.lines.some((line) => line.startsWith(`${name} lost `))
  }

  /** What holds at every moment and after every fault. The positions must have been read before. */
  check(positions: ReadonlyArray<Position>): void {
    const { ledger } = this
    assert.deepStrictEqual(ledger.tooFar(positions), [])
    assert.deepStrictEqual(ledger.overlaps, [])
    assert.deepStrictEqual(ledger.disorder(), [])
    const first = new Map<string, string>()
    const unexpected: Array<string> = []
    for (const { member, offset, partition } of ledger.handled) {
      const id = `${partition}@${offset}`
      const owner = first.get(id)
      if (owner !== undefined && !this.victims.has(owner) && !this.lost(owner)) {
        unexpected.push(`${id} by ${owner} and by ${member}`)
      }
      first.set(id, owner ?? member)
    }
    assert.deepStrictEqual(unexpected, [], "records are handled twice")
  }
}
