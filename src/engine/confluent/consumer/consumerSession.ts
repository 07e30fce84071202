/** One native consumer and its membership in the group: all that ends with it. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as KafkaConfig from "../../../KafkaConfig.ts"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import { checked, positionsProblem } from "../../checkOffsets.ts"
import type {
  ClientEvent,
  ConsumerClient,
  ConsumerClientOptions,
  GroupMetadata,
  Position,
  TopicPartition
} from "../../KafkaEngine.ts"
import { connect } from "../shared/connection.ts"
import type { Environment } from "../shared/environment.ts"
import { construct } from "../shared/environment.ts"
import { codeOf, fromNative, nameIn } from "../shared/errors.ts"
import type { NativeConsumer, NativeError, NativePosition } from "../shared/native.ts"
import * as Settings from "../shared/settings.ts"
import { Stranding } from "../shared/stranding.ts"
import { Answers } from "./answers.ts"
import { Assigned, type Rebalances, Stored } from "./assigned.ts"
import { Commits, committedOf, isOneOf, placed, toNative, toPartition } from "./commits.ts"
import * as Departure from "./departure.ts"
import { fatalCode, Fatality } from "./fatality.ts"
import { FetchPump } from "./fetchPump.ts"
import { Resets } from "./resets.ts"
import { Subscriber } from "./subscriber.ts"
import { areThere, soleTopic } from "./topicsThere.ts"

/** How long a seek may take to take effect. */
const seekTimeoutMs = 5_000

/** Longer than a broker's session timeout, which is 45 s by default. */
const keptMillis = 60_000

/** What a seek fails with while the client still looks up where an assigned partition begins. */
const isNotStarted = isOneOf(new Set([-172, -177]))
const seekRetry = Schedule.upTo(Schedule.spaced("20 millis"), { duration: seekTimeoutMs })

/** In which a client that was taken for stranded may show that it is not. */
const strandedDeadline = Duration.seconds(2)

const assignCode = -175
const noResetCode = -140
const inconsistentCode = 23

/** The group of a native consumer, for a transactional producer. */
export interface ConfluentGroup extends GroupMetadata {
  readonly "~millrace/engine/GroupMetadata": NativeConsumer
}

/** A consumer client for as long as its native consumer serves. */
export interface ConsumerSession extends ConsumerClient {
  /** Subscribes or assigns; events come from here on. */
  readonly start: Effect.Effect<void, KafkaError>
  /**
   * Reports nothing any more, and returns the partitions that its owner has, or is about to have. The native consumer
   * stays: it cannot be closed while a commit waits for a coordinator that it never finds.
   */
  readonly abandon: () => ReadonlyArray<TopicPartition>
  /** Looks again whether the native consumer finds its brokers. */
  readonly watch: () => void
}

