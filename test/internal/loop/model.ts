/** Random schedules of everything that can happen to a consumer, played against the reference. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { ConsumerControl, Health } from "millrace"
import type { TopicPartition } from "../../../src/engine/KafkaEngine.ts"
import type * as Handler from "../../../src/Handler.ts"
import type { Assignment } from "../../../src/internal/partition/assignment.ts"
import * as Plan from "../../../src/internal/plan/plan.ts"
import * as Runtime from "../../../src/internal/run/runtime.ts"
import { HealthCell } from "../../../src/internal/telemetry/healthCell.ts"
import { format } from "../../../src/TopicPartition.ts"
import { Script } from "../../kit/scriptedEngine.ts"
import { fakeRouting } from "../fakeRouting.ts"
import type { HandlerKind, Kind } from "./kinds.ts"
import { isStream } from "./kinds.ts"
import type { Random } from "./random.ts"
import { randomOf } from "./random.ts"
import { Readers } from "./readers.ts"
import { drainTimeout, largest, Reference } from "./reference.ts"

const graceAndTicks = 2_000
const chunkRecords = 4
const longest = 8_000
const encoder = new TextEncoder()
const poisoned = new Uint8Array([0xff, 0xfe])
const partitions: ReadonlyArray<TopicPartition> = [0, 1, 2].map((partition) => ({ topic: "t", partition }))

/** A consumer that runs. */
interface Started {
  readonly await: Effect.Effect<void, unknown>
  readonly stop: Effect.Effect<void>
  readonly health: () => Pick<Health.ConsumerHealth, "healthy" | "held">
}

const gone = () => ({ healthy: false, held: [] })

/** One by one, since the member may not have all of them. */
const resumeAll = ({ resume }: ConsumerControl.ConsumerControl) =>
  Effect.forEach(partitions, (partition) => Effect.ignore(resume([partition])), {
    concurrency: "unbounded",
    discard: true
  })

/** One schedule: what happens is drawn from the seed, so that the same seed makes the same schedule. */
export class Model {
  readonly schedule: Array<string> = []
  private readonly script = new Script()
  private readonly reference: Reference
  private readonly random: Random
  private readonly seed: number
  private readonly kind: Kind
  private readonly holds: boolean
  private readonly bufferRecords: number
  private readonly bufferBytes: number
  private readonly member = new Set<TopicPartition>()
  /** Paused by the user since the last "resume all". */
  private readonly suspended = new Set<TopicPartition>()
  private readonly readerTakes: number | undefined
  private run: Runtime.Run | undefined
  private readonly readers: Readers | undefined

  constructor(seed: number) {
    this.seed = seed
    this.random = randomOf(seed)
    this.kind = this.random.pick([
      "partition",
      "keys",
      "unordered",
      "batch",
      "owned",
      "records",
      "partitioned",
      "runPartitions"
    ])
    this.holds = this.random.chance(0.5)
    this.bufferRecords = this.random.between(chunkRecords, 16)
    this.bufferBytes = this.random.pick([100, 400, 10_000])
    this.readerTakes = this.random.pick([undefined, undefined, 0, 30, 1_500])
    this.script.lateOnPause = this.random.chance(0.5)
    this.script.keepCalls = false
    this.reference = new Reference(
      this.script,
      seed,
      this.kind,
      { records: this.bufferRecords, bytes: this.bufferBytes },
      () => this.assignment
    )
    this.readers = isStream(this.kind) ? new Readers(this.reference, this.script, this.kind, seed) : undefined
  }

  private get assignment(): Assignment | undefined {
    return this.readers === undefined ? this.run!.loop.assignment : this.readers.assignment
  }

  private get title(): string {
    return `${this.readers?.title ?? this.kind}, ${
      this.holds ? "holding" : "failing"
    }, buffer of ${this.bufferRecords} and ${this.bufferBytes} bytes, a reader that takes `
      + `${this.readerTakes ?? "nothing"}`
  }

  /** Runs the schedule; fails with everything that is needed to see it again. */
  readonly check = Effect.suspend(() =>
    Effect.catchCause(this.play(), (cause) => Effect.sync(() => this.reference.violate(Cause.pretty(cause)))).pipe(
      Effect.andThen(Effect.sync(() => {
        const all = [...this.reference.violations, ...this.script.violations]
        if (all.length === 0) return
        throw new Error(
          `${all.slice(0, 5).join("\n")}\nMILLRACE_MODEL_SEED=${this.seed} replays it (${this.title}):\n  `
            + this.schedule.join("\n  ")
        )
      })),
      Effect.provide(this.script.layer),
      Effect.provideService(ConsumerControl.Registry, new Set()),
      Effect.provideService(Health.Registry, new Set())
      // The runtime says that it needs anything: what the handlers need, and here they need nothing.
    ) as Effect.Effect<void>
  )

