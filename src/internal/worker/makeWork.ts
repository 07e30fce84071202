/** Makes what the worker of one partition works with. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { Pending } from "../../Codec.ts"
import type { Chunk, RawRecord } from "../../engine/KafkaEngine.ts"
import { KeyOffsetStore } from "../../KeyOffsetStore.ts"
import { Decoders } from "../codec/decoders.ts"
import type { Decode } from "../codec/decoding.ts"
import { DueGate } from "../partition/dueGate.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import { handlerFor, type Plan, type PlannedHandler, sourceTopic } from "../plan/plan.ts"
import { dueTime } from "../retry/dueTime.ts"
import * as Names from "../retry/names.ts"
import * as RetryHeaders from "../retry/retryHeaders.ts"
import type { Router } from "../retry/router.ts"
import type { SourceTopics, TierTopic } from "../retry/topology.ts"
import { DeadLetterCount } from "./deadLetterLimit.ts"
import type { Work, WorkerHost } from "./workerHost.ts"

/** When a record of a retry topic is to be handled, in milliseconds. */
const dueOf = (
  delay: number | undefined,
  topics: SourceTopics | undefined,
  isForeign: Work["isPassed"]
) => {
  const due = dueTime(delay, topics?.tiers ?? [])
  // A foreign record is passed over at once, so that ours do not wait for it.
  return (record: RawRecord, now: number): number => isForeign?.(record) === true ? now : due(record, now)
}

/**
 * The number of the delivery of records in a retry topic that have no header for it: django-kafka has it only in the
 * name of the topic. It has a topic for each retry, also for equal delays, for which we have one.
 */
const deliveryIn = (group: string, topic: string, tier: TierTopic | undefined): number | undefined => {
  const index = tier?.index ?? Names.parse(group, topic)?.tier
  return index === undefined ? undefined : index + 1
}

/**
 * Recognizes foreign records: another group sent them to a retry topic of this one. With dots in groups and topics, two
 * groups may have a topic of the same name: "eu.orders" in group "shop", and "orders" in group "shop.eu".
 */
const foreignIn = (
  group: string,
  topic: string,
  met: (group: string) => void
): ((record: RawRecord) => boolean) | undefined => {
  const source = Names.parse(group, topic)?.topic
  // Without dots the name can be parsed in only one way.
  if (source === undefined || !(source.includes(".") || group.includes("."))) return undefined
  return (record) => {
    const sender = RetryHeaders.readGroup(record)
    if (sender === undefined || sender === group || Names.parse(sender, topic) === undefined) return false
    met(sender)
    return true
  }
}

/** Records that are passed over: foreign ones, and those that an earlier owner finished behind its position. */
const passedIn = (
  { call }: PlannedHandler,
  { progress }: PartitionState,
  isForeign: Work["isPassed"]
): Work["isPassed"] => {
  // A handler that owns its offsets, or the reader of a stream, says itself where to go on.
  if (!progress.knowsEarlier || call._tag === "Owned" || call._tag === "Stream") return isForeign
  return (record) => progress.wasFinished(record.offset) || isForeign?.(record) === true
}

/** How many records are decoded at once when their codecs have to wait. */
const decodedAtOnce = 16

/**
 * How long decoding a chunk for the `KeyOffsetStore` may take. A codec that hangs is reported later, when its record is
 * handled.
 */
const patience = "5 seconds"

/** Whether a record can be decoded, or an effect that finds out. */
const decodable = (decode: Decode, raw: RawRecord): boolean | Effect.Effect<boolean> => {
  try {
    const record = decode(raw)
    return !(record instanceof Pending) || Effect.map(Effect.exit(record.effect), Exit.isSuccess)
  } catch {
    return false
  }
}

