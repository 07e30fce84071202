/** The reference model of the run loop: what handlers did, and what the client was told, checked while it happens. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { Codec, ConsumerControl, OnFailure, Topic } from "millrace"
import { Pending } from "../../src/Codec.ts"
import type { Position, TopicPartition } from "../../src/engine/KafkaEngine.ts"
import type * as Handler from "../../src/Handler.ts"
import { HealthCell } from "../../src/internal/healthCell.ts"
import * as Plan from "../../src/internal/plan.ts"
import * as Runtime from "../../src/internal/runtime.ts"
import { keyOf, Script } from "../kit/scriptedEngine.ts"
import type { Random } from "./random.ts"
import { randomOf } from "./random.ts"

const drainTimeout = 5_000
const graceAndTicks = 2_000
const chunkRecords = 4
const partitions: ReadonlyArray<TopicPartition> = [0, 1, 2].map((partition) => ({ topic: "t", partition }))
const lanesOf = 4

type Kind = "partition" | "keys" | "unordered" | "batch" | "owned"

/** A partition between an assignment or a seek and the next one. */
interface Generation {
  readonly start: number
  readonly done: Set<number>
  readonly lastStarted: Map<string, number>
}

interface Running {
  readonly offset: number
  readonly lane: string
  readonly generation: Generation
}

const values = Codec.string
const value: typeof values = {
  ...values,
  decoder: (site) =>
    Effect.map(values.decoder(site), (decode) => (bytes, headers) => {
      const decoded = decode(bytes, headers)
      return decoded === "pending" ? new Pending(Effect.as(Effect.sleep(3), "pending")) : decoded
    })
}
const Records = Topic.make("t", { key: Codec.none, value })
const encoder = new TextEncoder()
const poisoned = new Uint8Array([0xff, 0xfe])

/** One schedule: what happens is drawn from the seed, so that the same seed makes the same schedule. */
export class Model {
  readonly schedule: Array<string> = []
  private readonly violations: Array<string> = []
  private readonly script = new Script()
  private readonly random: Random
  private readonly seed: number
  private readonly kind: Kind
  private readonly holds: boolean
  private readonly bufferRecords: number
  private readonly generations = new Map<string, Generation>()
  private readonly running = new Map<string, Set<Running>>()
  private readonly own = new Map<string, Position>()
  private readonly member = new Set<TopicPartition>()
  private readonly revokedAt = new Map<number, number>()
  private run: Runtime.Run | undefined
  private now = 0
  private mayFail = false
  private storesRefused = false

  constructor(seed: number) {
    this.seed = seed
    this.random = randomOf(seed)
    this.kind = this.random.pick(["partition", "keys", "unordered", "batch", "owned"])
    this.holds = this.random.chance(0.5)
    this.bufferRecords = this.random.between(chunkRecords, 16)
    this.script.lateOnPause = this.random.chance(0.5)
    this.script.keepCalls = false
    this.script.observer = {
      assigned: (partition, offset) => this.begin(partition, offset),
      sought: (position) => this.begin(position, position.offset),
      positioned: (position, delivered) => this.checkPosition(position, delivered),
      revoked: ({ id, partitions }, committed) => {
        if (this.mayFail || this.now - (this.revokedAt.get(id) ?? 0) >= drainTimeout) return
        for (const partition of partitions) this.checkCommitted(partition, committed(partition), "revoked")
      },
      polled: () => this.checkBuffer()
    }
  }

  private get title(): string {
    return `${this.kind}, ${this.holds ? "holding" : "failing"}, buffer of ${this.bufferRecords}`
  }

  /** Runs the schedule; fails with everything that is needed to see it again. */
  readonly check = Effect.suspend(() =>
    Effect.catchCause(this.play(), (cause) => Effect.sync(() => this.violate(Cause.pretty(cause)))).pipe(
      Effect.andThen(Effect.sync(() => {
        const all = [...this.violations, ...this.script.violations]
        if (all.length === 0) return
        throw new Error(
          `${all.slice(0, 5).join("\n")}\nMILLRACE_MODEL_SEED=${this.seed} replays it (${this.title}):\n  `
            + this.schedule.join("\n  ")
        )
      })),
      Effect.provide(this.script.layer),
      Effect.provideService(ConsumerControl.Registry, new Set())
      // The runtime says that it needs anything: what the handlers need, and here they need nothing.
    ) as Effect.Effect<void>
  )

