/** The cluster: owns all state, time and mail. Clients hold a reference to it and nothing to each other. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Scheduler } from "effect/Scheduler"
import * as KafkaConfig from "../../../KafkaConfig.ts"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import type { RawMessage, RawRecord } from "../../KafkaEngine.ts"
import { Groups } from "../groups/groups.ts"
import { Agenda } from "../shared/agenda.ts"
import { Faults } from "../shared/faults.ts"
import { Mail } from "../shared/mail.ts"
import { Waiting } from "../shared/waiting.ts"
import { sizeOf } from "../topics/message.ts"
import { type MemoryTopic, Topics } from "../topics/topics.ts"
import type { Claim } from "./transactions.ts"
import { Transactions } from "./transactions.ts"

/** What a cluster is made with. */
export interface ClusterOptions {
  readonly autoCreateTopics: boolean
  readonly defaultPartitions: number
}

/** How a record is put into the log. */
export interface Append {
  /** The transaction that it belongs to. */
  readonly claim?: Claim
  /** Takes every timestamp, as a record may have one that the topic took before its settings were changed. */
  readonly anyTime?: boolean
}

/** A client that wants to know when the world around it changed. */
export interface Listener {
  /** The broker went down or came back. */
  readonly brokerChanged: () => void
  /** Topics, rights or offsets changed. */
  readonly changed: () => void
}

/** The name of the cluster in errors. */
export const bootstrapServers = "memory"

const wallClock = Context.get(Context.empty(), Clock.Clock)

const requestTimeout = Duration.fromInputUnsafe(KafkaConfig.connectionDefaults.requestTimeout)

/** Lives as long as its layer. */
export class Cluster {
  readonly clock: Clock.Clock
  readonly mail: Mail
  readonly agenda: Agenda
  readonly waiting = new Waiting()
  readonly faults = new Faults()
  readonly topics = new Topics()
  readonly transactions = new Transactions()
  readonly groups: Groups
  readonly listeners = new Set<Listener>()
  readonly options: ClusterOptions
  /** A test lets a lot of time pass: a consumer without work need not look around meanwhile. */
  jumping = false
  private closed = false
  private news = false

  constructor(options: ClusterOptions, clock: Clock.Clock, scheduler: Scheduler, services: Context.Context<never>) {
    this.options = options
    this.clock = clock
    this.mail = new Mail(scheduler.makeDispatcher())
    this.agenda = new Agenda(clock, this.mail, services)
    this.groups = new Groups(this.topics, this.faults, this.agenda)
  }

  get now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  /** Whether a client may talk to the broker right now. */
  get reachable(): boolean {
    return this.faults.up && !this.closed
  }

  close(): void {
    this.closed = true
    this.agenda.close()
    this.changed()
  }

  /** Lets those who wait look again, in a later task. */
  changed(): void {
    if (this.news) return
    this.news = true
    this.mail.post(() => {
      this.news = false
      this.waiting.check()
      for (const listener of this.listeners) listener.changed()
    })
  }

  /** Takes the broker down or brings it back. */
  setUp(up: boolean): void {
    if (this.faults.up === up) return
    this.faults.up = up
    for (const listener of this.listeners) listener.brokerChanged()
    this.changed()
  }

  /** The topics changed: groups and readers have to look. */
  topicsChanged(): void {
    this.groups.refresh()
    this.changed()
  }

  /** Asks the broker something: waits while it is down (until the request's timeout), and for as long as it is slow. */
  request<A>(operation: string, answer: () => Effect.Effect<A, KafkaError>): Effect.Effect<A, KafkaError> {
    return Effect.suspend(() =>
      this.reachable && this.faults.latencyMillis === 0
        ? answer()
        : Effect.andThen(this.reach(operation), Effect.suspend(answer))
    )
  }

  /** A request whose answer is known at once: an error, or done. */
  command(operation: string, run: () => KafkaError | undefined | void): Effect.Effect<void, KafkaError> {
    return this.request(operation, () => {
      const error = run()
      return error === undefined ? Effect.void : Effect.fail(error)
    })
  }

