/** What the members of a group wrote, line by line, and which promises it breaks. */
import type { Position, TopicPartition } from "../../../src/engine/KafkaEngine.ts"
import * as OffsetNotes from "../../../src/internal/partition/offsetNotes.ts"

/** What is promised beside that nothing is lost. */
export interface Promised {
  readonly topic: string
  /** Records so far apart have the same key, and are handled in order. */
  readonly stride: number | undefined
  /** The number of the first attempt in a topic. Without a number attempts count up while the record waits in place. */
  readonly attemptIn: (topic: string) => number | undefined
  /** The most attempts; with as many failures a record is dead. */
  readonly attempts: number
}

/** One record of one topic. */
interface Seen {
  readonly place: string
  readonly offset: number
  member: string
  /** In line numbers. */
  at: number
  state: "running" | "failed" | "done"
  /** Once it was done, it may be committed. */
  everDone: boolean
  /** As the toolkit counts them. */
  attempts: number
  /** Since they were counted last, another member took over. */
  handedOver: boolean
  /** As they happened. */
  failures: number
}

/** What somebody did in a partition: at which line, and with which offset. */
interface Deed {
  readonly member: string
  readonly place: string
  readonly at: number
  readonly offset: number
}

/** What is wrong, unless the member's right to the partition ended after the deed in a way that excuses it. */
interface Wrong {
  readonly text: string
  readonly unless: Deed | undefined
}

/** Without an offset of its own: excused by a lost partition alone. */
const nowhere = -1

const placeOf = ({ partition, topic }: TopicPartition): string => `${topic}/${partition}`

/** The book of one group. Lines are to be given in the order of the file. */
export class Book {
  readonly handled = new Set<number>()
  readonly dead = new Set<number>()
  /** Executions that ended well, and records begun anew that were done already. */
  readonly counts = { handled: 0, repeated: 0, failed: 0, forgotten: 0, mostFailures: 0, lost: 0 }
  private readonly promised: Promised
  private readonly seen = new Map<string, Seen>()
  private readonly wrong: Array<Wrong> = []
  private readonly killed = new Set<string>()
  /**
   * Ends of a right to a partition. From `offset` on, records may be done anew: what was committed at a crash; at a
   * handover the first record that was not done, because only what is done without a gap can be committed; and
   * everything when it was lost.
   */
  private readonly endings: Array<Deed> = []
  private readonly owners = new Map<string, string>()
  private readonly ended = new Set<string>()
  /** What was committed of failing records when a member was killed. */
  private readonly noted = new Map<string, number>()
  /** The first number of each key that is not done. */
  private readonly undone = new Map<number, number>()
  private readonly lastStarted = new Map<string, number>()
  private readonly running = new Map<number, Omit<Deed, "offset"> & { readonly n: number }>()
  /** The first offset of each partition that is not done, as far as was looked. */
  private readonly next = new Map<string, number>()
  /** As of the last look at what is committed. */
  private readonly committed = new Map<string, number>()
  private line = 0

  constructor(promised: Promised) {
    this.promised = promised
  }

  /** How many records are where they belong. */
  get settled(): number {
    return this.handled.size + this.dead.size
  }

  /** Whether a member said that it ended in good order. */
  hasEnded(member: string): boolean {
    return this.ended.has(member)
  }

  /** How many partitions of a topic a member has, by its own account. */
  partitionsOf(member: string, topic: string): number {
    let count = 0
    for (const [place, owner] of this.owners) if (owner === member && place.startsWith(`${topic}/`)) count++
    return count
  }

  add(line: string): void {
    this.line++
    const [member = "", what = "", ...rest] = line.split(" ")
    switch (what) {
      case "started":
      case "failed":
      case "handled":
      case "decided": {
        const [topic = "", partition = "", offset = "", number = "", kind = "", decision = "", attempts = ""] = rest
        const place = `${topic}/${partition}`
        const id = `${place}@${offset}`
        const n = Number(number)
        if (what === "started") this.started(member, place, id, n)
        else if (what === "failed") this.failed(member, id, n)
        else if (what === "handled") this.finished(member, id, n)
        else this.decided(member, { place, topic, id, n }, kind, decision, Number(attempts))
        return
      }
      case "assigned":
        return this.eachPlace(rest, (place) => void this.owners.set(place, member))
      case "commitfailed":
        // Without a broker nothing can be committed, at a handover neither.
        return this.eachPlace(
          rest,
          (place) => void this.endings.push({ member, place, at: this.line, offset: this.committed.get(place) ?? 0 })
        )
      case "revoked":
      case "lost":
        return this.eachPlace(rest, (place) => this.leave(member, place, what))
      case "ended":
        if (rest[0] === "Failure") this.ended.add(member)
    }
  }