  private readonly play = Effect.fnUntraced({ self: this as Model }, function*() {
    const plan = yield* Plan.make({
      group: "g",
      settings: { offsetReset: "earliest", drainTimeout, chunkRecords, bufferRecords: this.bufferRecords },
      handlers: [this.handler() as Handler.Handler<any, any>],
      onFailure: this.policy
    })
    const health = new HealthCell("g")
    const clock = yield* Effect.clockWith(Effect.succeed)
    const options = { holds: this.holds, health, emit: undefined }
    const run = yield* Runtime.start(plan, options, () => Effect.void)
    this.run = run
    const ended = { exit: undefined as Exit.Exit<void, unknown> | undefined }
    const watcher = yield* Effect.forkDetach(run.await)
    watcher.addObserver((exit) => {
      ended.exit = exit
    })
    const [control] = [...(yield* ConsumerControl.Registry)]
    const advance = Effect.fnUntraced({ self: this as Model }, function*(millis: number) {
      yield* TestClock.adjust(millis)
      this.now = clock.currentTimeMillisUnsafe()
    })
    const steps = this.random.between(5, 40)
    for (let step = 0; step < steps && ended.exit === undefined && this.violations.length === 0; step++) {
      yield* this.act(control!)
      yield* advance(this.random.chance(0.5) ? 0 : this.random.pick([1, 20, 100, 300, 1_000, 4_000, 7_000]))
    }
    if (ended.exit === undefined && this.violations.length === 0 && this.random.chance(0.7)) {
      yield* this.settleDown(control!, advance, () => ended.exit !== undefined, health)
    }
    this.note("stop")
    const stoppedAt = this.now
    const stopping: Fiber.Fiber<void, unknown> = yield* Effect.forkDetach(run.stop)
    for (let waited = 0; waited < drainTimeout + graceAndTicks && stopping.pollUnsafe() === undefined; waited += 100) {
      yield* advance(100)
    }
    yield* advance(0)
    if (ended.exit === undefined) return this.violate("the run did not end within its bound")
    this.judgeEnd(ended.exit, this.now - stoppedAt)
  })

  /** Everything a run is expected to work off when nobody disturbs it any more. */
  private readonly settleDown = Effect.fnUntraced({ self: this as Model }, function*(
    control: ConsumerControl.ConsumerControl,
    advance: (millis: number) => Effect.Effect<void>,
    isOver: () => boolean,
    health: HealthCell
  ) {
    this.script.refuseStores = 0
    this.script.failing.length = 0
    yield* Effect.forkDetach(control.resume(partitions))
    for (let waited = 0; waited < 20_000 && this.script.answersDue > 0; waited += 500) yield* advance(500)
    if (!isOver() && this.script.answersDue > 0) return this.violate("a rebalance is not answered")
    const missing = partitions.filter((partition) => !this.member.has(partition))
    if (missing.length > 0 && !isOver()) this.emit("assign", missing)
    const left = () =>
      partitions.filter((partition) => {
        const generation = this.generations.get(keyOf(partition))
        return generation === undefined || !this.script.isAssigned(partition)
          || this.script.log(partition).some(({ offset }) =>
              offset >= generation.start && !generation.done.has(offset)
            ) && !health.read().held.some((held) => keyOf(held) === keyOf(partition))
      })
    for (let waited = 0; waited < 900_000 && !isOver() && left().length > 0; waited += 500) yield* advance(500)
    if (!isOver() && left().length > 0) this.violate(`never handled: the rest of ${left().map(keyOf).join(", ")}`)
  })

  private readonly act = Effect.fnUntraced({ self: this as Model }, function*(
    control: ConsumerControl.ConsumerControl
  ) {
    const { random, script } = this
    const partition = random.pick(partitions)
    switch (
      random.weighted({
        produce: 10,
        assign: 7,
        revoke: 4,
        lost: 2,
        bounce: 1,
        pause: 2,
        resume: 2,
        seek: 2,
        commit: 1,
        refuse: 0.5,
        failCommit: 0.3,
        failRevoke: 0.3,
        failed: 0.2,
        stop: 0.2
      })
    ) {
      case "produce":
        return this.produce(partition)
      case "assign":
        return this.emit("assign", partitions.filter((one) => !this.member.has(one) && random.chance(0.7)))
      case "revoke":
        return this.emit("revoke", [...this.member].filter(() => random.chance(0.6)))
      case "lost":
        return this.emit("lost", [...this.member].filter(() => random.chance(0.6)))
      case "bounce": {
        if (!this.member.has(partition)) return
        this.emit(random.pick(["revoke", "lost"]), [partition])
        return this.emit("assign", [partition])
      }
      case "pause": {
        this.note(`pause ${partition.partition}`)
        yield* Effect.forkDetach(control.pause([partition]))
        return
      }
      case "resume": {
        this.note("resume all")
        yield* Effect.forkDetach(control.resume(partitions))
        return
      }
      case "seek": {
        const offset = random.between(0, script.endOffset(partition))
        this.note(`seek ${partition.partition} to ${offset}`)
        yield* Effect.forkDetach(control.seek({ ...partition, offset }))
        return
      }
      case "commit": {
        this.note("commit")
        yield* Effect.forkDetach(control.commit)
        return
      }
      case "refuse": {
        this.note("refuse a store")
        this.storesRefused = true
        script.refuseStores++
        return
      }
      case "failCommit": {
        this.note("the next commit fails")
        script.failing.push("commit")
        return
      }
      case "failRevoke": {
        if (script.answersDue > 0 || this.member.size === 0) return
        this.note("the next answer fails")
        script.failing.push("answer")
        return this.emit("revoke", [...this.member])
      }
      case "failed": {
        this.note("the client fails")
        this.mayFail = true
        return script.fail()
      }
      case "stop": {
        yield* Effect.forkDetach(control.stop)
        return this.note("stop by the user")
      }
    }
  })

