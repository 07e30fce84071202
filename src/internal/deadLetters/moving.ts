/** Redrives and parks dead letters: a stream of what was done. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Moved } from "../../DeadLetter.ts"
import type { RawRecord } from "../../engine/KafkaEngine.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import { KafkaError } from "../../KafkaError.ts"
import { isDelivered, sendAll } from "../produce/delivering.ts"
import { scan } from "../reading/scan.ts"
import { TokenBucket } from "../shared/tokenBucket.ts"
import type * as Destinations from "./destinations.ts"
import * as Drives from "./drive.ts"
import { Budget, type Fate, judge, type Rules } from "./judging.ts"
import * as Letters from "./letters.ts"
import type { AnyConsumer } from "./places.ts"
import { leftBehind, refusedOf } from "./planning.ts"
import { defaultReplays, makeParked, type Options, prepare, type Prepared, type Route } from "./preparing.ts"

/** The target, if all sources of a dead letter topic have the same. */
const commonOf = (routes: ReadonlyArray<Route>): Destinations.Target | undefined => {
  const [first] = routes.map(([, target]) => target)
  const same = routes.every(([, target]) =>
    !(target instanceof KafkaError) && !(first instanceof KafkaError) && target.topic === first?.topic
  )
  return same && !(first instanceof KafkaError) ? first : undefined
}

/** Makes the judge of all dead letter topics. Codecs get their services from the caller's context. */
const judgeOf = Effect.fnUntraced(function*({ group, piles }: Prepared, options: Options) {
  const context = yield* Effect.context<KafkaEngine.Service>()
  const startedAt = yield* Clock.currentTimeMillis
  const rules = new Map<string, Rules>()
  for (const [pile, routes] of piles) {
    let parked: Destinations.Target | undefined
    rules.set(pile.topic, {
      // Made once, when the first record is parked.
      parked: Effect.suspend(() =>
        parked !== undefined ? Effect.succeed(parked) : Effect.tap(
          Effect.provideContext(makeParked(pile, options.dryRun ?? false), context),
          (made) => Effect.sync(() => parked = made)
        )
      ),
      read: Letters.readerOf(pile, context as Context.Context<never>),
      sources: new Map(routes.map(([{ codecs, source }, target]) => [source, { codecs, target }])),
      common: commonOf(routes),
      filter: options,
      maxReplays: options.maxReplays ?? (options.parked ? Infinity : defaultReplays),
      transform: options.transform,
      group: pile.places[0].group,
      id: `${group}@${new Date(startedAt).toISOString()}`
    })
  }
  return (raw: RawRecord): Effect.Effect<Fate> =>
    // Codecs may need services of any kind. A missing one fails the judging, which is the fate `Broken`.
    Effect.provideContext(judge(rules.get(raw.topic)!, raw), context as Context.Context<any>)
})

type Move = Extract<Fate, { readonly letter: unknown }>

const isMove = (fate: Fate): fate is Move => fate._tag === "Park" || fate._tag === "Redrive"

const movedOf = ({ _tag, letter }: Move, to: Moved["to"]): Moved => ({
  _tag: _tag === "Park" ? "Parked" : "Redriven",
  letter,
  to
})

/** Sends a batch and returns what was done. The first record without an acknowledgement ends the redrive. */
const performing = Effect.fnUntraced(function*(batch: ReadonlyArray<Drives.Judged>) {
  const engine = yield* KafkaEngine.Service
  const at = yield* Clock.currentTimeMillis
  const broken = batch.findIndex(({ fate }) => fate._tag === "Broken")
  const usable = broken === -1 ? batch : batch.slice(0, broken)
  const moves = usable.flatMap(({ fate }) => isMove(fate) ? fate : [])
  const messages = yield* Effect.forEach(moves, ({ message }) => message(at))
  const settlements = moves.length === 0 ? [] : yield* sendAll(yield* engine.producer, messages)
  const lost = settlements.findIndex((settlement) => !isDelivered(settlement))
  const results = (lost === -1 ? moves : moves.slice(0, lost)).map((move, i): Moved => {
    const settlement = settlements[i]!
    return movedOf(move, isDelivered(settlement) ? settlement : { topic: "", partition: -1, offset: undefined })
  })
  if (lost === -1) {
    const fate = batch[usable.length]?.fate
    const error = fate?._tag === "Broken" ? fate.error : undefined
    return { done: usable.length, results, error } satisfies Drives.Performed<Moved>
  }
  const settlement = settlements[lost]!
  return {
    done: usable.findIndex(({ fate }) => fate === moves[lost]),
    results,
    error: isDelivered(settlement) ? undefined : settlement
  } satisfies Drives.Performed<Moved>
})

const perform = (
  batch: ReadonlyArray<Drives.Judged>
): Effect.Effect<Drives.Performed<Moved>, never, KafkaEngine.Service> =>
  // No producer, or no parked topic: no record of the batch is done.
  Effect.catch(performing(batch), (error) => Effect.succeed({ done: 0, results: [], error }))

