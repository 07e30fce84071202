/** Which retry and dead letter topics belong to which source topic of a consumer, in both directions. */
import * as Effect from "effect/Effect"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import type { Naming, Options, Parsed, Tier } from "../../RetryTopic.ts"
import * as Source from "../../Source.ts"
import * as Names from "./names.ts"
import type * as Tiers from "./tiers.ts"

/** A retry topic. */
export interface TierTopic extends Tier {
  readonly name: string
}

/** The topics for the failed records of a source topic. Without non-blocking retries `tiers` is empty. */
export interface SourceTopics {
  readonly source: string
  readonly tiers: ReadonlyArray<TierTopic>
  readonly plan: Tiers.Tiers
  readonly deadLetter: string
  /** Whether the policy uses the dead letter topic. */
  readonly needsDeadLetter: boolean
  /** Other topics that the policy routes to. */
  readonly others: ReadonlyArray<string>
  /** Settings of topics that are created, over those that are chosen for them. */
  readonly config: Readonly<{ [name: string]: string }>
}

/** The source topic of a retry topic. `tier` is `undefined` for one that the policy no longer has (an orphan tier). */
export interface Place {
  readonly source: string
  readonly tier: TierTopic | undefined
  /** Of a topic of an earlier policy, its delay in milliseconds, where the name tells it. */
  readonly delay?: number
}

/** What the policy of a handler needs. */
export interface Routed {
  readonly source: Pick<Source.AnySource, "match">
  readonly plan: Tiers.Tiers
  readonly needsDeadLetter: boolean
  readonly others: ReadonlyArray<string>
}

/** Whether the policy uses retry topics or the dead letter topic. */
export const usesTopics = ({ needsDeadLetter, plan }: Routed): boolean => needsDeadLetter || plan.tiers.length > 0

/** The group that consumes the retry topics of a group. */
export const retryGroupOf = (group: string, retries: Pick<Options, "group"> = {}): string =>
  retries.group ?? `${group}.retry`

/** The retry and dead letter topics of one consumer. For a pattern they are known once a matching topic is. */
export class Topology {
  readonly group: string
  readonly handlers: ReadonlyArray<Routed>
  readonly naming: Naming
  private readonly config: SourceTopics["config"]
  private readonly bySource = new Map<string, SourceTopics>()
  private readonly byTier = new Map<string, Place>()

  constructor(group: string, naming: Naming, handlers: ReadonlyArray<Routed>, config: SourceTopics["config"] = {}) {
    this.config = config
    this.group = group
    this.naming = naming
    this.handlers = handlers
  }

  /** Whether any policy sends copies to topics. */
  get routes(): boolean {
    return this.handlers.some((handler) => usesTopics(handler) || handler.others.length > 0)
  }

  /** The topics of a source topic, checked and kept; `undefined` when no handler reads it. */
  of(topic: string): Effect.Effect<SourceTopics | undefined, KafkaError> {
    return Effect.suspend(() => {
      const known = this.bySource.get(topic)
      if (known !== undefined) return Effect.succeed(known)
      const handler = this.handlers.find(({ source }) => Source.matches(source, topic))
      if (handler === undefined) return Effect.undefined
      const { needsDeadLetter, others, plan } = handler
      const of = { group: this.group, topic }
      // Names that are not used are not checked: the group id may contain characters that no topic name may.
      const named = usesTopics(handler)
        ? Effect.tap(Names.names(this.naming, of, plan.tiers), (names) => this.check(topic, names))
        : Effect.sync((): Names.Names => ({ retry: [], deadLetter: this.naming.deadLetter(of) }))
      return Effect.map(named, ({ deadLetter, retry }) => {
        const tiers = plan.tiers.map((tier, i): TierTopic => ({ ...tier, name: retry[i]! }))
        const topics: SourceTopics = {
          source: topic,
          tiers,
          plan,
          deadLetter,
          needsDeadLetter,
          others,
          config: this.config
        }
        this.bySource.set(topic, topics)
        for (const tier of tiers) this.byTier.set(tier.name, { source: topic, tier })
        return topics
      })
    })
  }

  /** Forgets what can be found out again about a source topic; returns the names of its topics. */
  forget(topic: string): ReadonlyArray<string> {
    const topics = this.bySource.get(topic)
    if (topics === undefined) return []
    this.bySource.delete(topic)
    for (const { name } of topics.tiers) {
      const place = this.byTier.get(name)
      this.byTier.delete(name)
      // A name of other rules leads back to its source by this alone; the retry topic may still be read.
      const found = this.placeOf(name)
      if (place !== undefined && (found?.source !== topic || found.tier === undefined)) this.byTier.set(name, place)
    }
    const { deadLetter } = topics
    const isShared = [...this.bySource.values()].some((other) => other.deadLetter === deadLetter)
    return [...topics.tiers.map(({ name }) => name), ...(isShared ? [] : [deadLetter])]
  }

  private check(topic: string, names: Names.Names): Effect.Effect<void, KafkaError> {
    const problem = this.subscribed([...names.retry, names.deadLetter]) ?? this.shared(topic, names)
    return problem === undefined ? Effect.void : Effect.fail(problem)
  }

  /** A consumer that also reads one of these as a source would handle failed records twice, and circle them. */
  private subscribed(names: ReadonlyArray<string>): KafkaError | undefined {
    for (const { source } of this.handlers) {
      const name = names.find((name) => Source.matches(source, name))
      if (name !== undefined) {
        return invalidSetting(
          "handlers",
          `${
            Source.show(source)
          } also takes in "${name}", a retry or dead letter topic of this consumer; make it narrower`
        )
      }
    }
    return undefined
  }

  /** A retry topic must belong to one source, so that the handler is known; dead letter topics may be shared. */
  private shared(topic: string, { deadLetter, retry }: Names.Names): KafkaError | undefined {
    for (const { deadLetter: dead, needsDeadLetter, source, tiers } of this.bySource.values()) {
      const name = tiers.find(({ name }) => name === deadLetter || retry.includes(name))?.name
        ?? retry.find((name) => needsDeadLetter && name === dead)
      if (name !== undefined) {
        return invalidSetting(
          "retries.naming",
          `"${name}" would be a topic of "${source}" and of "${topic}", but a retry topic leads back to one source; `
            + "put the name of the source into it"
        )
      }
    }
    return undefined
  }

  /** The source topic and tier of a retry topic, also of one of an earlier policy. */
  placeOf(name: string): Place | undefined {
    const known = this.byTier.get(name)
    if (known !== undefined) return known
    // One of an earlier policy, which may have had standard names.
    const parsed = this.naming.parse?.(this.group, name) ?? Names.parse(this.group, name)
    const handler = parsed && this.handlers.find(({ source }) => Source.matches(source, parsed.topic))
    if (parsed === undefined || handler === undefined) return undefined
    // Names without the group in them may be those of sources.
    if (this.handlers.some(({ source }) => source.match._tag === "Name" && source.match.name === name)) return undefined
    // For a pattern, a retry topic may be assigned before its source topic is known.
    const { tiers } = handler.plan
    const tier = parsed.tier === undefined ? undefined : tiers[parsed.tier - 1]
    const current = tier !== undefined
      && this.naming.retry({ group: this.group, topic: parsed.topic }, tier, tiers) === name
    if (current) return { source: parsed.topic, tier: { ...tier, name } }
    const { delay } = parsed as Parsed
    return { source: parsed.topic, tier: undefined, ...(delay === undefined ? {} : { delay }) }
  }
}