  private produce(partition: TopicPartition): void {
    const { random, script } = this
    let offset = script.endOffset(partition)
    const records = Array.from({ length: random.between(1, 10) }, () => {
      offset += random.chance(0.2) ? random.between(1, 5) : 0
      const { poison } = this.behaviour(partition, offset)
      const bytes = poison ? poisoned : encoder.encode(random.chance(0.05) ? "pending" : "ok")
      return { offset: offset++, value: bytes, size: random.between(1, 50), key: null }
    })
    this.note(`produce ${partition.partition}: ${records.map((record) => record.offset).join(" ")}`)
    script.produce(partition, records)
  }

  private emit(kind: "assign" | "revoke" | "lost", which: ReadonlyArray<TopicPartition>): void {
    if (which.length === 0 || !this.script.isOpen) return
    this.note(`${kind} ${which.map(({ partition }) => partition).join(" ")}`)
    for (const partition of which) {
      if (kind === "assign") this.member.add(partition)
      else this.member.delete(partition)
    }
    const id = this.script.emit(kind, which)
    if (kind === "revoke") this.revokedAt.set(id, this.now)
  }

  // What the handlers do.

  private behaviour(partition: TopicPartition, offset: number) {
    const random = randomOf((this.seed * 31 + partition.partition) * 1_009 + offset)
    const kind = random.weighted({ instant: 60, yields: 10, sleeps: 20, hard: 2, fails: 4, dies: 2, poison: 4 })
    return { kind, poison: kind === "poison", stops: random.chance(0.15), millis: random.between(1, 2_000) }
  }

  private laneOf(offset: number): string {
    return this.kind === "keys" ? `k${randomOf(offset).between(0, 5)}` : this.kind === "unordered" ? `${offset}` : ""
  }

  private work(partition: TopicPartition, offsets: ReadonlyArray<number>): Effect.Effect<void, string> {
    return Effect.suspend(() => {
      const key = keyOf(partition)
      const generation = this.generations.get(key)!
      const all = this.running.get(key) ?? new Set()
      this.running.set(key, all)
      const mine = offsets.map((offset): Running => ({ offset, lane: this.laneOf(offset), generation }))
      for (const running of mine) {
        const parallel = this.kind === "keys" || this.kind === "unordered"
        for (const other of all) {
          if (other.generation !== generation) this.violate(`two owners of ${key} at ${running.offset}`)
          if (!parallel || other.lane === running.lane) {
            this.violate(`${key}: ${other.offset} and ${running.offset} at once`)
          }
        }
        const last = generation.lastStarted.get(running.lane) ?? -1
        if (running.offset <= last) this.violate(`${key}: ${running.offset} started after ${last}`)
        generation.lastStarted.set(running.lane, running.offset)
      }
      for (const running of mine) all.add(running)
      const { kind, millis } = this.behaviour(partition, offsets[0] ?? 0)
      const body: Effect.Effect<void, string> = kind === "yields"
        ? Effect.yieldNow
        : kind === "sleeps"
        ? Effect.sleep(millis)
        : kind === "hard"
        ? Effect.uninterruptible(Effect.sleep(8_000))
        : kind === "fails"
        ? Effect.fail("failed")
        : kind === "dies"
        ? Effect.die("died")
        : Effect.void
      return Effect.onExit(body, (exit) =>
        Effect.sync(() => {
          for (const running of mine) {
            all.delete(running)
            if (Exit.isSuccess(exit)) generation.done.add(running.offset)
          }
        }))
    })
  }

