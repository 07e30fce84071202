/** Millrace's side of the topics: consumers that fail by the same rule as the programs of other toolkits. */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { Consumer, Producer, type Record, Retry, RetryTopics, Topic } from "millrace"
import type { OnFailure } from "millrace"
import { parse } from "../../src/internal/retry/names.ts"
import * as RetryHeaders from "../../src/internal/retry/retryHeaders.ts"
import { textTopic } from "../conformance/members.ts"
import { until } from "../faults/cluster.ts"

export class Declined extends Schema.TaggedError<Declined>()("Declined", { order: Schema.String }) {
  override get message(): string {
    return `order ${this.order} was declined`
  }
}

/** What a handler did with a record. */
export interface Seen {
  readonly event: "handled" | "failed"
  readonly at: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly value: string
  readonly attempt: number
}

export interface Settings {
  readonly group: string
  readonly topic: string
  /** The first delay in milliseconds, and by how much each is longer than the one before. Default 500 and 2. */
  readonly delay?: number
  readonly factor?: number
  /** Default 3. */
  readonly retries?: number
  /** Whether values that say so fail. Default `true`. */
  readonly fails?: boolean
  readonly onFailure?: OnFailure.OnFailure<Declined, never, "Declined"> | undefined
  readonly options?: RetryTopics.Options | undefined
  readonly more?: Partial<Consumer.Settings> | undefined
  /** What its handlers did is added here. */
  readonly seen?: Array<Seen> | undefined
}

const attemptOf = ({ raw, topic }: Record.Record<unknown, unknown>, group: string): number => {
  const tier = parse(group, topic)?.tier
  return RetryHeaders.read(raw, tier === undefined ? undefined : { attempts: tier + 1 }).attempts
}

/** A value `order:3` fails at its first three deliveries, whoever made them. */
const handler = ({ fails = true, group, seen = [] }: Settings) => (record: Record.Record<string | null, string>) =>
  Effect.suspend(() => {
    const [order = "", failures = "0"] = record.value.split(":")
    const { offset, partition, topic, value } = record
    const attempt = attemptOf(record, group)
    const failed = fails && attempt <= Number(failures)
    seen.push({ event: failed ? "failed" : "handled", at: Date.now(), topic, partition, offset, value, attempt })
    return failed ? Effect.fail(new Declined({ order })) : Effect.void
  })

/** A consumer with Spring's names, unless `options` has others. */
export const consumerOf = (settings: Settings) => {
  const { delay = 500, factor = 2, group, more, onFailure, options, retries = 3, topic } = settings
  const schedule = Schedule.exponential(Duration.millis(delay), factor).pipe(Schedule.upTo({ times: retries }))
  return Consumer.make(group, {
    offsetReset: "earliest",
    sessionTimeout: "6 seconds",
    commitInterval: "200 millis",
    ...more,
    onFailure: onFailure ?? Retry.nonBlocking(schedule),
    retries: { naming: RetryTopics.spring, ...options },
    handlers: [Topic.handle(textTopic(topic), handler(settings))]
  })
}

/** Runs a consumer until it is stopped. */
export const run = Effect.fnUntraced(function*(settings: Settings) {
  const seen: Array<Seen> = settings.seen ?? []
  const fiber = yield* Effect.forkScoped(Consumer.run(consumerOf({ ...settings, seen })))
  const isOver = Effect.sync(() => fiber.pollUnsafe() !== undefined)
  return {
    seen,
    /** Waits until its handlers did this with all of these values. */
    until: (event: Seen["event"], values: ReadonlyArray<string>) =>
      Effect.gen(function*() {
        yield* until(
          `Millrace has ${event} ${values.join(", ")}`,
          Effect.sync(() =>
            fiber.pollUnsafe() !== undefined
            || values.every((value) => seen.some((one) => one.event === event && one.value === value))
          )
        )
        const exit = fiber.pollUnsafe()
        if (exit !== undefined) {
          assert.fail(`the consumer ended: ${Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""}`)
        }
      }),
    stop: Effect.andThen(Fiber.interrupt(fiber), until("Millrace has stopped", isOver))
  }
})

/** Sends texts with their name as the key. */
export const send = (topic: string, values: ReadonlyArray<string>, partitions = 1) =>
  Producer.sendAll(
    textTopic(topic),
    values.map((value, i) => ({
      key: value.split(":")[0]!,
      value,
      partition: i % partitions,
      headers: { trace: `trace of ${value}` }
    }))
  )

/** What one side did, Millrace or the other toolkit. */
export type Side = ReadonlyArray<{ readonly event: string; readonly value: string | null; readonly attempt: number }>

/** What two sides handled, sorted: each value as often as it was handled. */
export const handledBy = (...sides: ReadonlyArray<Side>) =>
  sides.flat().filter(({ event }) => event === "handled").map(({ value }) => value).sort()

/** Each delivery that a handler saw, such as `order:3 at 2`, sorted. */
export const deliveries = (...sides: ReadonlyArray<Side>) =>
  sides.flat()
    .filter(({ event }) => event === "handled" || event === "failed")
    .map(({ attempt, value }) => `${value} at ${attempt}`)
    .sort()
