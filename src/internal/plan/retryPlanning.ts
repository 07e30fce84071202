/** Derives a consumer's retry topics from its policies, and checks them, before anything is connected. */
import * as Effect from "effect/Effect"
import type * as Handler from "../../Handler.ts"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import type * as OnFailure from "../../OnFailure.ts"
import * as RetryTopics from "../../RetryTopic.ts"
import * as Source from "../../Source.ts"
import * as Tiers from "../retry/tiers.ts"
import { type Routed, Topology, usesTopics } from "../retry/topology.ts"

/** The part of a handler that matters for its retry topics. */
interface Planned {
  readonly source: Pick<Source.AnySource, "match">
  readonly call: Handler.Call
  readonly onFailure: OnFailure.Any
}

const routedOf = Effect.fnUntraced(function*({ call, onFailure, source }: Planned) {
  const { deadLetter, schedules, topics } = onFailure.needs
  if (call._tag === "Stream") {
    return { source, plan: Tiers.none, needsDeadLetter: false, others: [] } satisfies Routed
  }
  const [plan = Tiers.none, ...more] = yield* Effect.forEach(schedules, Tiers.plan)
  if (more.some(({ policy }) => policy !== plan.policy)) {
    return yield* invalidSetting(
      "onFailure",
      `${
        Source.show(source)
      }: its policy has non-blocking retries with different schedules, but a topic has one set of `
        + "retry topics; give them one schedule, and tell them apart by retryable, include, exclude or route"
    )
  }
  for (const topic of topics) {
    const problem = Source.invalidName(topic)
    if (problem !== undefined) return yield* invalidSetting("onFailure", `${Source.show(source)}: ${problem}`)
    if (Source.matches(source, topic)) {
      return yield* invalidSetting(
        "onFailure",
        `${
          Source.show(source)
        }: its policy routes to "${topic}", the source itself: a record that fails again would go `
          + "in a circle for ever; route to another topic, or retry"
      )
    }
  }
  return { source, plan, needsDeadLetter: deadLetter, others: topics } satisfies Routed
})

/** More topics than this are not separated by mistake only. */
const mostSeparate = 32

const separated = (routed: Routed): Effect.Effect<Routed, KafkaError> => {
  const plan = Tiers.separate(routed.plan)
  return plan !== undefined && plan.tiers.length <= mostSeparate
    ? Effect.succeed({ ...routed, plan })
    : Effect.fail(invalidSetting(
      "retries.naming",
      `${Source.show(routed.source)}: a topic for each retry would be ${
        plan?.tiers.length ?? "topics without an end"
      }, `
        + `more than ${mostSeparate}; end the schedule with Schedule.upTo, or let equal delays share a topic`
    ))
}

const limitProblem = ({ consecutive, ratio, window }: RetryTopics.DeadLetterLimit): string | undefined => {
  for (const [name, value] of [["consecutive", consecutive], ["window", window]] as const) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      return `${name} ${value} is not a whole number of at least 1`
    }
  }
  if (ratio !== undefined && !(ratio > 0 && ratio <= 1)) return `ratio ${ratio} is not above 0 and at most 1`
  return consecutive === undefined && ratio === undefined ? "it says neither consecutive nor ratio" : undefined
}

const optionsProblem = (
  options: RetryTopics.Options,
  handlers: ReadonlyArray<Planned>,
  topology: Topology
): readonly [setting: string, problem: string] | undefined => {
  const { deadLetterLimit, group, naming, transactional } = options
  if (group !== undefined && (group.trim() === "" || group === topology.group)) {
    return [
      "retries.group",
      `"${group}" is ${group === topology.group ? "the consumer's own group" : "empty"}; the retry `
      + "topics need a group of their own"
    ]
  }
  if (deadLetterLimit !== undefined) {
    const problem = limitProblem(deadLetterLimit)
    if (problem !== undefined) return ["retries.deadLetterLimit", problem]
  }
  const routing = topology.handlers.filter(usesTopics)
  const pattern = routing.find(({ source }) => source.match._tag === "Pattern")
  if (naming !== undefined && naming !== RetryTopics.standard && pattern !== undefined) {
    return [
      "retries.naming",
      `${Source.show(pattern.source)} is a pattern: only by standard names can the retry topics of its topics be `
      + "recognized; name the topics one by one, or use RetryTopics.standard"
    ]
  }
  const wide = handlers.find(({ call }, i) => {
    const { others } = topology.handlers[i]!
    return !(call._tag === "Record" && call.concurrency === "partition")
      && (usesTopics(topology.handlers[i]!) || others.length > 0)
  })
  if (transactional === true && wide !== undefined) {
    return [
      "retries.transactional",
      `${Source.show(wide.source)} handles several records at once, but the offset in a transaction may not pass one `
      + "that is in work; use Topic.handle with concurrency \"partition\", or leave transactional out"
    ]
  }
  return undefined
}

/** The retry topics of a consumer's handlers. Fails with `InvalidSetting` when a policy or an option cannot work. */
export const topologyOf = Effect.fnUntraced(function*(
  group: string,
  handlers: ReadonlyArray<Planned>,
  options: RetryTopics.Options
): Effect.fn.Return<Topology, KafkaError> {
  const naming = options.naming ?? RetryTopics.defaults.naming
  const planned = yield* Effect.forEach(handlers, routedOf)
  const routed = naming.separate === true ? yield* Effect.forEach(planned, separated) : planned
  const topology = new Topology(group, naming, routed, options.config)
  const problem = optionsProblem(options, handlers, topology)
  if (problem !== undefined) return yield* invalidSetting(...problem)
  // Names that Kafka would refuse are found now, not at the first failure.
  for (const { source } of handlers) if (source.match._tag === "Name") yield* topology.of(source.match.name)
  for (const { others, source } of routed) {
    const topic = others.find((topic) => topology.placeOf(topic) !== undefined)
    if (topic !== undefined) {
      return yield* invalidSetting(
        "onFailure",
        `${
          Source.show(source)
        }: its policy routes to "${topic}", a retry topic of this consumer, which its own retries `
          + "fill when they are due; use Retry.nonBlocking"
      )
    }
  }
  return topology
})
