/**
 * Commits with a true acknowledgement: librdkafka answers them through one callback for all, its own timer's included.
 */
import * as Effect from "effect/Effect"
import type { KafkaError } from "../../KafkaError.ts"
import type { ClientEvent, Position, TopicPartition } from "../KafkaEngine.ts"
import type { NativeConsumer, NativeError, NativePosition } from "./native.ts"

/** Librdkafka's way to say that there was nothing to commit. */
const noOffset = -168

interface Waiter {
  readonly positions: ReadonlyArray<Position>
  readonly settle: (error: KafkaError | undefined) => void
}

const covers = (answer: ReadonlyArray<NativePosition>, wanted: ReadonlyArray<Position>): boolean =>
  wanted.every((position) =>
    answer.some((one) =>
      one.topic === position.topic && one.partition === position.partition && one.offset === position.offset
    )
  )

/** Native positions with a real offset; the logical ones (none, invalid) are left out. */
export const toPositions = (answer: ReadonlyArray<NativePosition>): Array<Position> =>
  answer.flatMap(({ metadata, offset, partition, topic }) =>
    offset === undefined || offset < 0
      ? []
      : [
        metadata === undefined || metadata === null
          ? { topic, partition, offset }
          : { topic, partition, offset, metadata }
      ]
  )

/** The commits of one consumer that wait for their answer. */
export class Commits {
  private readonly waiters = new Set<Waiter>()
  private readonly toError: (error: NativeError) => KafkaError
  private readonly onEvent: (event: ClientEvent) => void

  constructor(toError: (error: NativeError) => KafkaError, onEvent: (event: ClientEvent) => void) {
    this.toError = toError
    this.onEvent = onEvent
  }

  get waiting(): boolean {
    return this.waiters.size > 0
  }

  /** The client's `offset_commit_cb`. */
  readonly onAnswer = (error: NativeError | null | undefined, answer: ReadonlyArray<NativePosition>): void => {
    const positions = toPositions(answer)
    const failed = error !== null && error !== undefined && error.code !== noOffset
    const typed = failed ? this.toError(error) : undefined
    for (const waiter of [...this.waiters]) {
      if (covers(answer, waiter.positions)) waiter.settle(typed)
    }
    if (typed !== undefined) this.onEvent({ _tag: "CommitFailed", positions, error: typed })
    else if (positions.length > 0) this.onEvent({ _tag: "Committed", positions })
  }

  /** Commits and waits for the broker's word. */
  commit(consumer: NativeConsumer, positions: ReadonlyArray<Position>): Effect.Effect<void, KafkaError> {
    return Effect.callback<void, KafkaError>((resume) => {
      const waiter: Waiter = {
        positions,
        settle: (error) => {
          this.waiters.delete(waiter)
          resume(error === undefined ? Effect.void : Effect.fail(error))
        }
      }
      this.waiters.add(waiter)
      try {
        consumer.commit(positions.map(toNative))
      } catch (error) {
        waiter.settle(this.toError(error as NativeError))
      }
      return Effect.sync(() => this.waiters.delete(waiter))
    })
  }
}

/** A position without the fields that are not there: the binding reads `undefined` as a value. */
export const toNative = (position: Position): NativePosition => ({
  topic: position.topic,
  partition: position.partition,
  offset: position.offset,
  ...(position.leaderEpoch === undefined || position.leaderEpoch < 0 ? {} : { leaderEpoch: position.leaderEpoch }),
  ...(position.metadata === undefined ? {} : { metadata: position.metadata })
})

/** Only topic and partition, also of objects that carry more. */
export const toPartition = ({ partition, topic }: TopicPartition): TopicPartition => ({ topic, partition })