  /** A member was killed, and this is what was committed then. */
  kill(member: string, positions: ReadonlyArray<Position>): void {
    this.killed.add(member)
    this.noted.clear()
    for (const position of positions) {
      const place = placeOf(position)
      for (const { executions, offset } of OffsetNotes.decode(position.offset, position.metadata).attempts) {
        this.noted.set(`${place}@${offset}`, executions)
      }
      this.endings.push({ member, place, at: this.line, offset: position.offset })
    }
    const committed = new Set(positions.map(placeOf))
    for (const place of this.next.keys()) {
      if (!committed.has(place)) this.endings.push({ member, place, at: this.line, offset: 0 })
    }
    for (const [place, owner] of this.owners) if (owner === member) this.owners.delete(place)
    for (const [key, run] of this.running) if (run.member === member) this.running.delete(key)
  }

  /** What is committed beyond a record that is not done. The positions must have been read before the last line. */
  tooFar(positions: ReadonlyArray<Position>): Array<string> {
    return positions.flatMap((position) => {
      const place = placeOf(position)
      const next = this.nextOf(place)
      this.committed.set(place, position.offset)
      return next < position.offset ? [`${place} is committed at ${position.offset}, and ${next} is not done`] : []
    })
  }

  /** Everything that is wrong, as far as nobody is excused. */
  get problems(): Array<string> {
    return this.wrong
      .filter(({ unless }) =>
        unless === undefined ||
        !this.endings.some(({ at, member, offset, place }) =>
          member === unless.member && place === unless.place && at >= unless.at && offset <= unless.offset
        )
      )
      .map(({ text }) => text)
  }

  /** The first record of a partition that was not done yet. */
  private nextOf(place: string): number {
    let offset = this.next.get(place) ?? 0
    while (this.seen.get(`${place}@${offset}`)?.everDone === true) offset++
    this.next.set(place, offset)
    return offset
  }

  private eachPlace([places = ""]: ReadonlyArray<string>, use: (place: string) => void): void {
    for (const place of places.split(",")) if (place !== "") use(place)
  }

  private leave(member: string, place: string, what: "revoked" | "lost"): void {
    if (this.owners.get(place) === member) this.owners.delete(place)
    for (const lane of this.lastStarted.keys()) {
      if (lane.startsWith(`${member} ${place} `)) this.lastStarted.delete(lane)
    }
    const isLost = what === "lost"
    this.endings.push({ member, place, at: this.line, offset: isLost ? nowhere : this.nextOf(place) })
    if (!isLost) return
    this.counts.lost++
    // What was committed of its attempts is not known, also when the partition comes back to the same member.
    for (const seen of this.seen.values()) {
      if (seen.member === member && seen.place === place && seen.state !== "done") seen.handedOver = true
    }
    // What it was doing is interrupted, and ends without a line.
    for (const [key, run] of this.running) if (run.member === member && run.place === place) this.running.delete(key)
  }

  private problem(text: string, unless?: Deed): void {
    this.wrong.push({ text: `line ${this.line}: ${text}`, unless })
  }

  /** A record that was done may be begun again if it could not be committed before its owner was gone. */
  private begin(member: string, place: string, id: string): Seen {
    const before = this.seen.get(id)
    if (before === undefined) {
      const offset = Number(id.slice(place.length + 1))
      const at = this.line
      const made: Seen = {
        place,
        offset,
        member,
        at,
        state: "running",
        everDone: false,
        handedOver: false,
        attempts: 0,
        failures: 0
      }
      this.seen.set(id, made)
      if (!this.next.has(place)) this.next.set(place, 0)
      return made
    }
    if (before.state === "done") {
      this.counts.repeated++
      this.problem(`${member} begins ${id} again, which ${before.member} had done`, { ...before })
    } else if (before.state === "running" && !this.killed.has(before.member)) {
      this.problem(`${member} begins ${id} while ${before.member} has it`, { ...before, offset: nowhere })
    }
    return before
  }

