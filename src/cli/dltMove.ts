/** `millrace dlt redrive` and `park`: sending dead letters on. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { DeadLetter, Destination, Moved } from "../DeadLetter.ts"
import type * as KafkaEngine from "../engine/KafkaEngine.ts"
import { moveEach } from "../internal/deadLetters/moving.ts"
import { type Options, prepare, type Prepared } from "../internal/deadLetters/preparing.ts"
import { histogram as count } from "../internal/deadLetters/reading.ts"
import type { KafkaError } from "../KafkaError.ts"
import { agreed } from "./confirm.ts"
import { consumer, dryRun, filter, filterOf, optional, yes } from "./dltFilter.ts"
import { histogram } from "./dltLook.ts"
import { worksOn } from "./ending.ts"
import { WorkFailed } from "./exit.ts"
import { functionOf } from "./modules.ts"
import { config, json } from "./root.ts"
import { type AnyConsumer, selectOne } from "./selection.ts"
import { checkConsumer, servicesOf } from "./services.ts"
import { toJson } from "./values.ts"

/** What was done, added up. */
class Tally {
  private readonly routes = new Map<string, { from: string; to: string; verb: Moved["_tag"]; count: number }>()
  private readonly tags: Array<string | undefined> = []

  readonly add = (moved: ReadonlyArray<Moved>): Effect.Effect<void> =>
    Effect.sync(() => {
      for (const { _tag, letter, to } of moved) {
        const id = `${_tag} ${letter.topic} ${to.topic}`
        const route = this.routes.get(id) ?? { from: letter.topic, to: to.topic, verb: _tag, count: 0 }
        route.count++
        this.routes.set(id, route)
        this.tags.push(letter.errorTag)
      }
    })

  get isEmpty(): boolean {
    return this.routes.size === 0
  }

  print(pretended: boolean, asJson: boolean, group: string): Effect.Effect<void> {
    const routes = [...this.routes.values()]
    const tags = count(this.tags)
    if (asJson) return Console.log(toJson({ group, dryRun: pretended, routes, tags }))
    const words = (verb: Moved["_tag"]) => `${pretended ? "would be " : ""}${verb === "Parked" ? "parked" : "redriven"}`
    return Effect.gen(function*() {
      for (const { count, from, to, verb } of routes) yield* Console.log(`${from} -> ${to}: ${count} ${words(verb)}`)
      if (routes.length === 0) yield* Console.log(`nothing ${pretended ? "would be" : "was"} sent`)
      else yield* Console.log(`by tag: ${histogram(tags)}`)
    })
  }
}

const warn = Effect.fnUntraced(function*({ readers, unknown }: Prepared) {
  for (const { groups, topic } of readers) {
    yield* Console.error(
      `every group that reads "${topic}" sees the records again: ${groups.join(", ") || "none so far"}`
    )
  }
  if (unknown.length > 0) {
    yield* Console.error(`groups that could not be looked at, and may read it as well: ${unknown.join(", ")}`)
  }
})

/** Sends, or only says what would be sent; what was done is said also after an interruption. */
const pass = Effect.fnUntraced(function*(one: AnyConsumer, options: Options, group: string, asJson: boolean) {
  const tally = new Tally()
  const left = yield* moveEach(one, options, tally.add).pipe(
    Effect.ensuring(Effect.suspend(() => tally.print(options.dryRun === true, asJson, group)))
  )
  return { isEmpty: tally.isEmpty, left }
})

/** What cannot be sent is said after what can be is. */
const endWith = (left: KafkaError | undefined): Effect.Effect<void, WorkFailed> =>
  left === undefined ? Effect.void : Effect.fail(new WorkFailed({ problem: left.message }))

/** Moves with `--yes`; without it shows what would be moved, and asks where somebody can answer. */
const run = Effect.fnUntraced(function*(
  one: AnyConsumer,
  options: Options,
  flags: { readonly json: boolean; readonly yes: boolean }
): Effect.fn.Return<void, KafkaError | WorkFailed, KafkaEngine.Service> {
  const prepared = yield* prepare(one, { ...options, dryRun: true })
  if (options.dryRun || !flags.yes) {
    yield* warn(prepared)
    const { isEmpty, left } = yield* pass(one, { ...options, dryRun: true }, prepared.group, flags.json)
    if (options.dryRun || isEmpty) return yield* endWith(left)
    yield* agreed("Send them?")
  }
  // What really runs says in the log who else sees the records.
  yield* worksOn
  const { left } = yield* pass(one, options, prepared.group, flags.json)
  if (options.canary !== undefined) {
    yield* Console.error("the canary is on its way: see what becomes of it, then go on without --canary")
  }
  yield* endWith(left)
})

const destinationOf = (to: string): Destination => to === "first-retry" || to === "origin" ? to : { topic: to }

const limits = {
  rate: Flag.Finite("rate").pipe(Flag.withDescription("Records per second at most"), Flag.optional),
  max: optional.number("max", "End after this many records"),
  dryRun,
  yes,
  json
}

/** Sends dead letters once more. */
export const redrive = Command.make(
  "redrive",
  {
    consumer,
    ...filter,
    ...limits,
    to: Flag.String("to").pipe(
      Flag.withDescription(
        "first-retry (unless given; behind what waits there), origin, or a topic of the consumer"
      ),
      Flag.withDefault("first-retry")
    ),
    allow: Flag.String("allow").pipe(
      Flag.withDescription("A further topic that --to may name; may be repeated"),
      Flag.atLeast(0)
    ),
    canary: optional.number("canary", "End after this many redriven records, to try a redrive with a few of them"),
    maxReplays: optional.number(
      "max-replays",
      "Park records that were redriven this many times before; 3 unless given"
    ),
    transform: optional.text(
      "transform",
      "A module whose default export returns a new value for a decoded one; may be async"
    )
  },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const one = yield* selectOne(loaded, Option.getOrUndefined(flags.consumer))
    if (Option.isSome(flags.where) || Option.isSome(flags.transform)) yield* checkConsumer(loaded, one)
    const transform = Option.isNone(flags.transform) ? undefined : yield* functionOf("transform", flags.transform.value)
    const options: Options = {
      ...(yield* filterOf(flags)),
      to: destinationOf(flags.to),
      allow: flags.allow,
      rate: Option.getOrUndefined(flags.rate),
      max: Option.getOrUndefined(flags.max),
      canary: Option.getOrUndefined(flags.canary),
      maxReplays: Option.getOrUndefined(flags.maxReplays),
      dryRun: flags.dryRun,
      transform: transform === undefined
        ? undefined
        : (value: unknown, letter: DeadLetter) => transform.call(value, letter)
    }
    yield* Effect.provide(run(one, options, flags), servicesOf(loaded))
  })
).pipe(
  Command.withDescription(
    "Send dead letters once more, by default to the first retry topic, due at once"
  )
)

/** Moves dead letters aside. */
export const park = Command.make(
  "park",
  { consumer, ...filter, ...limits },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const one = yield* selectOne(loaded, Option.getOrUndefined(flags.consumer))
    if (Option.isSome(flags.where)) yield* checkConsumer(loaded, one)
    const options: Options = {
      ...(yield* filterOf(flags)),
      rate: Option.getOrUndefined(flags.rate),
      max: Option.getOrUndefined(flags.max),
      dryRun: flags.dryRun,
      parks: true
    }
    yield* Effect.provide(run(one, options, flags), servicesOf(loaded))
  })
).pipe(
  Command.withDescription("Move dead letters to the parked topic; a redrive with the same filter no longer sees them")
)
