/** Discards dead letters: a redrive without a filter no longer sees them, and they may be deleted. */
import * as Effect from "effect/Effect"
import type { Discarded, DiscardOptions } from "../../DeadLetter.ts"
import type { Position } from "../../engine/KafkaEngine.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import { format } from "../../TopicPartition.ts"
import { byPartition } from "../reading/scan.ts"
import { type AnyConsumer, offsetsOf, pilesOf } from "./places.ts"
import { redriveGroupOf } from "./selecting/filter.ts"
import { discardProblem } from "./selecting/options.ts"

const positionsOf = (parts: ReadonlyArray<Discarded>): ReadonlyArray<Position> =>
  parts.map(({ partition, to, topic }) => ({ topic, partition, offset: to }))

/**
 * Commits offsets past dead letters for the redrive group, and deletes them with `deleteRecords`. Returns what was, or
 * with `dryRun` would be, discarded.
 */
export const discard = Effect.fnUntraced(function*(
  consumer: AnyConsumer,
  options: DiscardOptions
): Effect.fn.Return<ReadonlyArray<Discarded>, KafkaError, KafkaEngine.Service> {
  const problem = discardProblem(options)
  if (problem !== undefined) return yield* problem
  const { before = Infinity, deleteRecords = false, dryRun = false, parked, partition, topic } = options
  if (before !== Infinity && partition === undefined) {
    return yield* invalidSetting("before", "an offset means nothing without its partition; name the partition as well")
  }
  const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
  const piles = yield* pilesOf(consumer, admin, { topic, partition, parked })
  const [first] = piles
  if (topic !== undefined && first !== undefined && first.places.length > 1) {
    return yield* invalidSetting(
      "topic",
      `dead letters of ${first.places.map(({ source }) => source).join(", ")} share "${first.topic}", and what is `
        + "passed there is passed for all of them; leave the topic out to discard them all, or park those of one"
    )
  }
  const topics = piles.map((pile) => pile.topic)
  const sizes = first?.places[0].sizes ?? new Map<string, number>()
  const group = redriveGroupOf(consumer.group, {})
  const committed = byPartition(yield* admin.groupOffsets(group))
  const ends = byPartition(yield* offsetsOf(admin, sizes, topics, "latest"))
  const parts = (yield* offsetsOf(admin, sizes, topics, "earliest"))
    .filter((begin) => partition === undefined || begin.partition === partition)
    .map((begin): Discarded => ({
      topic: begin.topic,
      partition: begin.partition,
      // Records before the committed offset are discarded already, but may still have to be deleted.
      from: deleteRecords ? begin.offset : Math.max(begin.offset, committed.get(format(begin)) ?? 0),
      to: Math.min(before, ends.get(format(begin))!)
    }))
    .filter(({ from, to }) => from < to)
  if (dryRun || parts.length === 0) return parts
  // Never backwards: a committed offset stays where it is.
  const forward = positionsOf(parts).filter((to) => to.offset > (committed.get(format(to)) ?? -1))
  if (forward.length > 0) yield* admin.alterGroupOffsets(group, forward)
  if (deleteRecords) yield* admin.deleteRecords(positionsOf(parts))
  return parts
})
