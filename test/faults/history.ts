/**
 * What members wrote into their common ledger, and which of their deeds the promises no longer cover. A member whose
 * session is over does not know it yet: it may begin one more buffered record while the next owner already works.
 */
import { Ledger } from "../conformance/ledger.ts"

/** A line of the ledger file: what somebody says of a member, in the order of the events. */
export interface Line {
  readonly member: string
  readonly what: string
  readonly rest: ReadonlyArray<string>
}

/** What the test itself says of a member, besides what members say of themselves. */
export const marks = { killed: "killed", outcast: "outcast" } as const

/** Takes the text of the file apart. */
export const parse = (text: string): Array<Line> =>
  text.split("\n").filter((line) => line !== "").map((line) => {
    const [member = "", what = "", ...rest] = line.split(" ")
    return { member, what, rest }
  })

const partitionsIn = ({ rest }: Line): ReadonlyArray<string> => (rest[0] ?? "").split(",").filter((one) => one !== "")

/** The partitions that a member has after these lines, by its own account. */
export const owned = (lines: ReadonlyArray<Line>, member: string): Set<string> => {
  const partitions = new Set<string>()
  for (const line of lines) {
    if (line.member !== member) continue
    for (const partition of partitionsIn(line)) {
      if (line.what === "assigned") partitions.add(partition)
      else if (line.what === "revoked" || line.what === "lost") partitions.delete(partition)
    }
  }
  return partitions
}

/** How far each partition was handled, and by whom, in words. */
export const reached = (lines: ReadonlyArray<Line>): ReadonlyArray<string> => {
  const by = new Map<string, Map<string, number>>()
  for (const { member, rest: [partition = "", offset], what } of lines) {
    if (what !== "handled") continue
    const members = by.get(partition) ?? new Map<string, number>()
    by.set(partition, members.set(member, Math.max(members.get(member) ?? 0, Number(offset))))
  }
  return [...by].map(([partition, members]) =>
    `partition ${partition} is handled up to ${[...members].map(([name, at]) => `${at} by ${name}`).join(", ")}`
  )
}

/** What became of a member, and what it did last. */
export const lastOf = (lines: ReadonlyArray<Line>, member: string): ReadonlyArray<string> => {
  const own = lines.filter((line) => line.member === member)
  const isTurn = ({ what }: Line) => what !== "started" && what !== "handled"
  const told = [...own.slice(0, -3).filter(isTurn).slice(-20), ...own.slice(-3)]
  return told.map(({ rest, what }) => [what, ...rest].join(" "))
}

/** The end of a member's right to a partition, in line numbers. */
interface Loss {
  readonly member: string
  readonly partition: string
  /** Where the assignment began that ends here. */
  readonly assigned: number
  /** From where on the right may be over without the member's knowing. */
  readonly from: number
  /** Where it knows, or never. */
  readonly to: number
}

/**
 * The losses in a history. One that the test brought about begins at its mark, with what the member had then: `killed`
 * for ever, `outcast` until it says that it knows. One that a member tells of itself covers that assignment: `lost`, or
 * `uncommitted` when a commit came after the end of its session.
 */
const lossesIn = (lines: ReadonlyArray<Line>): ReadonlyArray<Loss> => {
  const losses: Array<Loss> = []
  const assigned = new Map<string, number>()
  const marked = new Map<string, Loss>()
  lines.forEach((line, at) => {
    const { member, what } = line
    if (what === marks.killed || what === marks.outcast) {
      for (const partition of owned(lines.slice(0, at), member)) {
        const id = `${member} ${partition}`
        marked.set(id, { member, partition, assigned: assigned.get(id)!, from: at, to: Number.POSITIVE_INFINITY })
      }
    }
    if (what === "uncommitted") {
      for (const partition of partitionsIn(line)) {
        const since = assigned.get(`${member} ${partition}`) ?? 0
        losses.push({ member, partition, assigned: since, from: since, to: at })
      }
    }
    if (what !== "assigned" && what !== "revoked" && what !== "lost") return
    for (const partition of partitionsIn(line)) {
      const id = `${member} ${partition}`
      const mark = marked.get(id)
      const since = assigned.get(id) ?? 0
      if (mark !== undefined) losses.push({ ...mark, to: at })
      else if (what === "lost") losses.push({ member, partition, assigned: since, from: since, to: at })
      marked.delete(id)
      if (what === "assigned") assigned.set(id, at)
    }
  })
  return [...losses, ...marked.values()]
}

/** What the promises do not cover. */
export interface Excuses {
  /** Whether a member had, at this line, no right to the partition any more, although it may not have known it. */
  readonly isOutcast: (member: string, partition: string, at: number) => boolean
  /** Whether what it finished at this line may be handled again: it may not have been committed before the end. */
  readonly mayRepeat: (member: string, partition: string, at: number) => boolean
}

/** Finds the excuses in a history. */
export const excusesIn = (lines: ReadonlyArray<Line>): Excuses => {
  const losses = lossesIn(lines)
  const of = (member: string, partition: string) =>
    losses.filter((loss) => loss.member === member && loss.partition === partition)
  return {
    isOutcast: (member, partition, at) => of(member, partition).some(({ from, to }) => from <= at && at < to),
    mayRepeat: (member, partition, at) => of(member, partition).some(({ assigned, to }) => assigned <= at && at < to)
  }
}

/** What a history tells. */
export interface Findings {
  readonly ledger: Ledger
  /** Every record that was handled before what follows it in its partition, as far as that is promised. */
  readonly disorder: ReadonlyArray<string>
  /** Records that were handled twice without an excuse. */
  readonly repeated: ReadonlyArray<string>
}

/** Reads a history of one topic: what was done, and which promises it breaks. */
export const read = (lines: ReadonlyArray<Line>, topic: string): Findings => {
  const excuses = excusesIn(lines)
  const ledger = new Ledger()
  /** What those did who had the right to, together, and what each member did on its own: both are in order. */
  const rightful = new Ledger()
  const own = new Map<string, Ledger>()
  const running = new Map<string, string>()
  const first = new Map<string, { readonly member: string; readonly at: number }>()
  const repeated: Array<string> = []
  lines.forEach((line, at) => {
    const { member, what } = line
    const [partition = "", offset, value = ""] = line.rest
    const outcast = excuses.isOutcast(member, partition, at)
    const seen = { member, topic, partition: Number(partition), offset: Number(offset), key: null, value }
    if (what === "lost") {
      // What it was doing is interrupted, and ends without a line.
      for (const lost of partitionsIn(line)) if (running.get(lost) === member) running.delete(lost)
    } else if (what === "started") {
      ledger.started.push(seen)
      if (outcast) return
      const owner = running.get(partition)
      if (owner !== undefined && owner !== member && !excuses.isOutcast(owner, partition, at)) {
        ledger.overlaps.push(`${partition}: ${owner} runs while ${member} starts ${offset}`)
      }
      running.set(partition, member)
    } else if (what === "handled") {
      ledger.handled.push(seen)
      own.set(member, own.get(member) ?? new Ledger())
      own.get(member)!.handled.push(seen)
      if (!outcast) rightful.handled.push(seen)
      if (running.get(partition) === member) running.delete(partition)
      const id = `${partition}@${offset}`
      const before = first.get(id)
      if (before === undefined) first.set(id, { member, at })
      else if (!outcast && !excuses.mayRepeat(before.member, partition, before.at)) {
        repeated.push(`${id} by ${before.member} and by ${member}`)
      }
    }
  })
  const disorder = [rightful, ...own.values()].flatMap((ledger) => ledger.disorder())
  return { ledger, disorder, repeated }
}
