/** Says what a redrive would do, and what it has to leave because there is nowhere to send it. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Plan, Refused } from "../../DeadLetter.ts"
import type * as KafkaEngine from "../../engine/KafkaEngine.ts"
import { invalidSetting, KafkaError } from "../../KafkaError.ts"
import { format } from "../../TopicPartition.ts"
import { byPartition } from "../reading/scan.ts"
import type { AnyConsumer, Pile } from "./places.ts"
import { type Options, prepare, type Prepared } from "./preparing.ts"
import { selected } from "./reading.ts"
import { isFiltering } from "./selecting/filter.ts"

/** How many records wait in a dead letter topic by their source. They are read only where offsets do not say it. */
const countsOf = Effect.fnUntraced(function*({ ends, starts }: Prepared, pile: Pile, filter: Options) {
  const own = starts.filter(({ topic }) => topic === pile.topic)
  const counts = new Map<string, number>()
  if (pile.places.length === 1 && !isFiltering(filter)) {
    const endOf = byPartition(ends)
    const depth = own.reduce((sum, start) => sum + Math.max(0, endOf.get(format(start))! - start.offset), 0)
    return counts.set(pile.places[0].source, depth)
  }
  yield* Stream.runForEach(
    selected([pile], own, ends, filter),
    ({ source }) => Effect.sync(() => counts.set(source, (counts.get(source) ?? 0) + 1))
  )
  return counts
})

/** The dead letters that wait and cannot be sent. */
export const refusedOf = Effect.fnUntraced(function*(prepared: Prepared, options: Options) {
  const refused: Array<Refused> = []
  for (const [pile, routes] of prepared.refused) {
    const counts = yield* countsOf(prepared, pile, options)
    for (const [{ source }, error] of routes) {
      const waiting = counts.get(source) ?? 0
      if (error instanceof KafkaError && waiting > 0) refused.push({ topic: pile.topic, source, waiting, error })
    }
  }
  return refused
})

/** The error for what is left, or `undefined` if nothing is. Pure. */
export const leftBehind = (refused: ReadonlyArray<Refused>): KafkaError | undefined => {
  const [first, ...others] = refused
  if (first === undefined || others.length === 0) return first?.error
  const problems = refused.map(({ error: { reason } }) => "problem" in reason ? reason.problem : reason.message)
  return invalidSetting("to", problems.join("; "))
}

/** What a redrive would do, and which groups would see the records again. */
export const planOf = Effect.fnUntraced(function*(
  consumer: AnyConsumer,
  options: Options
): Effect.fn.Return<Plan, KafkaError, KafkaEngine.Service> {
  const prepared = yield* prepare(consumer, { ...options, dryRun: true })
  const routes: Array<Plan["routes"][number]> = []
  for (const [pile, targets] of prepared.piles) {
    const counts = yield* countsOf(prepared, pile, options)
    for (const [{ source }, target] of targets) {
      if (target instanceof KafkaError) continue
      routes.push({ topic: pile.topic, source, to: target.topic, waiting: counts.get(source) ?? 0 })
    }
  }
  const { group, readers, unknown } = prepared
  return { group, routes, refused: yield* refusedOf(prepared, options), readers, unknown }
})
