/**
 * What `RetryTopics` works with: tiers, names, settings.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Schedule from "effect/Schedule"
import type { KafkaError } from "./KafkaError.ts"

/**
 * A source topic and the group that reads it.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Source {
  /** The consumer's group. */
  readonly group: string
  /** The topic that its records are first read from. */
  readonly topic: string
}

/**
 * A retry topic: retries in a row with the same delay.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Tier {
  /** Its number, from 1. */
  readonly index: number
  /** How long its records wait, in milliseconds. */
  readonly delay: number
  /** How many retries it serves; `Infinity` without an end. */
  readonly attempts: number
}

/**
 * What the name of a retry topic says.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Parsed {
  /** The source topic. */
  readonly topic: string
  /** The number of the tier, from 1, where the name tells it. */
  readonly tier: number | undefined
  /** The delay in milliseconds, where the name tells it. */
  readonly delay: number | undefined
}

/**
 * How topics are called.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Naming {
  /** The name of one retry topic; `tiers` are all retry topics of the source. */
  readonly retry: (source: Source, tier: Tier, tiers: ReadonlyArray<Tier>) => string
  /** The name of the dead letter topic. */
  readonly deadLetter: (source: Source) => string
  /**
   * What a name says if it is that of a retry topic, also of an earlier policy; `undefined` if it is none. Without it,
   * retry topics of an earlier policy whose names were of this kind are neither read nor listed.
   */
  readonly parse?: ((group: string, name: string) => Parsed | undefined) | undefined
  /** Whether each retry has a topic of its own, also where delays in a row are equal. Default `false`. */
  readonly separate?: boolean | undefined
}

/**
 * `<group>.<topic>.retry.1` and so on, `<group>.<topic>.dlt`: the default, and the names of django-kafka. The group is
 * part of them, so that two groups of one topic do not meet.
 *
 * @example
 * ```ts
 * import { RetryTopics } from "millrace"
 *
 * console.log(RetryTopics.standard.deadLetter({ group: "billing", topic: "orders" })) // billing.orders.dlt
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category naming
 */
export const standard: Naming = {
  retry: ({ group, topic }, tier) => `${group}.${topic}.retry.${tier.index}`,
  deadLetter: ({ group, topic }) => `${group}.${topic}.dlt`,
  parse: (group, name) => {
    const suffix = /\.retry\.([1-9]\d{0,4})$/.exec(name)
    const topic = suffix === null ? "" : name.slice(group.length + 1, name.length - suffix[0].length)
    return name.startsWith(`${group}.`) && topic.length > 0
      ? { topic, tier: Number(suffix![1]), delay: undefined }
      : undefined
  }
}

/**
 * How {@link springWith} names topics, in the words of Spring's annotation.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface SpringNames {
  /** `retryTopicSuffix`. Default `"-retry"`. */
  readonly retrySuffix?: string | undefined
  /** `dltTopicSuffix`. Default `"-dlt"`. */
  readonly dltSuffix?: string | undefined
  /** `topicSuffixingStrategy`: `SUFFIX_WITH_DELAY_VALUE` or `SUFFIX_WITH_INDEX_VALUE`. Default `"delay"`. */
  readonly suffix?: "delay" | "index" | undefined
  /** `sameIntervalTopicReuseStrategy`: one topic for equal delays in a row, or one for each. Default `"single"`. */
  readonly sameInterval?: "single" | "multiple" | undefined
}

/**
 * The names of a Spring application that sets suffixes or strategies of its own: `<topic>-retry-0`, `-retry-1` for
 * equal delays with `sameInterval: "multiple"`, or for all with `suffix: "index"`.
 *
 * @example
 * ```ts
 * import { RetryTopics } from "millrace"
 *
 * const naming = RetryTopics.springWith({ sameInterval: "multiple" })
 * const tiers = [{ index: 1, delay: 1000, attempts: 1 }, { index: 2, delay: 1000, attempts: 1 }]
 * console.log(naming.retry({ group: "billing", topic: "orders" }, tiers[1]!, tiers)) // orders-retry-1
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category naming
 */
export const springWith = (names: SpringNames): Naming => {
  const { dltSuffix = "-dlt", retrySuffix = "-retry", sameInterval = "single", suffix = "delay" } = names
  const separate = sameInterval === "multiple"
  return {
    retry: ({ topic }, tier, tiers) => {
      const name = `${topic}${retrySuffix}`
      if (!separate && tiers.length === 1) return name
      const equal = tiers.filter(({ delay }) => delay === tier.delay)
      const before = tiers.reduce((sum, { attempts, index }) => index < tier.index ? sum + attempts : sum, 0)
      if (suffix === "index" || separate && tiers.length > 1 && equal.length === tiers.length) {
        return `${name}-${before}`
      }
      return equal.length === 1 || !separate ? `${name}-${tier.delay}` : `${name}-${tier.delay}-${equal.indexOf(tier)}`
    },
    deadLetter: ({ topic }) => `${topic}${dltSuffix}`,
    parse: (_, name) => {
      const at = name.lastIndexOf(retrySuffix)
      const rest = /^(?:-(\d{1,15}))?(-\d{1,5})?$/.exec(at > 0 ? name.slice(at + retrySuffix.length) : "x")
      if (rest === null) return undefined
      const topic = name.slice(0, at)
      // A single number is a delay, or counts from 0 where the strategy says so.
      const number = rest[1] === undefined ? undefined : Number(rest[1])
      const counts = suffix === "index" || separate && rest[2] === undefined && number !== undefined && number < 100
      return counts
        ? { topic, tier: number === undefined ? undefined : number + 1, delay: undefined }
        : { topic, tier: undefined, delay: number }
    },
    separate
  }
}