/** Moves the next records. One fiber calls it again and again, until it returns `undefined`. */
type Next = Drives.Drive<Moved>["next"]

const start = Effect.fnUntraced(function*(
  prepared: Prepared,
  options: Options,
  budget: Budget
): Effect.fn.Return<Next, KafkaError, KafkaEngine.Service | Scope.Scope> {
  const { ends, floor, group, piles, readers, unknown } = prepared
  for (const { groups, topic } of readers) {
    yield* Effect.logWarning(`every group that reads "${topic}" sees the records again: ${groups.join(", ") || "none"}`)
  }
  if (unknown.length > 0) {
    yield* Effect.logWarning(
      `groups that could not be looked at may read ${readers.map(({ topic }) => `"${topic}"`).join(", ")} as well: ${
        unknown.join(", ")
      }`
    )
  }
  const now = yield* Clock.currentTimeMillis
  const context = yield* Effect.context<KafkaEngine.Service>()
  const drive = yield* Drives.join<Moved>({
    group,
    topics: piles.map(([{ topic }]) => topic),
    ends,
    floor,
    judge: yield* judgeOf(prepared, options),
    perform: (batch) => Effect.provideContext(perform(batch), context),
    budget,
    bucket: options.rate === undefined ? undefined : new TokenBucket(options.rate, now)
  })
  return drive.next
})

const budgetOf = ({ canary = Infinity, max = Infinity }: Options): Budget => new Budget(max, canary)

/** A dry run: reads and judges without joining the group, and sends nothing. */
const pretend = Effect.fnUntraced(function*(prepared: Prepared, options: Options) {
  const judge = yield* judgeOf(prepared, options)
  const budget = budgetOf(options)
  return scan(prepared.starts, prepared.ends).pipe(
    Stream.mapEffect((raw): Effect.Effect<Moved | "pass" | "over", KafkaError> => {
      if (budget.isSpent) return Effect.succeed("over")
      return Effect.flatMap(judge(raw), (fate): Effect.Effect<Moved | "pass", KafkaError> => {
        if (fate._tag === "Broken") return Effect.fail(fate.error)
        if (!isMove(fate)) return Effect.succeed("pass")
        budget.spend(fate)
        return Effect.map(
          fate.message(0),
          ({ partition, topic }) => movedOf(fate, { topic, partition: partition!, offset: undefined })
        )
      })
    }),
    Stream.takeWhile((moved) => moved !== "over"),
    Stream.filter((moved): moved is Moved => typeof moved !== "string")
  )
})

/** What stays because there is nowhere to send it: the error for the end, which is said in the log at the begin. */
const refusal = Effect.fnUntraced(function*(prepared: Prepared, options: Options) {
  const refused = yield* refusedOf(prepared, options)
  for (const { error, source, topic, waiting } of refused) {
    yield* Effect.logWarning(`${waiting} dead letters of "${source}" stay in "${topic}": ${error.reason.message}`)
  }
  return leftBehind(refused)
})

/** Moves dead letters. The stream has an element for each, in order per partition. */
export const move = (consumer: AnyConsumer, options: Options): Stream.Stream<Moved, KafkaError, KafkaEngine.Service> =>
  Stream.unwrap(Effect.gen(function*() {
    const prepared = yield* prepare(consumer, options)
    if (prepared.piles.length === 0) return Stream.empty
    const error = yield* refusal(prepared, options)
    const end = error === undefined ? Stream.empty : Stream.fail(error)
    if (options.dryRun) return Stream.concat(yield* pretend(prepared, options), end)
    const next = yield* start(prepared, options, budgetOf(options))
    const moves = Stream.fromPull(Effect.succeed(
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(
          next(restore),
          (moved) => moved !== undefined && Arr.isReadonlyArrayNonEmpty(moved) ? Effect.succeed(moved) : Cause.done()
        )
      )
    ))
    return Stream.concat(moves, end)
  }))

/**
 * {@link move} that calls `tell` with everything that was done, also when it is interrupted right after. Returns the
 * error for what stays.
 */
export const moveEach = (
  consumer: AnyConsumer,
  options: Options,
  tell: (moved: ReadonlyArray<Moved>) => Effect.Effect<void>
): Effect.Effect<KafkaError | undefined, KafkaError, KafkaEngine.Service> =>
  Effect.scoped(Effect.gen(function*() {
    const prepared = yield* prepare(consumer, options)
    if (prepared.piles.length === 0) return undefined
    const error = yield* refusal(prepared, options)
    if (options.dryRun) {
      yield* Stream.runForEachArray(yield* pretend(prepared, options), tell)
      return error
    }
    const next = yield* start(prepared, options, budgetOf(options))
    yield* Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        while (true) {
          const moved = yield* next(restore)
          if (moved === undefined) return
          yield* tell(moved)
          yield* restore(Effect.yieldNow)
        }
      })
    )
    return error
  }))