/** The records that can be decoded: another record does not make an earlier one of its key stale. */
const decodableOf = (
  decode: Decode,
  records: ReadonlyArray<RawRecord>
): Effect.Effect<ReadonlyArray<RawRecord>> => {
  const found = records.map((raw) => decodable(decode, raw))
  const picked = (all: ReadonlyArray<unknown>) => records.filter((_, i) => all[i] === true)
  if (!found.some(Effect.isEffect)) return Effect.succeed(picked(found))
  const all = Effect.forEach(found, (one) => Effect.isEffect(one) ? one : Effect.succeed(one), {
    concurrency: decodedAtOnce
  })
  return Effect.map(Effect.timeoutOption(all, patience), (answers) => picked(Option.getOrElse(answers, () => found)))
}

/** The error of a record that an operator skipped before it was due. */
const notDue = new Error("skipped by hand before it was due")

/** Keeps a record that is to be skipped from its handler, in every kind of worker: it fails as if it did not decode. */
const passing = (decode: Decode, gate: DueGate): Decode => (raw) => {
  if (gate.skips.has(raw.offset)) throw notDue
  return decode(raw)
}

/** Reports records to the store before they are handled. If that fails a stale record may go unnoticed, no more. */
const observer = (decode: Decode, store: KeyOffsetStore["Service"]) =>
  Effect.fnUntraced(function*({ records }: Chunk) {
    const observed = store.observe(yield* decodableOf(decode, records))
    yield* Effect.catch(observed, ({ message }) => Effect.logWarning(message))
  })

/** What all workers of a run share. */
export interface Options {
  readonly plan: Plan
  readonly host: WorkerHost
  readonly router: Router | undefined
  /** A record was handled `millis` milliseconds after it was due. */
  readonly late: (topic: string, millis: number) => void
}

/** Makes the work of a partition, for as long as the current scope; codecs are prepared once per topic. */
export const make = ({ host, late, plan, router }: Options) => {
  const decoders = new Decoders()
  const shared = new Set<string>()

  /** Warns once per retry topic that another group has a topic of the same name. */
  const warnOf = (topic: string, context: Context.Context<never>) => (group: string): void => {
    if (shared.has(topic)) return
    shared.add(topic)
    Effect.runForkWith(context)(Effect.logWarning(
      `retry topic "${topic}" is one of group "${group}" too, and its records are left to that; give one of the groups `
        + "another name"
    ))
  }

  return Effect.fnUntraced(function*(
    state: PartitionState
  ): Effect.fn.Return<{ readonly handler: PlannedHandler; readonly work: Work } | undefined, never, Scope.Scope> {
    const { retries: { deadLetterLimit }, retrying, topology } = plan
    const source = sourceTopic(plan, state.topic)
    const handler = handlerFor(plan, state.topic)
    if (handler === undefined) return undefined
    // Its names were checked with the plan, or when the topic was assigned.
    const topics = yield* Effect.orDie(topology.of(source))
    const place = retrying ? topology.placeOf(state.topic) : undefined
    const tier = place?.tier
    const isForeign = retrying
      ? foreignIn(topology.group, state.topic, warnOf(state.topic, yield* Effect.context<never>()))
      : undefined
    const gate = retrying
      ? new DueGate(
        () => state.take(),
        dueOf(tier?.delay ?? place?.delay, topics, isForeign),
        (millis) => late(state.topic, millis)
      )
      : undefined
    state.holdBack(gate)
    const decode = yield* decoders.use(source, handler.decoder(source))
    const work: Work = {
      host,
      state,
      decode: gate === undefined ? decode : passing(decode, gate),
      onFailure: handler.onFailure,
      topology,
      source,
      topics,
      retrying,
      delivery: retrying ? deliveryIn(topology.group, state.topic, tier) : undefined,
      isPassed: passedIn(handler, state, isForeign),
      router,
      limit: deadLetterLimit === undefined ? undefined : new DeadLetterCount(deadLetterLimit),
      gate,
      observe: handler.onFailure.needs.observes && !retrying
        ? observer(decode, Context.getUnsafe(plan.services, KeyOffsetStore))
        : undefined
    }
    return { handler, work }
  })
}