  private get settings() {
    return {
      offsetReset: "earliest",
      drainTimeout,
      chunkRecords,
      bufferRecords: this.bufferRecords,
      bufferBytes: this.bufferBytes
    } as const
  }

  private readonly startHandlers = Effect.fnUntraced({ self: this as Model }, function*(
    kind: HandlerKind
  ): Effect.fn.Return<Started, unknown, any> {
    const plan = yield* Plan.make({
      group: "g",
      settings: this.settings,
      handlers: [this.reference.handler(kind) as Handler.Handler<any, any>],
      onFailure: this.reference.policy
    })
    const health = new HealthCell("g")
    const { readerTakes } = this
    const emit = readerTakes === undefined ? undefined : () => Effect.sleep(readerTakes)
    const options = { holds: this.holds, health, emit }
    const routing = yield* fakeRouting(
      randomOf(this.seed + 0.5),
      (partition, offset) => this.reference.sent({ topic: "t", partition }, offset)
    )
    const run = yield* Runtime.start(plan, { subscribed: plan, routing, wanted: [] }, options, () => Effect.void)
    this.run = run
    return { await: run.await, stop: run.stop, health: health.read }
  })

  private readonly startReaders = Effect.fnUntraced({ self: this as Model }, function*(
    readers: Readers
  ): Effect.fn.Return<Started, unknown, any> {
    const fiber = yield* Effect.forkDetach(readers.consumer(this.settings))
    const registry = yield* ConsumerControl.Registry
    const healths = yield* Health.Registry
    while (registry.size === 0) yield* Effect.yieldNow
    return {
      await: Fiber.join(fiber),
      stop: Fiber.interrupt(fiber),
      health: () => [...healths][0]?.() ?? gone()
    }
  })

  private readonly play = Effect.fnUntraced({ self: this as Model }, function*() {
    const clock = yield* Effect.clockWith(Effect.succeed)
    const { health, ...run } = isStream(this.kind)
      ? yield* this.startReaders(this.readers!)
      : yield* this.startHandlers(this.kind)
    const ended = { exit: undefined as Exit.Exit<void, unknown> | undefined }
    const watcher = yield* Effect.forkDetach(run.await)
    watcher.addObserver((exit) => {
      ended.exit = exit
    })
    const [control] = [...(yield* ConsumerControl.Registry)]
    const advance = Effect.fnUntraced({ self: this as Model }, function*(millis: number) {
      yield* TestClock.adjust(millis)
      this.reference.now = clock.currentTimeMillisUnsafe()
      if (ended.exit === undefined) this.checkSilence(health)
    })
    const steps = this.random.between(5, 40)
    for (let step = 0; step < steps && ended.exit === undefined && this.reference.violations.length === 0; step++) {
      yield* this.act(control!)
      yield* advance(this.random.chance(0.5) ? 0 : this.random.pick([1, 20, 100, 300, 1_000, 4_000, 7_000, 65_000]))
    }
    if (ended.exit === undefined && this.reference.violations.length === 0 && this.random.chance(0.7)) {
      yield* this.settleDown(control!, advance, () => ended.exit !== undefined, health)
    }
    this.note("stop")
    this.reference.stopping = true
    const stoppedAt = this.reference.now
    const stopping: Fiber.Fiber<void, unknown> = yield* Effect.forkDetach(run.stop)
    // Where the reader is outside, what it does not let be interrupted comes first.
    const most = drainTimeout + graceAndTicks + (this.readers === undefined ? 0 : longest)
    for (let waited = 0; waited < most && stopping.pollUnsafe() === undefined; waited += 100) {
      yield* advance(100)
    }
    yield* advance(0)
    if (ended.exit === undefined) return this.reference.violate("the run did not end within its bound")
    this.judgeEnd(ended.exit, this.reference.now - stoppedAt)
  })

