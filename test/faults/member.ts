/**
 * A member of a group as a process of its own: `node member.ts '<settings>'`. It writes what it does into a file that
 * all members of the group append to, so that the order of the lines is the order of the events. SIGTERM ends it in
 * good order.
 */
import { NodeRuntime } from "@effect/platform-node"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Codec, Consumer, ConsumerEvent, type KafkaError, OnFailure, Topic } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { openSync, writeSync } from "node:fs"

/** What the parent says. */
export interface MemberSettings {
  readonly name: string
  readonly group: string
  readonly topic: string
  readonly bootstrap: string
  readonly ledger: string
  /** How long a record takes. */
  readonly workMillis: number
  readonly consumer: Partial<Consumer.Settings>
}

const settings = JSON.parse(process.argv[2]!) as MemberSettings
const { bootstrap, consumer, group, ledger, name, topic, workMillis } = settings

const file = openSync(ledger, "a")
const note = (...words: ReadonlyArray<string | number>) => {
  writeSync(file, `${name} ${words.join(" ")}\n`)
}

const Numbers = Topic.make(topic, { key: Codec.nullable(Codec.string), value: Codec.string })

const program = Consumer.run(Consumer.make(group, {
  offsetReset: "earliest",
  commitInterval: 300,
  metadataRefresh: 500,
  ...consumer,
  onFailure: OnFailure.stop,
  handlers: [
    Topic.handle(Numbers, ({ offset, partition, value }) =>
      Effect.gen(function*() {
        note("started", partition, offset, value)
        if (workMillis > 0) yield* Effect.sleep(workMillis)
        note("handled", partition, offset, value)
      }))
  ]
}))

const unknownMember = 25

/** The group has given this member up, and takes nothing of it any more. */
const isOver = ({ reason }: KafkaError.KafkaError): boolean =>
  reason._tag === "CommitFailed" || (reason._tag === "BrokerError" && reason.code === unknownMember)

/** Tells of its partitions as they come and go, and of what it could not commit because its session was over. */
const tell = Stream.runForEach(ConsumerEvent.stream, (event) =>
  Effect.sync(() => {
    if (event._tag === "CommitFailed" && isOver(event.error)) {
      note("uncommitted", event.positions.map(({ partition }) => partition).join(","))
    }
    if (event._tag === "Assigned" || event._tag === "Revoked" || event._tag === "Lost") {
      note(event._tag.toLowerCase(), event.partitions.map(({ partition }) => partition).join(","))
    }
  }))

NodeRuntime.runMain(
  Effect.gen(function*() {
    yield* Effect.forkChild(tell, { startImmediately: true })
    yield* program
  }).pipe(
    Effect.onExit((exit) => Effect.sync(() => note("ended", exit._tag))),
    Effect.provide(ConfluentKafka.layer({ bootstrapServers: [bootstrap] }))
  )
)
