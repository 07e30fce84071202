/** The way into the run loop: all that client callbacks and other fibers may call, and what waits for the loop. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { ClientEvent, Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as Errors from "../../KafkaError.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import type { Signal } from "../shared/signal.ts"

/** A command to the loop. `done` gets its result. */
export type Command =
  /** Moves a partition to another offset; done when it goes on there. */
  | { readonly _tag: "Seek"; readonly position: Position; readonly done: Deferred.Deferred<void, KafkaError> }
  /** Suspends partitions for the user, or resumes them. */
  | {
    readonly _tag: "Suspend"
    readonly partitions: ReadonlyArray<TopicPartition>
    readonly suspended: boolean
    readonly done: Deferred.Deferred<void, KafkaError>
  }
  /** Commits what is finished; done when the broker has it. */
  | { readonly _tag: "Commit"; readonly done: Deferred.Deferred<void, KafkaError> }

const closed = Errors.make("consumer control", new Errors.Closed({ client: "consumer" }))

/** Takes everything out of an array. */
const drained = <A>(array: Array<A>): ReadonlyArray<A> => array.length === 0 ? array : array.splice(0)

/** Made before the client, which gets its callbacks. Everything that comes in raises the signal that wakes the loop. */
export class Inbox {
  readonly signal: Signal
  private readonly events: Array<ClientEvent> = []
  private readonly commands: Array<Command> = []
  private readonly ended: Array<PartitionState> = []
  private ready = true
  private ticks = 0
  private open = true

  constructor(signal: Signal) {
    this.signal = signal
  }

  /** The client has records. */
  readonly onReady = (): void => {
    this.ready = true
    this.signal.raise()
  }

  readonly onEvent = (event: ClientEvent): void => {
    this.events.push(event)
    this.signal.raise()
  }

  /** Some time passed. Returns how many ticks the loop did not take yet: a client that hangs keeps it from doing so. */
  readonly tick = (): number => {
    this.signal.raise()
    return ++this.ticks
  }

  /** A worker ended, or its policy said stop while others of its lanes go on. */
  readonly workerEnded = (state: PartitionState): void => {
    this.ended.push(state)
    this.signal.raise()
  }

  /** Whether the client may still be called. */
  get isOpen(): boolean {
    return this.open
  }

  /** The commands that the loop has not taken yet. */
  get waiting(): ReadonlyArray<Command> {
    return this.commands
  }

  /** Gives the loop a command and waits for its result. */
  request(make: (done: Deferred.Deferred<void, KafkaError>) => Command): Effect.Effect<void, KafkaError> {
    return Effect.flatMap(this.send(make), Deferred.await)
  }

  /** Gives the loop a command, and does not wait for its result. */
  send(
    make: (done: Deferred.Deferred<void, KafkaError>) => Command
  ): Effect.Effect<Deferred.Deferred<void, KafkaError>, KafkaError> {
    return Effect.suspend(() => {
      if (!this.open) return Effect.fail(closed)
      const done = Deferred.makeUnsafe<void, KafkaError>()
      this.commands.push(make(done))
      this.signal.raise()
      return Effect.succeed(done)
    })
  }

  // For the loop alone.

  takeEvents(): ReadonlyArray<ClientEvent> {
    return drained(this.events)
  }

  takeCommands(): ReadonlyArray<Command> {
    return drained(this.commands)
  }

  takeEnded(): ReadonlyArray<PartitionState> {
    return drained(this.ended)
  }

  takeReady(): boolean {
    const { ready } = this
    this.ready = false
    return ready
  }

  takeTick(): boolean {
    const { ticks } = this
    this.ticks = 0
    return ticks > 0
  }

  /** From now on commands fail. */
  close(): void {
    this.open = false
  }
}