  /** Everything a run is expected to work off when nobody disturbs it any more. */
  private readonly settleDown = Effect.fnUntraced({ self: this as Model }, function*(
    control: ConsumerControl.ConsumerControl,
    advance: (millis: number) => Effect.Effect<void>,
    isOver: () => boolean,
    health: Started["health"]
  ) {
    this.script.refuseStores = 0
    this.script.failing.length = 0
    yield* Effect.forkDetach(resumeAll(control))
    for (let waited = 0; waited < 20_000 && this.script.answersDue > 0; waited += 500) yield* advance(500)
    if (!isOver() && this.script.answersDue > 0) return this.reference.violate("a rebalance is not answered")
    const missing = partitions.filter((partition) => !this.member.has(partition))
    if (missing.length > 0 && !isOver()) this.emit("assign", missing)
    const left = () => {
      const held = new Set(health().held.map(format))
      return partitions.filter((partition) =>
        !this.script.isAssigned(partition)
        || !held.has(format(partition)) && !this.reference.isWorkedOff(partition) && !this.reference.hangs(partition)
      )
    }
    for (let waited = 0; waited < 900_000 && !isOver() && left().length > 0; waited += 500) yield* advance(500)
    if (!isOver() && left().length > 0) {
      this.reference.violate(`never handled: the rest of ${left().map(format).join(", ")}`)
    }
    const { readers } = this
    if (readers === undefined) return
    const stale = () => readers.stale !== undefined && !this.reference.hangs(readers.stale)
    for (let waited = 0; waited < 20_000 && !isOver() && stale(); waited += 500) yield* advance(500)
    if (!isOver() && stale()) this.reference.violate(`a stream of ${format(readers.stale!)} did not end with it`)
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
        this.suspended.add(partition)
        yield* Effect.forkDetach(control.pause([partition]))
        return
      }
      case "resume": {
        this.note("resume all")
        this.suspended.clear()
        for (const one of partitions) this.reference.moved(one)
        yield* Effect.forkDetach(resumeAll(control))
        return
      }
      case "seek": {
        const offset = random.between(0, script.endOffset(partition))
        this.note(`seek ${partition.partition} to ${offset}`)
        this.reference.drains(partition)
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
        this.reference.storesRefused = true
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
        this.reference.mayFail = true
        return script.fail()
      }
      case "stop": {
        this.reference.stopping = true
        yield* Effect.forkDetach(control.stop)
        return this.note("stop by the user")
      }
    }
  })

  /** Where nothing moves for a minute although there is something to do, the health is red. */
  private checkSilence(health: Started["health"]): void {
    if (this.script.answersDue > 0 || !this.script.isOpen) return
    const quiet = this.reference.quiet(partitions.filter((partition) => !this.suspended.has(partition)), 62_000)
    if (quiet.length === 0 || !health().healthy) return
    this.reference.violate(`healthy, and nothing has moved for a minute in ${quiet.map(format).join(", ")}`)
  }

  private produce(partition: TopicPartition): void {
    const { random, script } = this
    let offset = script.endOffset(partition)
    const records = Array.from({ length: random.between(1, 10) }, () => {
      offset += random.chance(0.2) ? random.between(1, 5) : 0
      const { poison } = this.reference.behaviour(partition, offset)
      const bytes = poison ? poisoned : encoder.encode(random.chance(0.05) ? "pending" : "ok")
      return { offset: offset++, value: bytes, size: random.between(1, largest), key: null }
    })
    this.note(`produce ${partition.partition}: ${records.map((record) => record.offset).join(" ")}`)
    script.produce(partition, records)
    this.reference.moved(partition)
  }

  private emit(kind: "assign" | "revoke" | "lost", which: ReadonlyArray<TopicPartition>): void {
    if (which.length === 0 || !this.script.isOpen) return
    this.note(`${kind} ${which.map(({ partition }) => partition).join(" ")}`)
    for (const partition of which) {
      if (kind === "assign") this.member.add(partition)
      else this.member.delete(partition)
    }
    const id = this.script.emit(kind, which)
    if (kind !== "revoke") return
    this.reference.revokedAt.set(id, this.reference.now)
    for (const partition of which) this.reference.drains(partition)
  }

  private judgeEnd(exit: Exit.Exit<void, unknown>, stopTook: number): void {
    const { assignment } = this
    if (this.script.isOpen) this.reference.violate("the client was not closed")
    if (this.script.answersDue > 0) this.reference.violate(`${this.script.answersDue} rebalances were never answered`)
    if (assignment !== undefined && assignment.size + assignment.bufferedRecords + assignment.bufferedBytes !== 0) {
      this.reference.violate("something of the assignment is left")
    }
    if (Exit.isFailure(exit) && !(this.readers !== undefined && Cause.hasInterruptsOnly(exit.cause))) {
      const error = Cause.findErrorOption(exit.cause)
      const tag = error._tag === "None" ? "a defect" : (error.value as { readonly _tag: string })._tag
      const mayFail = this.reference.mayFail ||
        partitions.some((partition) => this.reference.hung.has(format(partition)))
      const mayStop = this.kind === "runPartitions" || this.readers === undefined && !this.holds
      if (!(tag === "HandlerFailed" ? mayStop : mayFail && tag === "KafkaError")) {
        this.reference.violate(`the run ended with ${Cause.pretty(exit.cause)}`)
      }
    }
    if (this.reference.mayFail || stopTook >= drainTimeout) return
    for (const partition of partitions) {
      this.reference.checkCommitted(partition, this.script.committed.get(format(partition))?.offset, "left")
    }
  }

  private note(what: string): void {
    this.schedule.push(`${this.reference.now} ms: ${what}`)
  }
}
