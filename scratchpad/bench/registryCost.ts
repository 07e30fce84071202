/** Decoding and encoding alone, by Millrace and by other clients of Schema Registries, without a broker. */
import type { Work } from "./formats.ts"
import { decoding, encodedRow, encoding, schemaOf } from "./formats.ts"
import { isFormat } from "./task.ts"
import { row } from "./values.ts"

interface Peer {
  readonly decoding: (task: object) => Promise<Work>
  readonly encoding: (task: object) => Promise<Work>
}

/** Their packages need not be installed: nothing but this leads there. */
const peers = async (): Promise<Readonly<Record<string, Peer>>> =>
  (await import(new URL("peers/registries.ts", import.meta.url).href)).registries

const workOf = async (workload: string, subject: string): Promise<Work> => {
  const decodes = workload.startsWith("D-")
  const format = workload.slice(2)
  if (!isFormat(format)) throw new Error(`${format} is no format`)
  if (subject === "millrace" || subject === "json") {
    return await (decodes ? decoding : encoding)(subject === "json" ? "json" : format)
  }
  const { [subject]: peer } = await peers()
  if (peer === undefined) throw new Error(`${subject} cannot do ${workload}`)
  const value: unknown = JSON.parse(row.toString())
  const task = { format, schema: schemaOf(format), bytes: await encodedRow(format), value }
  return await (decodes ? peer.decoding : peer.encoding)(task)
}

const repeat = async (work: Work, times: number, capMs: number): Promise<number> => {
  const end = performance.now() + capMs
  let done = 0
  let handled: unknown
  while (done < times && (done % 100 !== 0 || performance.now() < end)) {
    const result = work()
    handled = result instanceof Promise ? await result : result
    done++
  }
  if (typeof handled !== "object") throw new Error("nothing was made")
  return done
}

/** How often it was done, and what that took of this process's own time. */
export const registryCost = async ({ capMs, records, subject, workload }: {
  readonly workload: string
  readonly subject: string
  readonly records: number
  readonly capMs: number
}): Promise<{ readonly done: number; readonly micros: number }> => {
  const work = await workOf(workload, subject)
  await repeat(work, records / 10, capMs)
  const before = process.cpuUsage()
  const done = await repeat(work, records, capMs)
  const { system, user } = process.cpuUsage(before)
  return { done, micros: user + system }
}
