/** A group whose members are processes, and the ledger that they write together. */
import { assert } from "@effect/vitest"
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Position } from "../../src/engine/KafkaEngine.ts"
import type { Ledger } from "../conformance/ledger.ts"
import { newServiceFolder } from "../services/runFolder.ts"
import { lastOf, type Line, marks, owned, parse, reached, read } from "./history.ts"
import type { MemberSettings } from "./member.ts"
import { MemberProcesses } from "./memberProcess.ts"

/** A running member process. */
export interface MemberProcess {
  readonly name: string
  /** Ends it as a deployment does; fails when it does not end well in time. */
  readonly stop: () => Promise<void>
  /** kill -9. */
  readonly kill: () => Promise<void>
  /** Stops it in its tracks, heartbeats and all, for longer than its session. */
  readonly hang: () => void
  readonly continue: () => void
}

const program = fileURLToPath(new URL("./member.ts", import.meta.url))

/** One group of a test. Only what a member did shortly before it was killed, or lost its session, may repeat. */
export class ProcessGroup {
  private readonly settings: Omit<MemberSettings, "name" | "ledger">
  private readonly file: string
  private readonly processes = new MemberProcesses(program)
  private readonly outputs = new Map<string, () => string>()

  constructor(settings: Omit<MemberSettings, "name" | "ledger">) {
    this.settings = settings
    this.file = join(newServiceFolder("ledger"), "ledger.txt")
  }

  start(name: string, overrides: Partial<MemberSettings> = {}): MemberProcess {
    const settings = { ...this.settings, ...overrides, name, ledger: this.file }
    const { kill, output, signal, stop } = this.processes.start(
      name,
      settings,
      () => this.lines.some(({ member, rest, what }) => member === name && what === "ended" && rest[0] === "Failure")
    )
    this.outputs.set(name, output)
    return {
      name,
      stop,
      kill: () => {
        this.mark(name, marks.killed)
        return kill()
      },
      hang: () => {
        signal("SIGSTOP")
        this.outcast(name)
      },
      continue: () => signal("SIGCONT")
    }
  }

  /** Ends what is left. */
  end(): void {
    this.processes.end()
  }

  private get lines(): Array<Line> {
    return existsSync(this.file) ? parse(readFileSync(this.file, "utf8")) : []
  }

  /** What was done so far. */
  get ledger(): Ledger {
    return read(this.lines, this.settings.topic).ledger
  }

  /**
   * Says that a member's session is about to end without its knowing: it hangs, or nobody hears it. Until it tells of
   * the loss, nothing that it does in its partitions is promised to be its alone.
   */
  outcast(name: string): void {
    this.mark(name, marks.outcast)
  }

  private mark(name: string, what: string): void {
    appendFileSync(this.file, `${name} ${what}\n`)
  }

  /** How many partitions a member has, by its own account. */
  partitionsOf(name: string): number {
    return owned(this.lines, name).size
  }

  /** Whether a member told of a lost session. */
  lost(name: string): boolean {
    return this.lines.some(({ member, what }) => member === name && what === "lost")
  }

  /** For whoever has to find out what went wrong. */
  get story(): string {
    const { lines } = this
    const members = [...this.outputs].map(([name, output]) =>
      `${name}: ${lastOf(lines, name).join("; ")}\n${output().slice(-4_000)}`
    )
    return [...reached(lines), ...members].join("\n")
  }

  /** What holds at every moment and after every fault. The positions must have been read before. */
  check(positions: ReadonlyArray<Position>): void {
    const { disorder, ledger, repeated } = read(this.lines, this.settings.topic)
    assert.deepStrictEqual(ledger.tooFar(positions), [])
    assert.deepStrictEqual(ledger.overlaps, [])
    assert.deepStrictEqual(disorder, [])
    assert.deepStrictEqual(repeated, [], "records are handled twice")
  }
}