/** Connects a consumer. The scope closes it, in case its owner did not. */
export const open = Effect.fnUntraced(function*(
  environment: Environment,
  options: ConsumerClientOptions & {
    readonly rebalances: Rebalances
    /** The native consumer will not find its brokers again. */
    readonly onStranded: () => void
  }
): Effect.fn.Return<ConsumerSession, KafkaError, Scope.Scope> {
  const { bootstrapServers, connectTimeoutMs, native, requestTimeoutMs } = environment
  const { rebalances, subscription } = options
  const groupId = subscription._tag === "Group" ? subscription.groupId : ""
  const only = soleTopic(subscription)
  const config = { ...environment.consumer, ...options.config }
  if (config.groupProtocol === "auto") {
    return yield* Errors.invalidSetting(
      "groupProtocol",
      "the confluent engine cannot ask the broker what it has; choose \"classic\" or \"consumer\""
    )
  }
  const assigned = new Assigned()
  const paused = new Assigned()
  let ends: Array<Extract<ClientEvent, { readonly _tag: "EndOfPartition" }>> = []
  const stored = new Stored()
  let closing = false
  let abandoned = false
  const onEvent = (event: ClientEvent): void => {
    if (event._tag === "Committed") stored.committed(event.positions)
    if (!abandoned) options.onEvent(event)
  }

  const toError = (operation: string) => (error: NativeError, at?: TopicPartition): KafkaError =>
    fromNative(error, { operation, bootstrapServers, group: groupId, ...only, ...at, ...nameIn(error.message) })
  const disturbed = (operation: string) => (error: NativeError): void => {
    // The client would go on trying to join, every other second.
    const _tag = codeOf(error) === inconsistentCode ? "Failed" : "Disturbed"
    onEvent({ _tag, error: toError(operation)(error) })
  }

  const context = { operation: "consume", bootstrapServers, group: groupId }
  const fatality = new Fatality((error) => onEvent({ _tag: "Failed", error: fromNative(error, context) }))

  const onFetchError = (error: NativeError): void => {
    if (error.code === noResetCode) return resets.onNoReset(error)
    if (error.code === fatalCode) fatality.onError(error)
    else disturbed("consume")(error)
  }

  /** What was fetched of these partitions belongs to the past. */
  const forget = (partitions: ReadonlyArray<TopicPartition>): void => {
    assigned.remove(partitions)
    pump.purge(partitions)
    ends = ends.filter(assigned.holds)
  }

  const answerWhileClosing = (kind: "assign" | "revoke" | "lost", partitions: ReadonlyArray<TopicPartition>): void => {
    // What is given up the native client commits now, and nobody later.
    const uncommitted = stored.take(partitions)
    if (kind === "lost") commits.lost(groupId, uncommitted)
    try {
      answers.answer(kind, partitions)
    } catch {
      // The client is already on its way out; its close is bounded.
    }
  }

  const onRebalance = (error: NativeError | undefined, list: ReadonlyArray<NativePosition>): void => {
    const partitions = list.map(toPartition)
    const assign = error?.code === assignCode
    const kind = assign ? "assign" : consumer.assignmentLost() ? "lost" : "revoke"
    if (closing) return answerWhileClosing(kind, assign ? [] : partitions)
    if (!assign) {
      forget(partitions)
      commits.giveUp(partitions)
    }
    if (kind === "lost") stored.take(partitions)
    onEvent({ _tag: "Rebalance", ...rebalances.ask(kind, partitions) })
  }

  const maxPollInterval = config.maxPollInterval ?? KafkaConfig.consumerDefaults.maxPollInterval
  const maxPollMillis = Duration.toMillis(Duration.fromInputUnsafe(maxPollInterval))
  const commits = new Commits(toError("commit"), onEvent)
  const settings = {
    ...Settings.common(environment.connection, environment.statistics, environment.door),
    ...Settings.consumer(config, options.offsetReset, subscription, environment.door)
  }
  const isStatic = settings["group.instance.id"] !== undefined
  const isClassic = settings["group.protocol"] === "classic"
  const consumer = yield* construct(() =>
    new native.KafkaConsumer({
      ...settings,
      ...environment.callbacks,
      rebalance_cb: onRebalance,
      offset_commit_cb: commits.onAnswer,
      queue_non_empty_cb: () => pump.onQueueNonEmpty()
    })
  )
  consumer.setDefaultConsumeTimeout(0)
  const answers = new Answers(consumer)
  const resets = new Resets({ consumer, group: groupId, offsetReset: options.offsetReset, assigned, context, onEvent })
  consumer.on("event.log", ({ fac, message }) => {
    if (fac === "FATAL") fatality.onLog(message)
  })
  environment.watch(consumer, (statistics) => onEvent({ _tag: "Statistics", statistics }))
  consumer.on("partition.eof", ({ offset, partition, topic }) => {
    pump.onEnd({ topic, partition, offset })
    if (!options.signalEnd) return
    ends.push({ _tag: "EndOfPartition", topic, partition, offset })
    options.onReady()
  })
  const pump = new FetchPump(consumer, firstFetch, {
    patience: maxPollMillis / 2,
    wanted: assigned.has,
    paused: paused.has,
    onReady: options.onReady,
    onError: onFetchError
  })

  /** Runs an effect while no consume is in flight: one that began before must not mix with what comes after. */
  const quiet = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.ensuring(
      Effect.andThen(Effect.callback<void>((resume) => pump.hold(() => resume(Effect.void))), effect),
      Effect.sync(() => pump.release())
    )

  const subscriber = new Subscriber({
    consumer,
    topics: subscription._tag === "Group" ? subscription.topics : [],
    patterns: subscription._tag === "Group" ? subscription.patterns : [],
    timeoutMs: requestTimeoutMs,
    onError: disturbed("look up topics")
  })

  // A static member of the new protocol that cannot leave keeps its place until the broker's session timeout is over.
  const pace = isStatic && !isClassic ? { ...environment.pace, patience: keptMillis } : environment.pace
  const stranding = new Stranding(consumer, { bootstrapServers, pace }, () => {
    if (!closing) options.onStranded()
  })

  let connected = false
  let ended = false
  /** Nobody drives it any more. */
  const retire = (): void => {
    ended = true
    closing = true
    fatality.stop()
    subscriber.stop()
    stranding.stop()
  }
  const departing: Departure.Departing = {
    consumer,
    commits,
    pump,
    stored: () => {
      if (consumer.assignmentLost()) commits.lost(groupId, stored.take(stored.positions))
      return stored.positions
    },
    stopFetching: () => {
      const owned = [...assigned]
      consumer.pause(owned.map(toPartition))
      forget(owned)
    },
    // What static members own stays theirs until their session is over.
    leavesUnasked: !isClassic || isStatic,
    answerRest: () => {
      for (const { kind, partitions } of rebalances.rest()) answerWhileClosing(kind, partitions)
    }
  }
  const close = (deadline: Duration.Duration): Effect.Effect<void, KafkaError> =>
    Effect.suspend(() => {
      if (ended) return Effect.void
      retire()
      if (!connected) return Effect.sync(() => pump.stop())
      // Waiting for brokers that are known not to come back takes up the whole deadline for nothing.
      const bound = stranding.isStranded ? Duration.min(deadline, strandedDeadline) : deadline
      return Effect.ensuring(
        Departure.close(departing, bound, `close the consumer of group "${groupId}"`),
        Effect.sync(() => abandoned = true)
      )
    })
  yield* Effect.addFinalizer(() => Effect.ignore(close(Duration.millis(connectTimeoutMs))))

  const metadata = yield* connect(consumer, connectTimeoutMs, {
    operation: `connect the consumer of group "${groupId}"`,
    bootstrapServers,
    group: groupId
  })
  connected = true
  consumer.on("event.error", (error) => {
    stranding.onError(error)
    disturbed("consume")(error)
  })
  const existing = new Set(metadata.topics.map((topic) => topic.name))
  const named = subscription._tag === "Group" ? subscription.topics : []
  yield* areThere(native, consumer, named.filter((name) => !existing.has(name)))
  const attempt = <A>(operation: string, body: () => A): Effect.Effect<A, KafkaError> =>
    Effect.try({ try: body, catch: (error) => toError(operation)(error as NativeError) })

  const start = attempt(`subscribe in group "${groupId}"`, () => {
    if (subscription._tag === "Manual") {
      assigned.add(subscription.positions)
      consumer.assign(subscription.positions.map(toNative))
    } else {
      const refresh = config.metadataRefresh ?? KafkaConfig.consumerDefaults.metadataRefresh
      subscriber.start(metadata.topics.map((topic) => topic.name), Duration.toMillis(Duration.fromInputUnsafe(refresh)))
      // Without a topic there is no group to join yet, and nothing to wait for.
      if (!subscriber.isSubscribed) onEvent({ _tag: "Rebalance", ...rebalances.ask("assign", []) })
    }
  })

  const resume = (partitions: ReadonlyArray<TopicPartition>): void => {
    if (partitions.length === 0 || !consumer.isConnected()) return
    paused.remove(partitions)
    consumer.resume(partitions.map(toPartition))
    pump.resumed()
  }

  const store = (position: Position): boolean => {
    if (subscription._tag === "Manual") return true
    try {
      consumer.offsetsStore([toNative(position)])
      stored.add(position)
      return true
    } catch {
      return false
    }
  }

  return {
    start,
    watch: () => stranding.watch(),
    abandon: () => {
      const awaited = rebalances.waiting.flatMap(({ kind, partitions }) => kind === "lost" ? [] : partitions)
      const owned = [...assigned, ...awaited]
      abandoned = true
      retire()
      Departure.letGo(departing)
      forget(owned)
      return owned
    },
    poll: (maxRecords, maxBytes) => {
      if (maxRecords === 0) return pump.serve()
      const chunks = pump.take(maxRecords, maxBytes)
      if (ends.length > 0 && pump.isEmpty) {
        const reached = ends
        ends = []
        for (const end of reached) onEvent(end)
      }
      return chunks
    },
    answer: (id, start = []) =>
      Effect.suspend(() => {
        const wrong = positionsProblem("startOffsets", start)
        if (wrong !== undefined) return Effect.fail(wrong)
        const asked = rebalances.waiting[0]
        if (asked?.id !== id || closing) return Effect.void
        const answer = (resets: ReadonlyArray<Position>) =>
          attempt(`answer a rebalance of group "${groupId}"`, () => {
            // Its end, or that of its owner, has answered meanwhile.
            if (rebalances.answer(id) === undefined || closing) return
            if (asked.kind === "assign") assigned.add(asked.partitions)
            // The native client would keep a pause across assignments.
            else resume(asked.partitions.filter(paused.holds))
            if (subscriber.isSubscribed) answers.answer(asked.kind, placed(asked.partitions, [...resets, ...start]))
            stored.take(asked.partitions)
            // Stored, not committed by name: the client repeats such a commit after a lost connection, also when a
            // later position was committed meanwhile, and the group would be taken back.
            if (options.commitResets === true) resets.forEach(store)
          })
        const chosen = asked.kind === "assign" ? resets.choose(asked.partitions, start) : Effect.succeed([])
        return Effect.uninterruptible(Effect.flatMap(chosen, (resets) => quiet(answer(resets))))
      }),
    store,
    commit: (positions) =>
      checked(
        positionsProblem("commit", positions),
        commits.persist(consumer, positions, assigned.holds)
      ),
    committed: (partitions) =>
      Effect.mapError(
        committedOf(consumer, partitions, requestTimeoutMs),
        (problem) => toError("committed offsets")(problem, partitions[0])
      ),
    pause: (partitions) => {
      if (!consumer.isConnected()) return
      paused.add(partitions)
      consumer.pause(partitions.map(toPartition))
    },
    resume,
    seek: (position) =>
      checked(
        positionsProblem("seek", [position]),
        Effect.retry(
          quiet(Effect.callback<void, KafkaError>((resume) => {
            if (!assigned.holds(position)) {
              return resume(Effect.fail(Errors.make("seek", new Errors.UnknownTopic(toPartition(position)))))
            }
            forget([position])
            assigned.add([position])
            consumer.seek(toNative(position), seekTimeoutMs, (error) => {
              resume(error === null || error === undefined ? Effect.void : Effect.fail(toError("seek")(error)))
            })
          })),
          { schedule: seekRetry, while: isNotStarted }
        )
      ),
    highWatermark: ({ partition, topic }) => {
      try {
        const { highOffset } = consumer.getWatermarkOffsets(topic, partition)
        return highOffset >= 0 ? highOffset : undefined
      } catch {
        return undefined
      }
    },
    groupMetadata: (): ConfluentGroup => ({ groupId, "~millrace/engine/GroupMetadata": consumer }),
    close
  }
})

/** The size of the first fetch, before the owner said how much it takes. */
const firstFetch = 500
