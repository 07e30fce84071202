/** Which retry and dead letter topics belong to which source topic of a consumer, in both directions. */
import * as Effect from "effect/Effect"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import type { Naming, Tier } from "../../RetryTopics.ts"
import * as Topic from "../../Topic.ts"
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
  readonly plan: Tiers.Plan
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
  readonly source: Pick<Topic.AnySource, "match">
  readonly plan: Tiers.Plan
  readonly needsDeadLetter: boolean
  readonly others: ReadonlyArray<string>
}

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
    return this.handlers.some(({ needsDeadLetter, others, plan }) =>
      needsDeadLetter || plan.tiers.length > 0 || others.length > 0
    )
  }

  /** The topics of a source topic; checked, and remembered. */
  of(topic: string): Effect.Effect<SourceTopics | undefined, KafkaError> {
    return Effect.suspend(() => {
      const known = this.bySource.get(topic)
      if (known !== undefined) return Effect.succeed(known)
      const handler = this.handlers.find(({ source }) => Topic.matches(source, topic))
      if (handler === undefined) return Effect.undefined
      const { needsDeadLetter, others, plan } = handler
      return Effect.flatMap(Names.names(this.naming, { group: this.group, topic }, plan.tiers), (names) => {
        const swallowed = this.subscribed([...names.retry, names.deadLetter])
        if (swallowed !== undefined) return Effect.fail(swallowed)
        const tiers = plan.tiers.map((tier, i): TierTopic => ({ ...tier, name: names.retry[i]! }))
        const topics: SourceTopics = {
          source: topic,
          tiers,
          plan,
          deadLetter: names.deadLetter,
          needsDeadLetter,
          others
        }
        this.bySource.set(topic, topics)
        for (const tier of tiers) this.byTier.set(tier.name, { source: topic, tier })
        return Effect.succeed(topics)
      })
    })
  }

  /** A consumer that also subscribes to one of these as a source would handle its failures twice, and go in circles. */
  private subscribed(names: ReadonlyArray<string>): KafkaError | undefined {
    if (!this.routes) return undefined
    for (const { source } of this.handlers) {
      const name = names.find((name) => Topic.matches(source, name))
      if (name !== undefined) {
        return invalidSetting(
          "handlers",
          `${
            Topic.show(source)
          } also takes in "${name}", a retry or dead letter topic of this consumer; make it narrower`
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
    if (parsed === undefined || !this.handlers.some(({ source }) => Topic.matches(source, parsed.topic))) {
      return undefined
    }
    // A tier of a topic that only a pattern names may be met here before its source topic is.
    const tier = this.bySource.get(parsed.topic)?.tiers.find((tier) => tier.name === name)
    return { source: parsed.topic, tier }
  }
}
