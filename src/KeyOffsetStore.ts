/**
 * The latest offset of each key, for telling that a failing record is stale: that a later record of its key exists, so
 * that there is no point in handling it again.
 *
 * Only for topics whose value is the full state of its key, where the later record replaces the earlier one.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { RawRecord } from "./engine/KafkaEngine.ts"
import { booleanOf } from "./internal/shared/effectOf.ts"
import { anything, requireFields } from "./internal/shared/fields.ts"
import { functionsIn } from "./internal/shared/handedIn/codecArguments.ts"
import { LatestOffsets } from "./internal/shared/latestOffsets.ts"
import * as OnFailure from "./OnFailure.ts"

/**
 * Where the latest known record of a key is.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Latest {
  readonly partition: number
  readonly offset: number
}

/**
 * What the store needs of a record, tombstones included. In a retry topic it is the place where the record was first
 * read from.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Observed = Pick<RawRecord, "topic" | "partition" | "offset" | "key">

/**
 * The store cannot be read or written. Whether a record is stale is then unknown: treat it as if it was not.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class KeyOffsetStoreError extends Data.TaggedError("KeyOffsetStoreError")<{
  readonly operation: "latest" | "observe" | "forget"
  readonly topics: ReadonlyArray<string>
  readonly cause: unknown
}> {
  override get message(): string {
    return `key offset store: "${this.operation}" failed for ${this.topics.join(", ")}, see the cause; `
      + "check that what it is kept in can be reached"
  }
}

/**
 * A store of the latest offset of each key.
 *
 * - `latest`: where the latest known record of a key is; none when the key is not known (any more).
 * - `observe`: notes records as the consumer reads them, a chunk at a time. Records without a key are left out. An
 *   offset never goes back within a partition, so that reading again changes nothing; a key that moved to another
 *   partition (the topic got more of them) is known by what was read last.
 * - `forget`: drops all that is known of a topic. Needed when a topic was deleted and created again: its offsets begin
 *   at 0, and every record of it would look stale.
 *
 * A consumer observes what it could decode, before its handlers run: a later record in the same chunk counts, one that
 * cannot be decoded does not replace anything.
 *
 * @stability unstable
 * @since 0.1.0
 * @category services
 */
export class KeyOffsetStore extends Context.Service<KeyOffsetStore, {
  readonly latest: (topic: string, key: Uint8Array) => Effect.Effect<Option.Option<Latest>, KeyOffsetStoreError>
  readonly observe: (records: ReadonlyArray<Observed>) => Effect.Effect<void, KeyOffsetStoreError>
  readonly forget: (topic: string) => Effect.Effect<void, KeyOffsetStoreError>
}>()("millrace/KeyOffsetStore") {}

/**
 * Whether the latest record of a key makes a record of that key stale: it has a higher offset in the same partition.
 * Offsets of different partitions cannot be compared; then the record may be the latest, and is not stale.
 *
 * @example
 * ```ts
 * import { Option } from "effect"
 * import { KeyOffsetStore } from "millrace"
 *
 * const latest = Option.some({ partition: 0, offset: 7 })
 *
 * export const yes = KeyOffsetStore.isStale(latest, { partition: 0, offset: 5 })
 * export const no = KeyOffsetStore.isStale(latest, { partition: 0, offset: 7 })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category predicates
 */
export const isStale = (latest: Option.Option<Latest>, record: Latest): boolean =>
  Option.isSome(latest) && latest.value.partition === record.partition && latest.value.offset > record.offset

/**
 * Asks the store whether a record is stale. A record without a key never is.
 *
 * **When to use**: in a failure policy, once it is known that the error is one that staleness explains (a row that is
 * gone, a reference that is not there).
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { KeyOffsetStore, OnFailure } from "millrace"
 *
 * export const policy = OnFailure.make((failure) =>
 *   Effect.map(
 *     Effect.orElseSucceed(KeyOffsetStore.check(failure.record), () => false),
 *     (stale) => stale ? OnFailure.skip : OnFailure.stop
 *   ), { observes: true })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const check = (record: Observed): Effect.Effect<boolean, KeyOffsetStoreError, KeyOffsetStore> => {
  const { key } = record
  return key === null
    ? Effect.succeed(false)
    : Effect.flatMap(
      KeyOffsetStore,
      (store) => Effect.map(store.latest(record.topic, key), (latest) => isStale(latest, record))
    )
}

/**
 * What is done about a stale record.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Guard<in E, out R = never, out Tags extends string = never> {
  /**
   * Whether staleness can explain the failure. The store is asked for such failures only. Where it returns neither true
   * nor false, such as a Promise, the policy fails, and the consumer stops.
   */
  readonly when: (failure: OnFailure.Failure<E>) => boolean
  /** What happens to a stale record: `OnFailure.skip` or `OnFailure.deadLetter` in most cases. */
  readonly stale: OnFailure.OnFailure<E, R, Tags>
}

