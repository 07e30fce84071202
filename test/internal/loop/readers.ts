/** Readers of record streams: what they do with their records is drawn from the seed, and told to the reference. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Codec, Consumer, Topic } from "millrace"
import type { Settings } from "../../../src/ConsumerSettings.ts"
import type { TopicPartition } from "../../../src/engine/KafkaEngine.ts"
import type { Assignment } from "../../../src/internal/partition/assignment.ts"
import { CurrentPartition } from "../../../src/internal/partition/currentPartition.ts"
import { format } from "../../../src/TopicPartition.ts"
import type { Script } from "../../kit/scriptedEngine.ts"
import { bodyOf } from "./behaviour.ts"
import type { Generation } from "./generation.ts"
import type { StreamKind } from "./kinds.ts"
import { value } from "./kinds.ts"
import { randomOf } from "./random.ts"
import type { Reference } from "./reference.ts"

type Uncommitted = Consumer.Uncommitted<null, string>

/** What a reader received and did not commit. */
interface Received {
  readonly record: Uncommitted
  readonly generation: Generation
}

/** One stream of records, of one partition or of all. */
interface Reader {
  readonly windows: Map<string, Array<Received>>
  /** Of the one partition that it reads, once a record came. */
  source: { readonly partition: TopicPartition; readonly generation: Generation } | undefined
}

/** Owned by one schedule. */
export class Readers {
  /** The consumer's, once a partition was assigned. */
  assignment: Assignment | undefined
  private readonly reference: Reference
  private readonly script: Script
  private readonly kind: StreamKind
  /** How many records are committed together. */
  private readonly window: number
  /** Whether windows are made by the stream, and for how long it waits for one. */
  private readonly grouped: number | undefined
  private readonly open = new Set<Reader>()

  constructor(reference: Reference, script: Script, kind: StreamKind, seed: number) {
    this.reference = reference
    this.script = script
    this.kind = kind
    const random = randomOf(seed + 0.75)
    this.window = random.pick([1, 1, 2, 5])
    this.grouped = kind === "records" ? undefined : random.pick([undefined, undefined, 50, 3_600_000])
  }

  get title(): string {
    const how = this.grouped === undefined ? "" : ` or after ${this.grouped} ms`
    return `${this.kind} committed after ${this.window}${how}`
  }

  /** Reads until it is interrupted. Fails with what it was not meant to fail with. */
  consumer(settings: Settings) {
    const noted = Effect.map(CurrentPartition, (current) => {
      this.assignment ??= current?.assignment
    })
    const source = Topic.make("t", {
      key: Codec.none,
      value: { ...value, decoder: (site) => Effect.andThen(noted, value.decoder(site)) }
    })
    switch (this.kind) {
      case "records":
        return this.meant(this.read(Consumer.records("g", source, settings)))
      case "partitioned":
        return this.meant(
          Consumer.partitioned("g", source, settings).pipe(
            Stream.mapEffect(([, records]) => Effect.catchTag(this.read(records), "Poison", () => Effect.void), {
              concurrency: "unbounded"
            }),
            Stream.runDrain
          )
        )
      case "runPartitions":
        return Effect.tapCause(
          Consumer.runPartitions("g", source, settings, (_, records) => this.read(records)),
          (cause) =>
            Effect.sync(() => {
              const error = Cause.findErrorOption(cause)
              if (error._tag === "Some" && error.value._tag === "HandlerFailed" && !this.reference.broke) {
                this.reference.violate(`a reader failed: ${Cause.pretty(cause)}`)
              }
            })
        )
    }
  }

  /** A reader that has a stream of a partition that is not its member's any more. */
  get stale(): TopicPartition | undefined {
    for (const { source } of this.open) {
      if (source !== undefined && this.reference.generationOf(source.partition) !== source.generation) {
        return source.partition
      }
    }
    return undefined
  }

  private meant<E>(consumer: Effect.Effect<void, E, any>) {
    return Effect.catchCause(consumer, (cause) => this.reference.broke ? Effect.void : Effect.failCause(cause))
  }

  private read<E, R>(records: Stream.Stream<Uncommitted, E, R>): Effect.Effect<void, E | string, R> {
    return Effect.suspend(() => {
      const reader: Reader = { windows: new Map(), source: undefined }
      const { grouped } = this
      // Before the stream is closed, which abandons what was not committed.
      const noting = Stream.tapError(records, () =>
        Effect.sync(() => {
          this.reference.broke = true
        }))
      const until = Stream.takeUntil(noting, ({ record }) => this.endsAt(record))
      const reading = grouped === undefined
        ? Stream.runForEach(until, (record) => this.handle(reader, record))
        : until.pipe(
          Stream.tap((record) => Effect.sync(() => this.pass(reader, record))),
          Stream.groupedWithin(this.window, grouped),
          Stream.runForEach((group) => this.flush(reader, group[0]!.record, group.length, group[group.length - 1]))
        )
      return Effect.sync(() => this.open.add(reader)).pipe(
        Effect.andThen(reading),
        // At the end of a stream what is left is committed.
        Effect.andThen(Effect.suspend(() => this.flushAll(reader))),
        Effect.ensuring(Effect.sync(() => this.open.delete(reader)))
      )
    })
  }

