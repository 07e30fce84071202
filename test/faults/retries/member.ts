/**
 * A process with two consumers, `node member.ts '<settings>'`: one whose failures go through retry topics, and one
 * whose failures wait in place, keys beside each other. It writes what it does into one ledger a group.
 */
import { NodeRuntime } from "@effect/platform-node"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Codec, Consumer, ConsumerEvent, Headers, OnFailure, Retry, Topic } from "millrace"
import type { Record } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { appendFileSync, existsSync, openSync, statSync, writeSync } from "node:fs"
import { join } from "node:path"
import { failuresOf, fateOf, numberIn } from "./fates.ts"

/** What the parent says. The name of a group is that of its topic. */
export interface MemberSettings {
  readonly name: string
  readonly bootstrap: string
  readonly folder: string
  readonly nonBlocking: string
  readonly blocking: string
  readonly delays: { readonly nonBlocking: number; readonly blocking: number }
  readonly retries: { readonly nonBlocking: number; readonly blocking: number }
  readonly slowMillis: number
  readonly consumer: Partial<Consumer.Settings>
}

const settings = JSON.parse(process.argv[2]!) as MemberSettings
const { blocking, bootstrap, consumer, delays, folder, name, nonBlocking, retries, slowMillis } = settings

type Numbered = Record.Record<string, { readonly n: number }>

class Failed extends Data.TaggedError("Transient")<{ readonly n: number; readonly attempt: number }> {}
class Refused extends Data.TaggedError("Permanent")<{ readonly n: number; readonly attempt: number }> {}
class TooSlow extends Data.TaggedError("Slow")<{ readonly n: number; readonly attempt: number }> {}

const ledgerOf = (group: string) => {
  const file = openSync(join(folder, `${group}.ledger`), "a")
  return (...words: ReadonlyArray<string | number>) => {
    writeSync(file, `${name} ${words.join(" ")}\n`)
  }
}

const ledgers = { [nonBlocking]: ledgerOf(nonBlocking), [blocking]: ledgerOf(blocking) }

/** The attempt, as a record of a retry topic tells it. */
const carried = ({ headers }: Numbered): number => {
  const bytes = Headers.getBytes(headers, "retry_topic-attempts")
  return bytes === undefined || bytes === null ? 1 : Buffer.from(bytes).readInt32BE()
}

/** How often records failed in any process, as the sizes of files: they outlive everything. */
const failures = {
  fileOf: (group: string, n: number) => join(folder, `${group}.${n}`),
  of: (group: string, n: number) => {
    const file = failures.fileOf(group, n)
    return existsSync(file) ? statSync(file).size : 0
  },
  add: (group: string, n: number) => appendFileSync(failures.fileOf(group, n), "x")
}

const errorOf = (n: number, attempt: number) => {
  switch (fateOf(n)) {
    case "permanent":
      return new Refused({ n, attempt })
    case "slow":
      return new TooSlow({ n, attempt })
    default:
      return new Failed({ n, attempt })
  }
}

const handlerOf = (group: string, attemptOf: (record: Numbered) => number) => {
  const note = ledgers[group]!
  return (record: Numbered) => {
    const { offset, partition, topic, value: { n } } = record
    const fate = fateOf(n)
    const attempt = fate === "fine" ? 1 : attemptOf(record)
    note("started", topic, partition, offset, n)
    const end = Effect.suspend(() => {
      if (attempt > failuresOf(n)) {
        note("handled", topic, partition, offset, n)
        return Effect.void
      }
      failures.add(group, n)
      note("failed", topic, partition, offset, n)
      if (fate === "defect") throw new TypeError(`a bug at ${n}`)
      return Effect.fail(errorOf(n, attempt))
    })
    return fate === "slow" ? Effect.andThen(Effect.sleep(slowMillis), end) : end
  }
}

/** Writes down what a policy decides: what becomes of poison is seen nowhere else. */
const noted = <E, R>(group: string, policy: OnFailure.OnFailure<E, R>): OnFailure.OnFailure<E, R> =>
  OnFailure.fromDecision<E, R>(
    "noted",
    policy.needs,
    (failure) =>
      Effect.tap(policy.decide(failure), (decision) =>
        Effect.sync(() => {
          const { attempts, kind, record: { offset, partition, topic, value } } = failure
          const { _tag } = OnFailure.last(decision)
          ledgers[group]!("decided", topic, partition, offset, numberIn(value), kind, _tag, attempts)
        }))
  )

const topicOf = (topic: string) =>
  Topic.make(topic, { key: Codec.string, value: Codec.json(Schema.Struct({ n: Schema.Finite })) })

const common = { offsetReset: "earliest", commitInterval: 300, metadataRefresh: 500, ...consumer } as const

const through = Consumer.make(nonBlocking, {
  ...common,
  onFailure: OnFailure.stop,
  handlers: [
    Topic.handle(topicOf(nonBlocking), handlerOf(nonBlocking, carried), {
      onFailure: noted(
        nonBlocking,
        Retry.nonBlocking(Schedule.exponential(delays.nonBlocking).pipe(Schedule.upTo({ times: retries.nonBlocking })))
      )
    })
  ]
})

const inPlace = Consumer.make(blocking, {
  ...common,
  onFailure: OnFailure.stop,
  handlers: [
    Topic.handle(topicOf(blocking), handlerOf(blocking, ({ value: { n } }) => failures.of(blocking, n) + 1), {
      concurrency: { keys: 32 },
      onFailure: noted(
        blocking,
        Retry.blocking(Schedule.spaced(delays.blocking).pipe(Schedule.upTo({ times: retries.blocking }))).pipe(
          OnFailure.andThen(OnFailure.deadLetter)
        )
      )
    })
  ]
})

/** Tells of its partitions as they come and go. */
const tell = Stream.runForEach(ConsumerEvent.stream, (event) =>
  Effect.sync(() => {
    const places = event._tag === "Assigned" || event._tag === "Revoked" || event._tag === "Lost"
      ? event.partitions
      : event._tag === "CommitFailed"
      ? event.positions
      : undefined
    if (places === undefined) return
    const ledger = ledgers[event.group.replace(/\.retry$/, "")]!
    ledger(event._tag.toLowerCase(), places.map(({ partition, topic }) => `${topic}/${partition}`).join(","))
  }))

NodeRuntime.runMain(
  Effect.gen(function*() {
    yield* Effect.forkChild(tell, { startImmediately: true })
    yield* Effect.all([Consumer.run(through), Consumer.run(inPlace)], { concurrency: 2 })
  }).pipe(
    Effect.onExit((exit) => Effect.sync(() => ledgers[blocking]!("ended", exit._tag))),
    Effect.provide(ConfluentKafka.layer({ bootstrapServers: [bootstrap] }))
  )
)
