/** Follows the events of one consumer and says how healthy it is. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConsumerEvent } from "../../ConsumerEvent.ts"
import type { TopicPartition } from "../../engine/KafkaEngine.ts"
import type { ConsumerHealth, HeldPartition, StalledPartition, UnsentCopy } from "../../Health.ts"
import { Registry } from "../../Health.ts"
import { messageOf, oneLine } from "../shared/causes.ts"

const same = (a: TopicPartition, b: TopicPartition): boolean => a.topic === b.topic && a.partition === b.partition

const notJoined = "it was started again after an error, and has not joined its group yet"

const bugOf = (cause: Cause.Cause<unknown>): string => oneLine(messageOf(Cause.squash(cause)))

/** One per consumer. It stays when the supervisor starts the consumer again. */
export class HealthCell {
  private status: ConsumerHealth["status"] = "starting"
  private assignment: ReadonlyArray<TopicPartition> = []
  private held: ReadonlyArray<HeldPartition> = []
  private stalled: ReadonlyArray<StalledPartition> = []
  private unsent: ReadonlyArray<UnsentCopy> = []
  private problem: string | undefined
  /** It was started again, and what ended it before may be about to do so again. */
  private isOnTrial = false
  private readonly hints = new Map<string, string>()
  private lag: number | undefined
  private lastError: ConsumerHealth["lastError"]
  private readonly group: string

  constructor(group: string) {
    this.group = group
  }

  readonly read = (): ConsumerHealth => {
    const problem = this.problem ?? (this.isOnTrial && this.status === "running" ? notJoined : undefined)
    return {
      group: this.group,
      status: this.status,
      healthy: this.status === "off"
        || (this.status === "running" && this.held.length === 0 && this.stalled.length === 0
          && this.unsent.length === 0 && problem === undefined),
      assignment: this.assignment,
      held: this.held,
      stalled: this.stalled,
      unsent: this.unsent,
      problem,
      hints: [...this.hints.values()],
      lag: this.lag,
      lastError: this.lastError
    }
  }

  observe(event: ConsumerEvent): void {
    switch (event._tag) {
      case "Started": {
        this.status = "running"
        this.problem = undefined
        break
      }
      case "Assigned": {
        this.assignment = [...this.assignment, ...event.partitions]
        this.isOnTrial = false
        if (this.assignment.length > 0) this.problem = undefined
        break
      }
      case "Revoked":
      case "Lost": {
        this.assignment = this.assignment.filter((mine) => !event.partitions.some((gone) => same(mine, gone)))
        break
      }
      case "Held": {
        const { error, partition, topic } = event
        this.held = [...this.held, { topic, partition, offset: error.offset, error }]
        this.lastError = error
        break
      }
      case "Unsent": {
        const { error, offset, partition, to, topic } = event
        this.sent(event, offset)
        this.unsent = [...this.unsent, { topic, partition, offset, to, error }]
        this.lastError = error ?? this.lastError
        break
      }
      case "CommitFailed":
      case "Disturbed": {
        this.lastError = event.error
        break
      }
      case "Failed": {
        this.lastError = event.error
        this.status = "failed"
        this.assignment = []
        this.problem = undefined
        break
      }
      case "Stopped": {
        this.status = event.cause === undefined ? "stopped" : "failed"
        this.assignment = []
        this.problem = event.cause === undefined ? undefined : `it ended because of a bug: ${bugOf(event.cause)}`
        break
      }
    }
  }

  /**
   * If it ended because of a bug, that is its problem until it has started. It is not healthy before it has joined its
   * group again: an assignor that does not fit would show between two starts alone.
   */
  restarting(): void {
    this.status = "restarting"
    this.isOnTrial = true
    this.hints.clear()
    this.assignment = []
    this.held = []
    this.stalled = []
    this.unsent = []
  }

  /** It has run for long enough since it was started again, though it may have no partitions. */
  settled(): void {
    this.isOnTrial = false
  }

  switchedOff(): void {
    this.status = "off"
  }

  /** It does not run, because of an error of its start. */
  failedToStart(error: ConsumerHealth["lastError"]): void {
    this.lastError = error
  }

  givenUp(): void {
    this.status = "failed"
  }

  /** The partitions where nothing moves. */
  readonly stall = (stalled: ReadonlyArray<StalledPartition>): void => {
    this.stalled = stalled.map(({ offset, partition, problem, topic }) => ({ topic, partition, offset, problem }))
  }

  /** What keeps the whole member from working, if something does. */
  readonly trouble = (problem: string | undefined): void => {
    this.problem = problem
  }

  /** What somebody should look at, by a name of what says it. */
  readonly hint = (name: string, text: string | undefined): void => {
    if (text === undefined) this.hints.delete(name)
    else this.hints.set(name, text)
  }

  /** A partition left this member, or goes on from another offset: it is no longer held or stalled. */
  readonly released = (partition: TopicPartition): void => {
    this.held = this.held.filter((held) => !same(held, partition))
    this.stalled = this.stalled.filter((stalled) => !same(stalled, partition))
  }

  /** A partition no longer waits for the copy of this record. */
  readonly sent = (partition: TopicPartition, offset: number): void => {
    this.unsent = this.unsent.filter((unsent) => !(same(unsent, partition) && unsent.offset === offset))
  }

  measured(assignment: ReadonlyArray<TopicPartition>, lag: number | undefined): void {
    this.assignment = assignment.map(({ partition, topic }) => ({ topic, partition }))
    this.lag = lag
  }
}

/** Makes the cell of a consumer. `Health.all` shows it until the scope ends. */
export const register = Effect.fnUntraced(function*(group: string): Effect.fn.Return<HealthCell, never, Scope.Scope> {
  const registry = yield* Registry
  const cell = new HealthCell(group)
  yield* Effect.acquireRelease(
    Effect.sync(() => registry.add(cell.read)),
    () => Effect.sync(() => registry.delete(cell.read))
  )
  return cell
})