/**
 * A policy that first checks whether a failed record is stale. Of a batch it checks each record: stale ones leave the
 * batch, and the handler runs again with the others. A consumer with such a policy reports every chunk that it reads to
 * the store. If the store fails, or a record of a retry topic does not say where it was first read, it is not stale.
 *
 * **When to use**: for handlers that fail on records which a later one of the same key has made pointless, such as an
 * update of a row that was deleted meanwhile.
 *
 * @example
 * ```ts
 * import { Cause, Schedule } from "effect"
 * import { KeyOffsetStore, OnFailure, Retry } from "millrace"
 *
 * export const policy = Retry.nonBlocking(Schedule.recurs(3)).pipe(
 *   KeyOffsetStore.guard({ when: ({ cause }) => Cause.hasFails(cause), stale: OnFailure.skip })
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const guard: {
  <E2, R2 = never, T2 extends string = never>(
    options: Guard<E2, R2, T2>
  ): <E1, R1, T1 extends string>(
    self: OnFailure.OnFailure<E1, R1, T1>
  ) => OnFailure.OnFailure<E1 & E2, R1 | R2 | KeyOffsetStore, T1 | T2>
  <E1, R1, T1 extends string, E2, R2 = never, T2 extends string = never>(
    self: OnFailure.OnFailure<E1, R1, T1>,
    options: Guard<E2, R2, T2>
  ): OnFailure.OnFailure<E1 & E2, R1 | R2 | KeyOffsetStore, T1 | T2>
} = dual(
  2,
  <E1, R1, E2, R2>(
    self: OnFailure.OnFailure<E1, R1>,
    options: Guard<E2, R2>
  ): OnFailure.OnFailure<E1 & E2, R1 | R2 | KeyOffsetStore> => {
    const { stale, when } = functionsIn("KeyOffsetStore.guard", options, ["when"], { stale: anything })
    OnFailure.requirePolicies("KeyOffsetStore.guard", self)
    OnFailure.requirePolicies("KeyOffsetStore.guard: stale", stale)
    return OnFailure.make<E1 & E2, R1 | R2, KeyOffsetStore>(
      (failure) => {
        const { kind, origins, records, topic } = failure
        if (kind === "poison" || !booleanOf(when(failure), "`when`")) return self
        const asked = Effect.filter(records, ({ key }: RawRecord, i: number) => {
          const { offset, partition, topic: read } = origins[i]!
          // Offsets of a retry topic do not compare with those that were observed.
          return read === topic ? check({ topic, partition, offset, key }) : Effect.succeed(false)
        })
        return Effect.catch(asked, (error) => Effect.as(Effect.logWarning(error.message), [])).pipe(
          Effect.map((found): OnFailure.OnFailure<E1 & E2, R1 | R2> =>
            found.length === 0 ? self : OnFailure.only(found, stale)
          )
        )
      },
      { uses: [self, stale], observes: true, words: `stale: ${stale.words}; else ${self.words}` }
    )
  }
)

/**
 * Limits of the store in memory. A key that is not kept makes no record stale.
 *
 * - `maxKeys` (default 100 000): how many keys are kept at most, over all topics. The key that was seen longest ago is
 *   dropped first.
 * - `maxKeyBytes` (default 1024): longer keys are not kept.
 *
 * With the defaults it takes some 20 MB for short keys, and at most some 120 MB.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface MemoryOptions {
  readonly maxKeys?: number | undefined
  readonly maxKeyBytes?: number | undefined
}

/**
 * The defaults of {@link MemoryOptions}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category defaults
 */
export const memoryDefaults = {
  maxKeys: 100_000,
  maxKeyBytes: 1024
} as const satisfies MemoryOptions

const limit = (name: keyof typeof memoryDefaults, options: MemoryOptions): number => {
  const value = options[name] ?? memoryDefaults[name]
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new Error(`KeyOffsetStore.layerMemory: ${name} is ${value}, not a whole number of at least 1`)
}

/**
 * A store in the memory of this process. It knows what this process has read since it started, so it may miss that a
 * record is stale, for example after a partition moved to another process; but what it calls stale is stale. Throws for
 * limits that are no whole numbers of at least 1.
 *
 * @example
 * ```ts
 * import { KeyOffsetStore } from "millrace"
 *
 * export const store = KeyOffsetStore.layerMemory({ maxKeys: 1_000_000 })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layerMemory = (options: MemoryOptions = {}): Layer.Layer<KeyOffsetStore> => {
  requireFields("KeyOffsetStore.layerMemory", "options", options, { maxKeys: anything, maxKeyBytes: anything })
  const maxKeys = limit("maxKeys", options)
  const maxKeyBytes = limit("maxKeyBytes", options)
  return Layer.sync(KeyOffsetStore, () => {
    const offsets = new LatestOffsets(maxKeys, maxKeyBytes)
    return {
      latest: (topic, key) => Effect.sync(() => Option.fromUndefinedOr(offsets.get(topic, key))),
      observe: (records) => Effect.sync(() => offsets.observe(records)),
      forget: (topic) => Effect.sync(() => offsets.forget(topic))
    }
  })
}
