/** Where partitions begin when there is no usable offset: librdkafka decides it and hardly tells. */
import * as Effect from "effect/Effect"
import type * as KafkaConfig from "../../../KafkaConfig.ts"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import { format } from "../../../TopicPartition.ts"
import type { ClientEvent, Position, TopicPartition } from "../../KafkaEngine.ts"
import type { Context } from "../shared/errors.ts"
import { fromNative } from "../shared/errors.ts"
import type { NativeConsumer, NativeError, NativePosition } from "../shared/native.ts"
import * as NativeCalls from "../shared/nativeCalls.ts"
import { toPartition, toPositions } from "./commits.ts"

/** How long the question for committed offsets may occupy a thread, in milliseconds. */
const lookUpTimeoutMs = 5_000

const resetLine = /(\S+) \[(\d+)\]: offset reset \(at (.*), broker -?\d+\) to (.*)$/

interface LogEntry {
  readonly fac: string
  readonly message: string
}

const placeIn = ({ fac, message }: LogEntry) => {
  const found = fac === "OFFSET" ? resetLine.exec(message) : null
  if (found === null) return undefined
  const [, topic, partition, position, rest] = found
  return { topic: topic!, partition: Number(partition), position: position!, rest: rest! }
}

const isOutOfRange = (text: string): boolean => /out of range|truncat/i.test(text)

/** The event that a line of the client's log tells of, if it does. Only resets caused by an error are logged. */
export const resetIn = (entry: LogEntry): Extract<ClientEvent, { readonly _tag: "OffsetReset" }> | undefined => {
  const place = placeIn(entry)
  if (place === undefined) return undefined
  const { partition, position, rest, topic } = place
  const problem = `${position} was replaced by ${rest}`
  return { _tag: "OffsetReset", topic, partition, outOfRange: isOutOfRange(rest), problem }
}

/** Why a partition is not read on under offsetReset "none", if a line of the client's log tells it. */
export const endIn = (
  entry: LogEntry,
  { group, ...context }: Context & { readonly group: string }
): KafkaError | undefined => {
  const place = placeIn(entry)
  if (place === undefined) return undefined
  const { partition, position, rest, topic } = place
  if (isOutOfRange(rest)) {
    const offset = /^offset (\d+)/.exec(position)?.[1]
    const known = offset === undefined ? {} : { offset: Number(offset) }
    return Errors.make(context.operation, new Errors.OffsetOutOfRange({ topic, partition, ...known }))
  }
  if (/no offset stored/i.test(rest)) {
    return Errors.make(context.operation, new Errors.NoOffset({ group, topic, partition }))
  }
  return fromNative({ message: rest }, { ...context, group, topic, partition })
}

/** What the watcher needs of its consumer. */
export interface ResetOptions {
  readonly consumer: NativeConsumer
  readonly group: string
  readonly offsetReset: KafkaConfig.OffsetReset
  readonly assigned: { readonly has: (topic: string, partition: number) => boolean } & Iterable<TopicPartition>
  readonly context: Context
  readonly onEvent: (event: ClientEvent) => void
}

/** Tells the owner of a consumer about partitions that do not begin where the group left off. */
export class Resets {
  private readonly options: ResetOptions

  private failed = false

  constructor(options: ResetOptions) {
    this.options = options
    options.consumer.on("event.log", options.offsetReset === "none" ? this.onLogOfStrict : this.onLog)
  }

  private readonly onLog = (entry: LogEntry): void => {
    const reset = resetIn(entry)
    if (reset !== undefined) this.options.onEvent(reset)
  }

  /** The error that comes as well names no partition, and the binding drops it when it is behind fetched records. */
  private readonly onLogOfStrict = (entry: LogEntry): void => {
    const { context, group } = this.options
    const error = endIn(entry, { ...context, group })
    if (error !== undefined) this.fail(error)
  }

