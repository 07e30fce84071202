/** Where the failed records of one run may go: makes or checks the topics before the first record, and the router. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import type { ConsumerClient } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as RetryTopics from "../../RetryTopic.ts"
import * as Source from "../../Source.ts"
import type { Plan } from "../plan/plan.ts"
import * as Names from "../retry/names.ts"
import { provision } from "../retry/provision.ts"
import { Router } from "../retry/router.ts"
import type { SourceTopics } from "../retry/topology.ts"
import { retryGroupOf } from "../retry/topology.ts"
import { TransactionalRouter } from "../retry/transactionalRouter.ts"
import type { Signal } from "../shared/signal.ts"
import { checkReaders } from "./otherReaders.ts"

/** The routing of one run. */
export interface Routing {
  readonly router: Router
  /** Makes or checks the topics of source topics, once. Returns the ones where that failed, and why. */
  readonly prepare: (sources: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, KafkaError>>
  /** The member has no partition of a source topic any more. One of a pattern is prepared again, if it comes back. */
  readonly forget: (source: string) => void
  /** Tells of the run's client, which is made after its topics are there. */
  readonly attach: (client: ConsumerClient) => void
}

/** What a consumer client is to read. */
export interface Subscribed {
  readonly topics: ReadonlyArray<string>
  readonly patterns: ReadonlyArray<RegExp>
}

const isRouted = ({ needsDeadLetter, others, tiers }: SourceTopics): boolean =>
  needsDeadLetter || tiers.length > 0 || others.length > 0

/** One per run: a shared id would fence other members. The group's generation fences members that are gone. */
const transactionalIdOf = ({ group }: Plan): Effect.Effect<string> =>
  Effect.map(Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER), (number) => `${group}.copies.${number.toString(36)}`)

/** The routing of a run, with the topics of its named sources prepared; `undefined` when its policies route nothing. */
export const make = Effect.fnUntraced(function*(
  plan: Plan,
  clock: Clock.Clock,
  makeSignal: () => Signal
): Effect.fn.Return<Routing | undefined, KafkaError, KafkaEngine.Service> {
  const { retries, topology } = plan
  if (!topology.routes) return undefined
  const engine = yield* KafkaEngine.Service
  const partitions = new Map<string, number>()
  let client: ConsumerClient | undefined
  const prepared = new Set<string>()

  const prepareNow = Effect.fnUntraced(function*(sources: ReadonlyArray<string>) {
    const found = yield* Effect.forEach(sources, (source) => topology.of(source))
    const topics = found.filter((topics) => topics !== undefined).filter(isRouted)
    if (topics.length === 0) return
    const admin = yield* engine.admin
    const mode = retries.topics ?? RetryTopics.defaults.topics
    for (const state of yield* provision(admin, engine.capabilities, topics, mode)) {
      if (state.partitions !== undefined) partitions.set(state.spec.name, state.partitions)
    }
  })

  const prepare = Effect.fnUntraced(function*(sources: ReadonlyArray<string>) {
    const fresh = sources.filter((source) => !prepared.has(source))
    const refused = new Map<string, KafkaError>()
    // Together they are fewer requests; one by one it shows which of them it is.
    const whole = yield* Effect.exit(fresh.length === 0 ? Effect.void : prepareNow(fresh))
    const each = Exit.isSuccess(whole) ?
      Effect.void :
      Effect.forEach(fresh, (source) =>
        Effect.match(prepareNow([source]), {
          onFailure: (error) => void refused.set(source, error),
          onSuccess: () => {}
        }), { concurrency: 4, discard: true })
    yield* each
    for (const source of fresh) if (!refused.has(source)) prepared.add(source)
    return refused
  })

  const named = topology.handlers.flatMap(({ source }) => source.match._tag === "Name" ? [source.match.name] : [])
  yield* prepareNow(named)
  for (const source of named) prepared.add(source)
  const options = {
    group: topology.group,
    producer: yield* engine.producer,
    clock,
    publish: retries.publish ?? RetryTopics.defaults.publish,
    makeSignal,
    partitionsOf: (topic: string) => partitions.get(topic),
    errorFields: retries.errorFields ?? RetryTopics.defaults.errorFields,
    restore: (source: string) => prepareNow([source])
  }
  const router = retries.transactional === true
    ? new TransactionalRouter({
      ...options,
      engine,
      client: () => client!,
      transactionalId: yield* transactionalIdOf(plan)
    })
    : new Router(options)
  return {
    router,
    prepare,
    forget: (source) => {
      if (named.includes(source)) return
      prepared.delete(source)
      for (const name of topology.forget(source)) partitions.delete(name)
    },
    attach: (made) => {
      client = made
    }
  }
})

/**
 * The plan of the member that reads a plan's retry topics; `undefined` when there can be none. A bounded read has none:
 * what it routes is left to the next consumer of the group that is not bounded.
 */
export const retryPlan = (plan: Plan): Plan | undefined =>
  plan.topology.routes && !plan.bounded && !plan.retrying
    // From the beginning: records may have been routed there before this group first committed.
    ? {
      ...plan,
      group: retryGroupOf(plan.group, plan.retries),
      retrying: true,
      offsetReset: "earliest",
      topics: [],
      patterns: []
    }
    : undefined

/** The retry topics to read: those of the policy, and those that exist from an earlier policy. */
export const subscribedRetries = Effect.fnUntraced(function*(
  plan: Plan
): Effect.fn.Return<Subscribed, KafkaError, KafkaEngine.Service> {
  const { topology } = plan
  const patterns: Array<RegExp> = []
  const topics = new Set<string>()
  for (const { plan: { tiers }, source } of topology.handlers) {
    if (source.match._tag === "Pattern") {
      if (tiers.length > 0) patterns.push(Names.retryPattern(topology.group, source.match))
    } else {
      const found = yield* topology.of(source.match.name)
      for (const { name } of found?.tiers ?? []) topics.add(name)
    }
  }
  const existing = yield* Effect.flatMap(
    KafkaEngine.Service,
    (engine) => Effect.flatMap(engine.admin, (admin) => admin.listTopics)
  )
  for (const { name } of existing) {
    const place = topology.placeOf(name)
    if (place === undefined) continue
    const handler = topology.handlers.find(({ source }) => Source.matches(source, place.source))
    if (handler === undefined || handler.source.match._tag === "Pattern" && handler.plan.tiers.length > 0) continue
    topics.add(name)
  }
  yield* checkReaders(plan, [...topics])
  return { topics: [...topics], patterns }
})
