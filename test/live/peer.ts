/** A program of another toolkit that works on the same topics: it prints a line of JSON for each thing it does. */
import { type ChildProcess, spawn } from "node:child_process"
import { until } from "../services/processes.ts"

/** What a peer says that it did with a record, or that it is ready. A field that it could not read is null. */
export interface Said {
  readonly event: string
  readonly at: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly attempt: number
  readonly [field: string]: unknown
}

export interface Peer {
  /** All that it said so far. */
  readonly said: ReadonlyArray<Said>
  /** Waits for so many lines of an event with these values; fails when the program ends without. */
  readonly until: (event: string, values: ReadonlyArray<string>) => Promise<void>
  /** Stops it as one stops an application. */
  readonly stop: () => Promise<void>
}

const running = new Set<ChildProcess>()
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

/** Starts a peer and waits until it is ready. It stops when its standard input ends, so it does not outlive us. */
export const startPeer = async (
  command: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Promise<Peer> => {
  const child = spawn(command, args, { stdio: "pipe", env: { ...process.env, ...env } })
  running.add(child)
  const said: Array<Said> = []
  let rest = ""
  let errors = ""
  let code: number | null | undefined
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n")
    rest = lines.pop()!
    for (const line of lines) if (line.startsWith("{")) said.push(JSON.parse(line) as Said)
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors = (errors + text).slice(-8_000))
  child.stdin.on("error", () => {})
  child.on("error", (error) => {
    errors += error.message
    code = -1
  })
  child.on("close", (status) => {
    running.delete(child)
    code = status
  })
  const condition = async (what: string, holds: () => boolean) => {
    const wait = until(`the other side ${what}`, () => holds() || code !== undefined, 120_000)
    await wait.catch((error: Error) => {
      child.kill("SIGKILL")
      throw new Error(`${error.message}:\n${errors}`)
    })
    if (!holds()) throw new Error(`${command} ended with ${code} before it ${what}:\n${errors}`)
  }
  await condition("is ready", () => said.some(({ event }) => event === "ready"))
  return {
    said,
    until: (event, values) =>
      condition(`has ${event} ${values.join(", ")}`, () => {
        const seen = said.filter((one) => one.event === event).map(({ value }) => value)
        return values.every((value) => seen.includes(value))
      }),
    stop: async () => {
      child.stdin.end()
      await until(`${command} ends`, () => code !== undefined, 90_000)
    }
  }
}
