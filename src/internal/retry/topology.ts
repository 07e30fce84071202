/** Which retry and dead letter topics belong to which source topic of a consumer, in both directions. */
import * as Effect from "effect/Effect"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import type { Naming, Tier } from "../../RetryTopic.ts"
import * as Source from "../../Source.ts"
import * as Names from "./names.ts"
import type * as Tiers from "./tiers.ts"

/** A retry topic. */
export interface TierTopic extends Tier {
  readonly name: string
}

/** What the failures of a source topic need. Without a retrying policy `tiers` is empty. */
export interface SourceTopics {
  readonly source: string
  readonly tiers: ReadonlyArray<TierTopic>
  readonly plan: Tiers.Tiers
  readonly deadLetter: string
  /** Whether the policy uses the dead letter topic. */
  readonly needsDeadLetter: boolean
  /** Other topics that the policy routes to. */
  readonly others: ReadonlyArray<string>
}

/** Where a retry topic belongs. `tier` is undefined for one that the policy no longer has. */
export interface Place {
  readonly source: string
  readonly tier: TierTopic | undefined
}

/** What is known of the policy of a topic. */
export interface Routed {
  readonly source: Pick<Source.AnySource, "match">
  readonly plan: Tiers.Tiers
  readonly needsDeadLetter: boolean
  readonly others: ReadonlyArray<string>
}

/** Whether anything goes to a retry topic or a dead letter topic of the source. */
export const usesTopics = ({ needsDeadLetter, plan }: Routed): boolean => needsDeadLetter || plan.tiers.length > 0

/** The group that consumes the retry topics of a group. */
export const retryGroupOf = (group: string): string => `${group}.retry`

/** The topics of one consumer. Those of patterns become known as their topics do. */
export class Topology {
  readonly group: string
  readonly handlers: ReadonlyArray<Routed>
  private readonly naming: Naming
  private readonly bySource = new Map<string, SourceTopics>()
  private readonly byTier = new Map<string, Place>()

  constructor(group: string, naming: Naming, handlers: ReadonlyArray<Routed>) {
    this.group = group
    this.naming = naming
    this.handlers = handlers
  }

  /** Whether anything may be routed to a topic: by retries, or as a dead letter. */
  get routes(): boolean {
    return this.handlers.some((handler) => usesTopics(handler) || handler.others.length > 0)
  }

  /** The topics of a source topic; checked, and remembered. */
  of(topic: string): Effect.Effect<SourceTopics | undefined, KafkaError> {
    return Effect.suspend(() => {
      const known = this.bySource.get(topic)
      if (known !== undefined) return Effect.succeed(known)
      const handler = this.handlers.find(({ source }) => Source.matches(source, topic))
      if (handler === undefined) return Effect.undefined
      const { needsDeadLetter, others, plan } = handler
      const of = { group: this.group, topic }
      // Names that are not used may be what they like: a group id need not fit into a topic name.
      const named = usesTopics(handler)
        ? Effect.tap(Names.names(this.naming, of, plan.tiers), (names) => this.check(topic, names))
        : Effect.sync((): Names.Names => ({ retry: [], deadLetter: this.naming.deadLetter(of) }))
      return Effect.map(named, ({ deadLetter, retry }) => {
        const tiers = plan.tiers.map((tier, i): TierTopic => ({ ...tier, name: retry[i]! }))
        const topics: SourceTopics = { source: topic, tiers, plan, deadLetter, needsDeadLetter, others }
        this.bySource.set(topic, topics)
        for (const tier of tiers) this.byTier.set(tier.name, { source: topic, tier })
        return topics
      })
    })
  }

  private check(topic: string, names: Names.Names): Effect.Effect<void, KafkaError> {
    const problem = this.subscribed([...names.retry, names.deadLetter]) ?? this.shared(topic, names)
    return problem === undefined ? Effect.void : Effect.fail(problem)
  }

  /** A consumer that also subscribes to one of these as a source would handle its failures twice, and go in circles. */
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

  /** A record of a retry topic has to lead back to one source; dead letters may all go to one topic. */
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

  /** Where a retry topic belongs, also one of an earlier policy. */
  placeOf(name: string): Place | undefined {
    const known = this.byTier.get(name)
    if (known !== undefined) return known
    const parsed = Names.parse(this.group, name)
    const handler = parsed && this.handlers.find(({ source }) => Source.matches(source, parsed.topic))
    if (parsed === undefined || handler === undefined) return undefined
    // A tier of a topic that only a pattern names may be met before its source topic is.
    const { tiers } = handler.plan
    const tier = tiers[parsed.tier - 1]
    const current = tier !== undefined
      && this.naming.retry({ group: this.group, topic: parsed.topic }, tier, tiers) === name
    return { source: parsed.topic, tier: current ? { ...tier, name } : undefined }
  }
}