/**
 * `<topic>-retry-<milliseconds>` (`<topic>-retry` when there is only one) and `<topic>-dlt`: Spring's default names,
 * for sharing topics with an application that uses them. Two groups with the same topic would share them as well.
 *
 * @example
 * ```ts
 * import type { RetryTopics as Options } from "millrace"
 * import { RetryTopics } from "millrace"
 *
 * export const retries: Options.Options = { naming: RetryTopics.spring, topics: "require" }
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category naming
 */
export const spring: Naming = springWith({})

/**
 * Settings of the retry and dead letter topics of a consumer.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * `"create"` makes missing topics before the consumer starts, with the partitions of the source, the broker's
   * replication, room for the largest record of the source, and a retention of 7 days or ten times the delay, whichever
   * is longer. `"require"` starts only if all exist, and names the missing ones and the command that creates them.
   * Default `"create"`.
   */
  readonly topics?: "create" | "require" | undefined
  /**
   * Settings of topics that are created, by Kafka's names, over those that Millrace chooses. Where the engine cannot
   * read the source's `max.message.bytes`, this is the way to set it. Default: none.
   */
  readonly config?: Readonly<{ [name: string]: string }> | undefined
  /** How topics are called. Only {@link standard} names serve handlers of patterns. Default {@link standard}. */
  readonly naming?: Naming | undefined
  /** The group that reads the retry topics. Default: the consumer's group and `.retry`. */
  readonly group?: string | undefined
  /**
   * What to do when another group with members reads the same retry topics, which would handle each record twice:
   * `"refuse"` does not start, `"warn"` logs it. It is looked up where naming or group are not the default ones.
   * Default `"refuse"`.
   */
  readonly otherReaders?: "refuse" | "warn" | undefined
  /**
   * When a copy that the broker did not take is sent again. The handler is not run again, and the partition waits. When
   * the schedule is over, the consumer stops at the record; an error that no retry can help (no permission, a record
   * that is too large) stops it at once. Default: exponential from 500 ms, at most 30 s apart, without an end.
   */
  readonly publish?: Schedule.Schedule<unknown, KafkaError> | undefined
  /**
   * Whether the copy and the offset of its record are committed in one transaction, so that a crash leaves no second
   * copy. It needs concurrency `"partition"`, an engine with transactions, and a few milliseconds per copy. Default
   * `false`.
   */
  readonly transactional?: boolean | undefined
  /**
   * Whether dead letters carry the encoded fields of an error that is a `Schema.TaggedError`, as JSON of at most 2 KiB,
   * with `Redacted` values masked. Default `true`.
   */
  readonly errorFields?: boolean | undefined
  /** Stops at a record instead of sending it to the dead letter topic when too many went there. Default: no limit. */
  readonly deadLetterLimit?: DeadLetterLimit | undefined
}

/**
 * When too many records went to the dead letter topics. A partition that stops for it is held, with health red, under
 * `Consumer.layer`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface DeadLetterLimit {
  /** At most this many of a partition in a row. */
  readonly consecutive?: number | undefined
  /** At most this share (above 0, up to 1) of the last `window` records of a partition. */
  readonly ratio?: number | undefined
  /** Of how many records `ratio` is a share. Default 1000. */
  readonly window?: number | undefined
}

/**
 * The defaults of {@link Options}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category defaults
 */
export const defaults = {
  topics: "create",
  naming: standard,
  publish: Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced("30 seconds")]),
  transactional: false,
  errorFields: true
} as const satisfies Options

/**
 * A retry topic of a consumer.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Summary {
  /** Its name. */
  readonly topic: string
  /** The source topic. */
  readonly source: string
  /** Its number, from 1; `undefined` where the name of a topic of an earlier policy does not tell. */
  readonly tier: number | undefined
  /** Its delay in milliseconds; `undefined` for a topic of an earlier policy. */
  readonly delay: number | undefined
  /** How many partitions it has; `undefined` if it does not exist. */
  readonly partitions: number | undefined
  /**
   * How many records of this group wait, each counted where its latest copy is; where more than 10,000 wait in all, the
   * offsets that the retry consumer has not committed.
   */
  readonly waiting: number
  /** When the first record is due, in milliseconds; `undefined` if none waits. */
  readonly nextDue: number | undefined
  /** When the oldest one was written, in milliseconds; `undefined` if none waits. */
  readonly oldest: number | undefined
}

/**
 * An offset of the group that reads retry topics, before and after it was taken over.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Adopted {
  /** The group whose offset it is. */
  readonly group: string
  /** The retry topic. */
  readonly topic: string
  /** Its partition. */
  readonly partition: number
  /** The offset before; `undefined` if there was none. */
  readonly before: number | undefined
  /** The offset after. */
  readonly after: number
}