  /** Waits for a state of the cluster on its own clock; `false` when it did not come in time. */
  untilWithin(ready: () => boolean, timeout: Duration.Duration): Effect.Effect<boolean> {
    return Effect.suspend(() =>
      ready() ? Effect.succeed(true) : Effect.as(this.waiting.until(ready), true).pipe(
        Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.succeed(false) }),
        Effect.provideService(Clock.Clock, this.clock)
      )
    )
  }

  /**
   * Puts a record into the log, whose bytes belong to the log from now on, or says why not. The caller wakes the
   * readers, once per batch.
   */
  append(
    message: RawMessage,
    choose: (partitions: number) => number,
    { anyTime = false, claim }: Append = {}
  ): RawRecord | KafkaError {
    const { topic: name } = message
    if (this.faults.isDenied("topic", name)) {
      return Errors.make("produce", new Errors.AuthorizationFailed({ resource: "topic", name }))
    }
    const failure = this.faults.takeProduceFailure(name)
    if (failure !== undefined) return Errors.make("produce", failure)
    let topic = this.topics.get(name)
    if (topic === undefined && this.options.autoCreateTopics) {
      const error = this.topics.create({ name, partitions: this.options.defaultPartitions })
      if (error !== undefined) return error
      this.topicsChanged()
      topic = this.topics.get(name)
    }
    if (topic === undefined) return Errors.make("produce", new Errors.UnknownTopic({ topic: name }))
    const partition = choose(topic.logs.length)
    const log = topic.logs[partition]
    if (log === undefined) return Errors.make("produce", new Errors.UnknownTopic({ topic: name, partition }))
    const sizeBytes = sizeOf(message)
    if (sizeBytes > topic.config.maxMessageBytes) {
      return Errors.make("produce", new Errors.RecordTooLarge({ topic: name, sizeBytes }))
    }
    if (message.key === null && topic.config.compacts) {
      const problem = "a compacted topic needs a key in every record"
      return Errors.make("produce", new Errors.InvalidRecord({ topic: name, problem }))
    }
    const refused = anyTime ? undefined : this.refusedTimestamp(topic, message.timestamp)
    if (refused !== undefined) return refused
    if (claim !== undefined) this.transactions.touchLog(claim, log)
    const { appendTime } = topic.config
    return log.append({
      key: message.key,
      value: message.value,
      headers: message.headers,
      timestamp: appendTime ? this.now : message.timestamp ?? this.now,
      timestampType: appendTime ? "LogAppendTime" : "CreateTime"
    }, claim?.producerId)
  }

  private refusedTimestamp({ config, name }: MemoryTopic, timestamp: number | undefined): KafkaError | undefined {
    if (timestamp === undefined || config.appendTime) return undefined
    const [before, after] = config.timestampRange
    // A test's clock begins at 0: what a program took from the wall clock is not ahead of it.
    const latest = Math.max(this.now, wallClock.currentTimeMillisUnsafe())
    if (timestamp >= this.now - before && timestamp <= latest + after) return undefined
    const problem = "the broker refuses its timestamp; message.timestamp.before.max.ms and "
      + "message.timestamp.after.max.ms of the topic say how far it may be from the broker's time"
    return Errors.make("produce", new Errors.InvalidRecord({ topic: name, problem }))
  }

  private reach(operation: string): Effect.Effect<void, KafkaError> {
    return Effect.suspend(() => {
      if (this.closed) return Effect.fail(Errors.make(operation, new Errors.Closed({ client: "in-memory cluster" })))
      if (this.faults.up) return this.clock.sleep(Duration.millis(this.faults.latencyMillis))
      return Effect.flatMap(
        this.untilWithin(() => this.faults.up || this.closed, requestTimeout),
        (up) => up ? this.reach(operation) : Effect.fail(unreachable(operation))
      )
    })
  }
}

/** The error for a broker that was taken down. */
export const unreachable = (operation: string): KafkaError =>
  Errors.make(operation, new Errors.BrokerUnreachable({ bootstrapServers, problem: "the broker was taken down" }))