  /**
   * Chooses where partitions begin that have no committed offset, and no start of their owner's; the client would do it
   * by itself, and not say where. What cannot be found out in time is left to the client.
   */
  choose(
    partitions: ReadonlyArray<TopicPartition>,
    starts: ReadonlyArray<Position>
  ): Effect.Effect<ReadonlyArray<Position>> {
    const started = new Set(starts.map(format))
    const open = partitions.filter((partition) => !started.has(format(partition)))
    if (open.length === 0) return Effect.succeed([])
    return Effect.flatMap(this.without(open), (without) => {
      if (without.length === 0) return Effect.succeed([])
      const { group, offsetReset } = this.options
      if (offsetReset !== "none") return this.ends(without, offsetReset)
      return Effect.sync(() => {
        this.failWith(new Errors.NoOffset({ group, ...without[0]! }))
        return []
      })
    })
  }

  /** The partitions that have no committed offset. An error in the place of a position has no topic. */
  private without(partitions: ReadonlyArray<TopicPartition>): Effect.Effect<ReadonlyArray<TopicPartition>> {
    return Effect.callback((resume) => {
      const done = NativeCalls.counted(
        (error: NativeError | null | undefined, committed: ReadonlyArray<NativePosition>) => {
          const known = error === null || error === undefined ? committed : []
          const without = known.filter(({ offset = -1, topic }) => offset < 0 && topic !== undefined)
          resume(Effect.succeed(without.map(toPartition)))
        }
      )
      this.options.consumer.committed(partitions.map(toPartition), lookUpTimeoutMs, done)
    })
  }

  private ends(
    partitions: ReadonlyArray<TopicPartition>,
    offsetReset: "earliest" | "latest"
  ): Effect.Effect<ReadonlyArray<Position>> {
    const { consumer, group, onEvent } = this.options
    const end = offsetReset === "earliest" ? -2 : -1
    return Effect.callback((resume) => {
      const asked = partitions.map((one) => ({ ...one, offset: end }))
      const done = NativeCalls.counted(
        (error: NativeError | null | undefined, found: ReadonlyArray<NativePosition>) => {
          const positions = error === null || error === undefined ? toPositions(found) : []
          for (const { partition, topic } of partitions) {
            const position = positions.find((one) => one.topic === topic && one.partition === partition)
            const where = `going on from the ${offsetReset} offset${
              position === undefined ? "" : ` ${position.offset}`
            }`
            const problem = `group "${group}" has no committed offset; ${where}`
            onEvent({ _tag: "OffsetReset", topic, partition, outOfRange: false, problem })
          }
          resume(Effect.succeed(positions))
        }
      )
      consumer.offsetsForTimes(asked, lookUpTimeoutMs, done)
    })
  }

  /** The client found no offset to go on from, and does not say of which partition; the committed offsets tell. */
  onNoReset(error: NativeError): void {
    const { assigned, consumer, context, group } = this.options
    const partitions = [...assigned]
    const unknown = { topic: partitions[0]?.topic ?? "?", partition: partitions[0]?.partition ?? -1 }
    consumer.committed(partitions, lookUpTimeoutMs, (failure, committed) => {
      if (failure !== null && failure !== undefined) {
        return this.fail(fromNative(failure, { ...context, ...unknown }))
      }
      const without = committed.find(({ offset = -1, topic }) => topic !== undefined && offset < 0)
      if (without !== undefined) return this.failWith(new Errors.NoOffset({ group, ...toPartition(without) }), error)
      const outside = committed.find((position) => this.isOutside(position))
      const place = outside === undefined ? unknown : { ...toPartition(outside), offset: outside.offset }
      this.failWith(new Errors.OffsetOutOfRange(place), error)
    })
  }

  private isOutside({ offset = 0, partition, topic }: NativePosition): boolean {
    try {
      const { highOffset, lowOffset } = this.options.consumer.getWatermarkOffsets(topic, partition)
      return offset < lowOffset || offset > highOffset
    } catch {
      return false
    }
  }

  private failWith(reason: Errors.Reason, cause?: unknown): void {
    this.fail(Errors.make("consume", reason, cause))
  }

  /** The client says it twice, and of each partition. */
  private fail(error: KafkaError): void {
    if (this.failed) return
    this.failed = true
    this.options.onEvent({ _tag: "Failed", error })
  }
}
