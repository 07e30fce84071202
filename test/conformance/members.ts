/** Members of groups, each with a client and registries of its own. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Codec, Consumer, ConsumerControl, ConsumerEvent, Health, OnFailure, Producer, Topic } from "millrace"
import type { Handler, HandlerFailed, KafkaError, Record } from "millrace"
import type * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import type { Delivery } from "../../src/engine/KafkaEngine.ts"
import type { EngineContext, Member, World } from "./harness.ts"
import type { Ledger } from "./ledger.ts"

/** Topics of the suite carry text. */
export const textTopic = (name: string) => Topic.make(name, { key: Codec.nullable(Codec.string), value: Codec.string })

/** Sends the texts `from` to `to - 1`, one partition after the other, with keys that repeat. */
export const produce = (
  topic: string,
  from: number,
  to: number,
  partitions: number
): Effect.Effect<ReadonlyArray<Delivery>, unknown, KafkaEngine.Service> =>
  Producer.sendAll(
    textTopic(topic),
    Array.from({ length: to - from }, (_, i) => ({
      key: `k${(from + i) % (partitions * 5)}`,
      value: String(from + i),
      partition: (from + i) % partitions
    }))
  )

/** The texts `from` to `to - 1`. */
export const texts = (from: number, to: number): Array<string> =>
  Array.from({ length: to - from }, (_, i) => String(from + i))

/** Texts in the order of their numbers. */
export const sorted = (values: Iterable<string>): Array<string> => [...values].sort((a, b) => Number(a) - Number(b))

export interface RunOptions {
  readonly name?: string | undefined
  readonly engine?: EngineContext | undefined
  readonly onKill?: (() => void) | undefined
}

/** Starts a consumer as a member with a client and registries of its own. It ends with the scope. */
export const runMember = <E>(
  world: World,
  consumer: Consumer.Consumer<E, KafkaEngine.Service>,
  options: RunOptions = {}
): Effect.Effect<Member, never, Scope.Scope> => runProgram(world, consumer.group, Consumer.run(consumer), options)

/** The same of a program that runs a consumer of the group in some other way. */
export const runProgram = Effect.fnUntraced(function*(
  world: World,
  group: string,
  program: Effect.Effect<void, KafkaError.KafkaError | HandlerFailed<unknown>, KafkaEngine.Service>,
  options: RunOptions = {}
): Effect.fn.Return<Member, never, Scope.Scope> {
  const controls = new Set<ConsumerControl.ConsumerControl>()
  const healths = new Set<() => Health.ConsumerHealth>()
  const bus = yield* ConsumerEvent.makeBus
  const events: Array<ConsumerEvent.ConsumerEvent> = []
  yield* Stream.runForEach(ConsumerEvent.stream, (event) => Effect.sync(() => events.push(event))).pipe(
    Effect.provideService(ConsumerEvent.Bus, bus),
    Effect.forkScoped({ startImmediately: true })
  )
  const fiber = yield* program.pipe(
    Effect.provideService(ConsumerEvent.Bus, bus),
    Effect.provideService(ConsumerControl.Registry, controls),
    Effect.provideService(Health.Registry, healths),
    Effect.provide(options.engine ?? world.engine),
    // A scenario that waits for what this member does would not say why it does not.
    Effect.tapCause((cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logWarning(`a member of "${group}" ended`, cause)
    ),
    Effect.forkScoped
  )
  const isOver = Effect.sync(() => fiber.pollUnsafe() !== undefined)
  const name = options.name ?? "member"
  const assignment = Effect.suspend(() => {
    const [control] = controls
    return control === undefined ? Effect.succeed([]) : control.assignment
  })
  const member: Member = {
    name,
    group,
    events,
    control: Effect.andThen(
      Effect.orDie(world.until(`${name} is there`, Effect.sync(() => controls.size > 0))),
      Effect.sync(() => [...controls][0]!)
    ),
    health: Effect.sync(() => [...healths][0]?.()),
    assignment: Effect.map(assignment, (all) => all.map(({ partition, topic }) => `${topic}/${partition}`).sort()),
    stop: Effect.gen(function*() {
      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* world.until(`${name} left`, isOver)
    }),
    kill: Effect.gen(function*() {
      options.onKill?.()
      yield* world.dieSilently(member)
      fiber.interruptUnsafe()
    }),
    ended: Effect.gen(function*() {
      yield* world.until(`${name} ended`, isOver)
      const exit = fiber.pollUnsafe()!
      if (Exit.isSuccess(exit)) return undefined
      const error = Cause.findErrorOption(exit.cause)
      return error._tag === "Some" ? error.value : yield* Effect.die(Cause.squash(exit.cause))
    })
  }
  return member
})

export interface Join {
  readonly group: string
  readonly topics: ReadonlyArray<string>
  readonly ledger: Ledger
  readonly name?: string | undefined
  readonly work?: ((record: Record.Record<string | null, string>) => Effect.Effect<unknown, unknown>) | undefined
  readonly concurrency?: Handler.Concurrency | undefined
  readonly settings?: Partial<Consumer.Settings> | undefined
  readonly engine?: EngineContext | undefined
  readonly onFailure?: OnFailure.OnFailure<unknown, never, string> | undefined
}

/** Starts a member whose handlers write into the ledger. Without `work` they need no time. */
export const join = Effect.fnUntraced(
  function*(world: World, options: Join): Effect.fn.Return<Member, never, Scope.Scope> {
    const { concurrency = "partition", engine, group, ledger, name = "a", topics, work = () => Effect.void } = options
    const life = { dead: false }
    const handler = ledger.handler(name, life, work, concurrency !== "partition")
    const consumer = Consumer.make(group, {
      offsetReset: "earliest",
      ...world.settings,
      ...options.settings,
      onFailure: options.onFailure ?? OnFailure.stop,
      handlers: topics.map((topic) => Topic.handle(textTopic(topic), handler, { concurrency }))
    })
    return yield* runMember(world, consumer, {
      name,
      engine,
      onKill: () => {
        life.dead = true
        ledger.forget(name)
      }
    })
  }
)

/** The reason of an error, for comparisons. */
export const reasonOf = (error: unknown): string | undefined =>
  (error as KafkaError.KafkaError | undefined)?.reason?._tag

/** Whether exactly these members have all partitions of a topic, each one some. */
export const share = (members: ReadonlyArray<Member>, partitions: number): Effect.Effect<boolean> =>
  Effect.map(Effect.forEach(members, (member) => member.assignment), (all) => {
    const owned = all.flat()
    return all.every((one) => one.length > 0) && owned.length === partitions && new Set(owned).size === partitions
  })