  private endsAt(record: Uncommitted["record"]): boolean {
    const ends = this.reference.behaviour(record, record.offset).kind === "ends"
    if (ends) {
      this.reference.broke = true
      this.reference.hung.add(format(record))
    }
    return ends
  }

  private receive(reader: Reader, record: Uncommitted): Received {
    const { offset } = record.record
    const key = format(record.record)
    const generation = this.reference.generationOf(record.record)!
    if (offset < generation.start) {
      this.reference.violate(`${key}: ${offset} was handed out, although it begins at ${generation.start}`)
    }
    if (!this.script.isAssigned(record.record) && this.script.answersDue === 0) {
      this.reference.violate(`${key}: ${offset} was handed out, although it is not assigned`)
    }
    if (this.kind !== "records") {
      reader.source ??= { partition: record.record, generation }
      if (reader.source.generation !== generation) {
        this.reference.violate(`${key}: ${offset} came from the stream of an earlier assignment`)
      }
    }
    generation.received.add(offset)
    const received: Received = { record, generation }
    const window = reader.windows.get(key)
    if (window === undefined) reader.windows.set(key, [received])
    else window.push(received)
    return received
  }

  private pass(reader: Reader, record: Uncommitted): void {
    const mine = this.reference.begins(record.record, [record.record.offset])
    this.receive(reader, record)
    this.reference.ends(record.record, mine, false)
  }

  private handle(reader: Reader, record: Uncommitted): Effect.Effect<void, string> {
    return Effect.suspend(() => {
      const partition = record.record
      const mine = this.reference.begins(partition, [partition.offset])
      this.receive(reader, record)
      const isFull = () => (reader.windows.get(format(partition))?.length ?? 0) >= this.window
      const flushed = Effect.suspend(() => isFull() ? this.flush(reader, partition, this.window) : Effect.void)
      return this.work(partition).pipe(
        Effect.andThen(flushed),
        Effect.onExit(() => Effect.sync(() => this.reference.ends(partition, mine, false)))
      )
    })
  }

  /** Fails as drawn, or tries again. */
  private work(record: Uncommitted["record"]): Effect.Effect<void, string> {
    const behaviour = this.reference.behaviour(record, record.offset)
    const body = bodyOf(behaviour, () => this.reference.hung.add(format(record)))
    return Effect.catchCause(body, (cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
      if (!behaviour.stops) return Effect.sleep(behaviour.delay)
      this.reference.broke = true
      return Effect.failCause(cause)
    })
  }

  private flushAll(reader: Reader): Effect.Effect<void, any> {
    return Effect.forEach(
      [...reader.windows.values()],
      (window) => window.length === 0 ? Effect.void : this.flush(reader, window[0]!.record.record, window.length),
      { discard: true }
    )
  }

  /** Commits the first of what was received of a partition. */
  private flush(
    reader: Reader,
    partition: TopicPartition,
    count: number,
    expected?: Uncommitted
  ): Effect.Effect<void, any> {
    return Effect.suspend(() => {
      const group = reader.windows.get(format(partition))!.splice(0, count)
      const last = group[group.length - 1]!
      if (expected !== undefined && last.record !== expected) {
        this.reference.violate(`${format(partition)}: a window ends at another record than those received`)
      }
      // What was kept from an earlier assignment is read again.
      const offsets = group.filter(({ generation }) => generation === last.generation)
        .map(({ record }) => record.record.offset)
      for (const offset of offsets) last.generation.said.add(offset)
      return Effect.matchCauseEffect(last.record.commit, {
        onFailure: (cause) => {
          this.refused(partition, last, offsets)
          // The worker of the partition knows itself that its reader is not at fault.
          return this.kind === "runPartitions" ? Effect.failCause(cause) : Effect.void
        },
        onSuccess: () => Effect.sync(() => this.committed(partition, last, offsets))
      })
    })
  }

  private committed(partition: TopicPartition, { generation }: Received, offsets: ReadonlyArray<number>): void {
    const { reference, script } = this
    for (const offset of offsets) reference.isDone(generation, offset, partition)
    const isGone = !script.isOpen || script.answersDue === 0 && !script.isAssigned(partition)
    if (isGone || reference.generationOf(partition) !== generation) {
      reference.violate(`${format(partition)}: ${offsets.join(" ")} was committed after the partition had left`)
    }
    reference.moved(partition)
  }

  private refused(partition: TopicPartition, { generation }: Received, offsets: ReadonlyArray<number>): void {
    for (const offset of offsets) generation.said.delete(offset)
    const { reference, script } = this
    const isOwn = script.isOpen && script.answersDue === 0 && script.isAssigned(partition)
    if (isOwn && !reference.stopping && !this.reference.broke && reference.generationOf(partition) === generation) {
      reference.violate(`${format(partition)}: ${offsets.join(" ")} was not committed, although it is assigned`)
    }
  }
}
