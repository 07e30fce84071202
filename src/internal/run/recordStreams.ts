/** Record streams: consumers whose records go to a reader outside, which commits them itself. */
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Settings } from "../../ConsumerSettings.ts"
import type * as KafkaEngine from "../../engine/KafkaEngine.ts"
import type { TopicPartition } from "../../engine/KafkaEngine.ts"
import * as Handler from "../../Handler.ts"
import type { HandlerFailed } from "../../HandlerFailed.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as OnFailure from "../../OnFailure.ts"
import type { Poison } from "../../Poison.ts"
import type { AnySource } from "../../Source.ts"
import type { Next, Reading, Uncommitted } from "../partition/reading.ts"
import * as Plan from "../plan/plan.ts"
import { effectOf } from "../shared/effectOf.ts"
import * as Signal from "../shared/signal.ts"
import * as HealthCell from "../telemetry/healthCell.ts"
import { Pace } from "./pace.ts"
import * as Runtime from "./runtime.ts"

/** What is read, and how. */
export interface Target {
  readonly group: string
  readonly source: Pick<AnySource, "match" | "codecs">
  readonly settings: Settings
}

/** A partition and its records, from assignment to revoke. */
export type Partition = readonly [TopicPartition, Stream.Stream<Uncommitted, Poison>]

type Records<E> = Pull.Pull<Arr.NonEmptyReadonlyArray<Uncommitted>, E>

const planOf = ({ group, settings, source }: Target, read: Handler.StreamCall<any>["read"]) =>
  Plan.make({
    group,
    settings,
    onFailure: OnFailure.stop,
    handlers: [Handler.fromCall(source, { _tag: "Stream", read }, undefined)]
  })

/** An element for each record: the reader has no more in hand than it works on, should it lose the partition. */
const single = { size: 1, handed: () => {}, asked: () => {} }

/** The records of one partition. `sleep` ends when there may be more. */
const streamOf = (
  reader: Reading,
  sleep: Effect.Effect<void>,
  pace: Pick<Pace, "asked" | "handed" | "size">
): Stream.Stream<Uncommitted, Poison> => {
  const given = (next: Next, now: number): Records<Poison> => {
    if (next === "over") return Cause.done()
    if (next === "nothing") return Effect.andThen(sleep, pull)
    if (Effect.isEffect(next)) return Effect.flatMap(next, (next) => given(next, now))
    pace.handed(now)
    return Effect.succeed(next)
  }
  const pull: Records<Poison> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    pace.asked(now)
    return given(reader.next(pace.size), now)
  })
  const opened = Effect.acquireRelease(reader.open, () => Effect.sync(reader.close))
  return Stream.unwrap(Effect.as(opened, Stream.fromPull(Effect.succeed(pull))))
}

/** Everything that is read for one stream. */
class Readers {
  private readonly readers = new Set<Reading>()
  private closed = false

  /** Reads a partition until it is given up. */
  read(reader: Reading): Effect.Effect<void> {
    if (this.closed) reader.abandon()
    this.readers.add(reader)
    // Until then it can still be abandoned.
    const returned = Effect.andThen(reader.returned, Effect.sync(() => this.readers.delete(reader)))
    return Effect.ensuring(reader.given, returned)
  }

  /** Nobody reads any more. */
  close(): void {
    this.closed = true
    for (const reader of this.readers) reader.abandon()
  }
}

/** Starts the consumer of a stream in the current scope; `ended` is called when no partition comes any more. */
const start = Effect.fnUntraced(function*(
  target: Target,
  accept: (reader: Reading) => void,
  ended: (exit: Exit.Exit<void, KafkaError>) => void
): Effect.fn.Return<void, KafkaError, Scope.Scope | KafkaEngine.Service> {
  const health = yield* HealthCell.register(target.group)
  const readers = new Readers()
  const plan = yield* planOf(target, (reader) => {
    reader.isOutside = true
    accept(reader)
    return readers.read(reader)
  })
  const atEnd = () => ended(Exit.void)
  const run = yield* Runtime.startScoped(plan, { holds: true, health, emit: undefined, atEnd })
  // Runs before the stop of the run: no partition must wait for a reader that is gone.
  yield* Effect.addFinalizer(() => Effect.sync(() => readers.close()))
  // No policy stops the run: what a reader fails with is the stream's own error.
  const over = Effect.catchTag(run.await, "HandlerFailed", Effect.die)
  yield* Effect.forkScoped(Effect.onExit(over, (exit) => Effect.sync(() => ended(exit))))
})

