/** The members of both groups: processes that have a consumer of each, and the books of what they do. */
import * as Effect from "effect/Effect"
import { closeSync, existsSync, openSync, readSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import type { Position } from "../../../src/engine/KafkaEngine.ts"
import { newServiceFolder } from "../../services/runFolder.ts"
import { committed } from "../cluster.ts"
import { MemberProcesses } from "../memberProcess.ts"
import { Book, type Promised } from "./book.ts"
import type { MemberSettings } from "./member.ts"

const program = fileURLToPath(new URL("./member.ts", import.meta.url))
const folder = newServiceFolder("ledger")

/** One group with its retry consumers, and its book. */
export class Group {
  readonly topic: string
  readonly book: Book
  private readonly file: string
  private readonly buffer = Buffer.alloc(1 << 20)
  private position = 0
  private rest = ""

  /** The group and its topic have the same name. */
  constructor(name: string, promised: Promised) {
    this.topic = name
    this.book = new Book(promised)
    this.file = join(folder, `${name}.ledger`)
  }

  /** Reads what was written meanwhile. */
  sync(): Book {
    if (!existsSync(this.file)) return this.book
    const file = openSync(this.file, "r")
    for (;;) {
      const count = readSync(file, this.buffer, 0, this.buffer.length, this.position)
      if (count === 0) break
      this.position += count
      const lines = (this.rest + this.buffer.toString("latin1", 0, count)).split("\n")
      this.rest = lines.pop()!
      for (const line of lines) this.book.add(line)
    }
    closeSync(file)
    return this.book
  }

  /** What is committed in the topic and in the retry topics. */
  get committed(): Effect.Effect<ReadonlyArray<Position>, unknown, KafkaEngine.Service> {
    return Effect.zipWith(
      committed(this.topic),
      committed(`${this.topic}.retry`),
      (own, retries) => [...own, ...retries]
    )
  }
}

/** Starts, kills and replaces members. */
export class Members {
  readonly running: Array<string> = []
  private readonly groups: ReadonlyArray<Group>
  private readonly settings: Omit<MemberSettings, "name" | "folder">
  private readonly processes = new MemberProcesses(program)
  private readonly handles = new Map<string, ReturnType<MemberProcesses["start"]>>()
  private generation = 1

  constructor(groups: ReadonlyArray<Group>, settings: Omit<MemberSettings, "name" | "folder">) {
    this.groups = groups
    this.settings = settings
  }

  start(name: string): void {
    const settings: MemberSettings = { ...this.settings, name, folder }
    this.handles.set(name, this.processes.start(name, settings, () => this.groups.some((g) => g.sync().hasEnded(name))))
    this.running.push(name)
  }

  /** Kills one with -9 and starts another. */
  readonly replace = Effect.fnUntraced({ self: this as Members }, function*(which: number) {
    const [name] = this.running.splice(which, 1)
    yield* Effect.promise(this.handles.get(name!)!.kill)
    for (const group of this.groups) {
      const positions = yield* group.committed
      group.sync().kill(name!, positions)
    }
    this.start(`${name!.replace(/\d+$/, "")}${++this.generation}`)
  })

  /** Ends one in good order. */
  stop(name: string): Effect.Effect<void> {
    return Effect.promise(this.handles.get(name)!.stop)
  }

  /** For whoever has to find out what went wrong. */
  get story(): string {
    const owned = (name: string) =>
      this.groups.map(({ book, topic }) => `${book.partitionsOf(name, topic)} of ${topic}`).join(", ")
    return [...this.handles].map(([name, { output }]) =>
      `${name}${this.running.includes(name) ? ` has ${owned(name)}` : " is gone"}\n${output().slice(-4_000)}`
    ).join("\n")
  }

  end(): void {
    this.processes.end()
  }
}