  private started(member: string, place: string, id: string, n: number): void {
    const before = this.seen.get(id)?.state
    const seen = this.begin(member, place, id)
    this.inOrder(member, n, place, before)
    seen.state = "running"
    if (seen.member !== member) this.takeOver(seen, member, id)
    seen.at = this.line
  }

  /** How often it failed is what was committed at a crash. What a handover takes along is counted, see below. */
  private takeOver(seen: Seen, member: string, id: string): void {
    if (this.killed.has(seen.member)) seen.attempts = this.noted.get(id) ?? 0
    else seen.handedOver = true
    seen.member = member
  }

  private inOrder(member: string, n: number, place: string, before: Seen["state"] | undefined): void {
    const { stride } = this.promised
    if (stride === undefined) return
    const key = n % stride
    const first = this.undone.get(key) ?? key
    if (n > first) this.problem(`${member} begins ${n} before ${first} of its key is done`)
    const lane = `${member} ${place} ${key}`
    const last = this.lastStarted.get(lane) ?? -1
    if (n < last || n === last && before !== "failed") this.problem(`${member} begins ${n} again after ${last}`)
    const run = this.running.get(key)
    if (run !== undefined) {
      this.problem(`${member} begins ${n} while ${run.member} runs ${run.n} of its key`, { ...run, offset: nowhere })
    }
    this.lastStarted.set(lane, n)
    this.running.set(key, { n, member, place, at: this.line })
  }

  private left(member: string, n: number): void {
    const { stride } = this.promised
    if (stride !== undefined && this.running.get(n % stride)?.member === member) this.running.delete(n % stride)
  }

  private failed(member: string, id: string, n: number): void {
    const seen = this.seen.get(id)!
    seen.state = "failed"
    seen.at = this.line
    seen.failures++
    this.counts.failed++
    this.counts.mostFailures = Math.max(this.counts.mostFailures, seen.failures)
    this.left(member, n)
  }

  private finished(member: string, id: string, n: number): void {
    this.counts.handled++
    this.handled.add(n)
    this.left(member, n)
    this.done(this.seen.get(id)!, n)
  }

  private done(seen: Seen, n: number): void {
    seen.state = "done"
    seen.everDone = true
    seen.at = this.line
    const { stride } = this.promised
    if (stride === undefined || (this.undone.get(n % stride) ?? n % stride) !== n) return
    let next = n + stride
    while (this.handled.has(next) || this.dead.has(next)) next += stride
    this.undone.set(n % stride, next)
  }

  private decided(
    member: string,
    record: { readonly topic: string; readonly place: string; readonly id: string; readonly n: number },
    kind: string,
    decision: string,
    attempts: number
  ): void {
    const { id, n, place, topic } = record
    if (kind === "poison") {
      const seen = this.begin(member, place, id)
      seen.member = member
      if (attempts !== 0 || decision !== "DeadLetter") this.problem(`poison ${id}: ${decision} after ${attempts}`)
      this.dead.add(n)
      return this.done(seen, n)
    }
    const seen = this.seen.get(id)!
    this.count(seen, id, this.promised.attemptIn(topic), attempts)
    const isLast = attempts >= this.promised.attempts
    if (attempts > this.promised.attempts || isLast !== (decision === "DeadLetter")) {
      this.problem(`${id}: ${decision} after ${attempts} attempts`)
    }
    if (decision === "DeadLetter") this.dead.add(n)
    if (decision !== "Wait") {
      seen.attempts = 0
      this.done(seen, n)
    }
  }

  /**
   * Attempts as the toolkit counts them: in a retry topic what the record carries; in place one more than before, where
   * "before" is what was committed when the last owner crashed. Never more than there were. What a handover
   * forgets is no more than told: it delays a dead letter.
   */
  private count(seen: Seen, id: string, first: number | undefined, attempts: number): void {
    const { failures } = seen
    if (first !== undefined) {
      if (attempts !== first) this.problem(`${id}: attempt ${attempts} in a topic of attempt ${first}`)
    } else if (attempts > failures) {
      this.problem(`${id}: ${attempts} attempts are counted, and ${failures} failed`)
    } else if (attempts <= seen.attempts && seen.handedOver) {
      this.counts.forgotten += seen.attempts + 1 - attempts
    } else if (attempts <= seen.attempts) {
      this.problem(`${id}: ${attempts} attempts are counted after ${seen.attempts}`, { ...seen, offset: nowhere })
    }
    seen.attempts = attempts
    seen.handedOver = false
  }
}