  private handler() {
    const record = (raw: { readonly topic: string; readonly partition: number; readonly offset: number }) =>
      this.work({ topic: raw.topic, partition: raw.partition }, [raw.offset])
    switch (this.kind) {
      case "partition":
        return Topic.handle(Records, record)
      case "keys":
        return Topic.handle(Records, record, { concurrency: { keys: lanesOf } })
      case "unordered":
        return Topic.handle(Records, record, { concurrency: { unordered: lanesOf } })
      case "batch":
        return Topic.handleBatch(Records, (records) => this.work(records[0]!, records.map(({ offset }) => offset)), {
          maxSize: 6,
          maxWait: 50
        })
      case "owned":
        return Topic.handleOwned(Records, ({ next, partition, records, topic }) =>
          Effect.andThen(
            this.work({ topic, partition }, records.map(({ offset }) => offset)),
            Effect.sync(() => {
              const position = { topic, partition, offset: next }
              this.checkPosition(position, Number.POSITIVE_INFINITY)
              this.own.set(keyOf(position), position)
            })
          ), {
          maxSize: 6,
          startOffsets: (asked) => Effect.as(Effect.sleep(10), asked.flatMap((one) => this.own.get(keyOf(one)) ?? []))
        })
    }
  }

  private readonly policy = OnFailure.make((failure) =>
    Effect.sync((): OnFailure.Decision => {
      const { record, records } = failure
      if (this.behaviour(record, record.offset).stops) return { _tag: "Stop" }
      const generation = this.generations.get(keyOf(record))!
      for (const { offset } of records) generation.done.add(offset)
      return { _tag: "Skip" }
    })
  )

  // What must hold.

  private begin(partition: TopicPartition, offset: number): void {
    this.generations.set(keyOf(partition), { start: offset, done: new Set(), lastStarted: new Map() })
  }

  private checkPosition(position: Position, delivered: number): void {
    const generation = this.generations.get(keyOf(position))
    if (generation === undefined) return this.violate(`${keyOf(position)} has a position, but was never assigned`)
    if (position.offset > Math.max(delivered, generation.start)) {
      this.violate(`${keyOf(position)}: ${position.offset} is behind what was handed out (${delivered})`)
    }
    for (const { offset } of this.script.log(position)) {
      if (offset >= generation.start && offset < position.offset && !generation.done.has(offset)) {
        return this.violate(`${keyOf(position)}: position ${position.offset} is past ${offset}, which is not done`)
      }
    }
  }

  /** Nothing that is done, and not behind something undone, is handled again after an orderly end. */
  private checkCommitted(partition: TopicPartition, committed: number | undefined, when: string): void {
    const generation = this.generations.get(keyOf(partition))
    if (generation === undefined || !this.script.isAssigned(partition) || this.storesRefused) return
    let finished: number | undefined
    const batches = this.kind === "batch" || this.kind === "owned"
    for (const { offset } of this.script.log(partition)) {
      if (offset < generation.start) continue
      if (!generation.done.has(offset)) break
      // What a batch skipped is committed with the batch, and judged again when it never came to that.
      if (!batches || !this.behaviour(partition, offset).poison) finished = offset
    }
    if (finished !== undefined && (committed === undefined || committed <= finished)) {
      this.violate(`${keyOf(partition)} ${when} at ${committed}, although ${finished} is done`)
    }
  }

  private checkBuffer(): void {
    const { assignment } = this.run!.loop
    let records = 0
    let bytes = 0
    for (const state of assignment) {
      if (state.bufferedRecords < 0 || state.bufferedBytes < 0) this.violate(`${keyOf(state)}: a buffer below zero`)
      records += state.bufferedRecords
      bytes += state.bufferedBytes
    }
    if (records !== assignment.bufferedRecords || bytes !== assignment.bufferedBytes) {
      this.violate(
        `buffers of ${records} records, ${bytes} bytes count as ${assignment.bufferedRecords}, ${assignment.bufferedBytes}`
      )
    }
    if (records > this.bufferRecords) this.violate(`${records} records are buffered, above ${this.bufferRecords}`)
  }

  private judgeEnd(exit: Exit.Exit<void, unknown>, stopTook: number): void {
    const { assignment } = this.run!.loop
    if (this.script.isOpen) this.violate("the client was not closed")
    if (this.script.answersDue > 0) this.violate(`${this.script.answersDue} rebalances were never answered`)
    if (assignment.size + assignment.bufferedRecords + assignment.bufferedBytes !== 0) {
      this.violate("something of the assignment is left")
    }
    if (Exit.isFailure(exit)) {
      const error = Cause.findErrorOption(exit.cause)
      const tag = error._tag === "None" ? "a defect" : (error.value as { readonly _tag: string })._tag
      if (!(tag === "HandlerFailed" ? !this.holds : this.mayFail && tag === "KafkaError")) {
        this.violate(`the run ended with ${Cause.pretty(exit.cause)}`)
      }
    }
    if (this.mayFail || stopTook >= drainTimeout) return
    for (const partition of partitions) {
      this.checkCommitted(partition, this.script.committed.get(keyOf(partition))?.offset, "left")
    }
  }

  private note(what: string): void {
    this.schedule.push(`${this.now} ms: ${what}`)
  }

  private violate(what: string): void {
    this.violations.push(`${this.now} ms: ${what}`)
  }
}