/** The partitions as they are assigned. `R` is what the codecs need; the plan takes it from the fiber. */
export const partitioned = Effect.fnUntraced(function*<R>(
  target: Target
): Effect.fn.Return<Stream.Stream<Partition, KafkaError>, KafkaError, R | Scope.Scope | KafkaEngine.Service> {
  const queue = yield* Queue.unbounded<Partition, KafkaError | Cause.Done>()
  const makeSignal = yield* Signal.maker
  const accept = (reader: Reading) => {
    const signal = makeSignal()
    reader.wake = () => signal.raise()
    const { partition, topic } = reader
    Queue.offerUnsafe(queue, [{ topic, partition }, streamOf(reader, signal.wait, single)])
  }
  yield* start(target, accept, (exit) => {
    if (Exit.isSuccess(exit)) Queue.endUnsafe(queue)
    else Queue.failCauseUnsafe(queue, exit.cause)
  })
  return Stream.fromQueue(queue)
})

/** Partitions that are read together: those that may have something, in turns. */
class Merged {
  private readonly signal: Signal.Signal
  private readonly all = new Set<Reading>()
  private readonly ready = new Set<Reading>()
  private exit: Exit.Exit<void, KafkaError> | undefined
  private current: Reading | undefined

  constructor(signal: Signal.Signal) {
    this.signal = signal
  }

  readonly accept = (reader: Reading): void => {
    reader.wake = () => {
      this.ready.add(reader)
      this.signal.raise()
    }
    this.all.add(reader)
    reader.attend()
    reader.wake()
  }

  readonly end = (exit: Exit.Exit<void, KafkaError>): void => {
    if (this.exit === undefined || Exit.isFailure(exit)) this.exit = exit
    this.signal.raise()
  }

  readonly pull: Records<KafkaError | Poison> = Effect.suspend(() => {
    this.current?.leave()
    this.current = undefined
    if (this.exit !== undefined && Exit.isFailure(this.exit)) return Effect.failCause(this.exit.cause)
    for (const reader of this.ready) {
      const pulled = this.given(reader, reader.next(1))
      if (pulled !== undefined) return pulled
    }
    return this.exit !== undefined && this.all.size === 0 ? Cause.done() : Effect.andThen(this.signal.wait, this.pull)
  })

  private given(reader: Reading, next: Next): Records<KafkaError | Poison> | undefined {
    if (next === "over" || next === "nothing") {
      this.ready.delete(reader)
      if (next === "over") this.all.delete(reader)
      return undefined
    }
    if (Effect.isEffect(next)) return Effect.flatMap(next, (next) => this.given(reader, next) ?? this.pull)
    // To the end of the turn.
    this.ready.delete(reader)
    this.ready.add(reader)
    reader.enter()
    this.current = reader
    return Effect.succeed(next)
  }
}

/** The records of all partitions of this member. */
export const records = Effect.fnUntraced(function*<R>(
  target: Target
): Effect.fn.Return<
  Stream.Stream<Uncommitted, KafkaError | Poison>,
  KafkaError,
  R | Scope.Scope | KafkaEngine.Service
> {
  const merged = new Merged(yield* Signal.make)
  yield* start(target, merged.accept, merged.end)
  return Stream.fromPull(Effect.succeed(merged.pull))
})

/** Runs a reader for each partition, from its assignment to its end. */
export const runPartitions = <E, R>(
  target: Target,
  run: (partition: TopicPartition, records: Stream.Stream<Uncommitted, Poison>) => Effect.Effect<unknown, E, R>
): Effect.Effect<void, KafkaError | HandlerFailed<E>, R | KafkaEngine.Service> =>
  Effect.scoped(Effect.gen(function*() {
    const health = yield* HealthCell.register(target.group)
    const plan = yield* planOf(target, (reader) => {
      const { partition, topic } = reader
      const records = streamOf(reader, reader.sleep, new Pace())
      return Effect.suspend(() => effectOf(run({ topic, partition }, records), "the reader"))
    })
    const { await: ended } = yield* Runtime.startScoped(plan, { holds: false, health, emit: undefined })
    return yield* ended
  }))
