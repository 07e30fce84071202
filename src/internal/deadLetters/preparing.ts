/** Checks the options of a redrive and looks up topics, targets and offsets in the cluster. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Plan, RedriveOptions } from "../../DeadLetter.ts"
import type { AdminClient, Position } from "../../engine/KafkaEngine.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import { invalidSetting, KafkaError } from "../../KafkaError.ts"
import { ensure } from "../retry/provision.ts"
import { parkedSpec } from "../retry/topicSpecs.ts"
import * as Destinations from "./destinations.ts"
import {
  type AnyConsumer,
  floorOf,
  groupOf,
  offsetsOf,
  type Pile,
  pilesOf,
  type Place,
  placesOf,
  startsFrom
} from "./places.ts"
import { parkProblem, redriveProblem } from "./selecting/options.ts"

/** Options of a redrive, or, with a parked target, of parking. */
export interface Options extends RedriveOptions {
  readonly parks?: boolean | undefined
}

/** A record that still fails after this many redrives is parked: a person has to look at it. */
export const defaultReplays = 3

const problemOf = (options: Options): KafkaError | undefined => {
  const problem = options?.parks === true ? parkProblem(options) : redriveProblem(options)
  if (problem !== undefined) return problem
  const { canary, max, maxReplays, parked, parks, rate } = options
  if (parked === true && parks === true) return invalidSetting("parked", "these are parked already")
  if (parked === true && maxReplays !== undefined) {
    return invalidSetting("maxReplays", "says when to park a record; those that are parked have no such limit")
  }
  if (rate !== undefined && !(rate > 0)) return invalidSetting("rate", `${rate} is not a number above 0`)
  for (const [name, value, least] of [["max", max, 1], ["canary", canary, 1], ["maxReplays", maxReplays, 0]] as const) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= least)) {
      return invalidSetting(name, `${value} is not a whole number of at least ${least}`)
    }
  }
  return undefined
}

/** The parked topic of a dead letter topic, made if it is missing. A dry run makes nothing. */
export const makeParked = Effect.fnUntraced(function*({ parked, places, topic }: Pile, dryRun: boolean) {
  const [{ sizes, topics }] = places
  const partitions = sizes.get(topic)
  const engine = yield* KafkaEngine.Service
  const states = sizes.has(parked) || dryRun
    ? []
    : yield* ensure(yield* engine.admin, engine.capabilities, [parkedSpec(topics, partitions)], "create")
  const size = states[0]?.partitions ?? sizes.get(parked) ?? partitions ?? 1
  return { topic: parked, partitions: size, waits: false, parks: true } satisfies Destinations.Target
})

/** The groups that read one of these topics, so would see a record there again, and those that cannot be looked at. */
const readersOf = Effect.fnUntraced(function*(admin: AdminClient, topics: ReadonlySet<string>) {
  const unknown: Array<string> = []
  if (topics.size === 0) return { readers: [], unknown }
  const found = new Map([...topics].map((topic): [string, Array<string>] => [topic, []]))
  for (const { groupId } of yield* admin.listGroups) {
    const offsets = yield* Effect.result(admin.groupOffsets(groupId))
    // Groups that this client may not describe are reported; the redrive is done all the same.
    if (Result.isFailure(offsets)) unknown.push(groupId)
    else for (const topic of new Set(offsets.success.map(({ topic }) => topic))) found.get(topic)?.push(groupId)
  }
  return { readers: [...found].map(([topic, groups]) => ({ topic, groups: groups.sort() })), unknown: unknown.sort() }
})

/** A source whose dead letters are selected, and where they go, or the error that says why they cannot. */
export type Route = readonly [Place, Destinations.Target | KafkaError]

/** A dead letter topic of which at least one source has a target. */
type Routed = readonly [Pile, ReadonlyArray<Route>]

/**
 * What is to be done. `refused`: dead letter topics none of whose records can be sent, so they are left out. `starts`:
 * where the redrive goes on, which is never before `floor`.
 */
export interface Prepared extends Pick<Plan, "group" | "readers" | "unknown"> {
  readonly piles: ReadonlyArray<Routed>
  readonly refused: ReadonlyArray<Routed>
  readonly starts: ReadonlyArray<Position>
  readonly ends: ReadonlyArray<Position>
  readonly floor: ReadonlyMap<string, number>
}

const routesOf = Effect.fnUntraced(function*(pile: Pile, options: Options, all: ReadonlyArray<Place>) {
  const meant = pile.places.filter(({ source }) => options.topic === undefined || source === options.topic)
  const parked = options.parks ? yield* makeParked(pile, options.dryRun ?? false) : undefined
  const routes: Array<Route> = []
  for (const place of meant) {
    const target = parked ?? Destinations.targetOf(place, options.to ?? "first-retry", all, options.allow ?? [])
    if (options.parked && !(target instanceof KafkaError) && target.parks) {
      return yield* invalidSetting("to", `"${target.topic}" is a parked topic, and so is "${pile.topic}"`)
    }
    routes.push([place, target])
  }
  return routes
})

/** Checks the options, and looks up where the dead letters are and where they go. */
export const prepare = Effect.fnUntraced(function*(
  consumer: AnyConsumer,
  options: Options
): Effect.fn.Return<Prepared, KafkaError, KafkaEngine.Service> {
  const problem = problemOf(options)
  if (problem !== undefined) return yield* problem
  const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
  const all = yield* placesOf(consumer, admin)
  const unreachable = Destinations.problemOf(options.to ?? "first-retry", all, options.allow ?? [])
  if (unreachable !== undefined) return yield* unreachable
  const piles: Array<Routed> = []
  const refused: Array<Routed> = []
  for (const pile of yield* pilesOf(consumer, admin, options)) {
    if (!pile.places[0].sizes.has(pile.topic)) continue
    const routes = yield* routesOf(pile, options, all)
    const canGo = routes.some(([, target]) => !(target instanceof KafkaError))
    ;(canGo ? piles : refused).push([pile, routes])
  }
  if (piles.length === 0) {
    const problems = refused.flatMap(([, routes]) => routes.flatMap(([, to]) => to instanceof KafkaError ? to : []))
    if (problems[0] !== undefined) return yield* problems[0]
  }
  const topics = [...piles, ...refused].map(([{ topic }]) => topic)
  const sizes = piles[0]?.[0].places[0].sizes ?? new Map<string, number>()
  const begins = yield* offsetsOf(admin, sizes, topics, "earliest")
  const own = new Set(all.flatMap(({ parked, topics }) => [...topics.tiers.map(({ name }) => name), parked]))
  const foreign = piles.flatMap(([, routes]) =>
    routes.flatMap(([, target]) => target instanceof KafkaError || own.has(target.topic) ? [] : target.topic)
  )
  return {
    group: groupOf(consumer, options),
    piles,
    refused,
    starts: yield* startsFrom(admin, consumer, options, begins),
    ends: yield* offsetsOf(admin, sizes, topics, "latest"),
    floor: yield* floorOf(admin, consumer, options),
    ...(yield* readersOf(admin, new Set(foreign)))
  }
})
