/** Native clients as far as their ends need them: no fault of real ones comes at the right moment. */
import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { EventEmitter } from "node:events"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { make as makeConsumer } from "../../../src/engine/confluent/consumer/consumerClient.ts"
import type { Environment } from "../../../src/engine/confluent/shared/environment.ts"
import type { ClientEvent, ConsumerClientOptions } from "../../../src/engine/KafkaEngine.ts"

export const deadline = Duration.seconds(1)
export const partition = { topic: "t", partition: 0 }

type Done = (error: unknown, value?: unknown) => void

/** Both kinds of a native client, as far as a replacement needs them: no fault of theirs comes at the right moment. */
export class Native extends EventEmitter {
  connected = false
  stranded = false
  subscribed = false
  unsubscribed = false
  disconnects = 0
  /** Ends the connecting, or the consume, that waits for it. */
  go: (() => void) | undefined
  holds = false
  /** Commits that have no answer yet; kept here once the brokers are gone. */
  commits: Array<() => void> = []
  brokersGone = false
  /** What the broker answers to the next commits, a code each; then it takes them. */
  refusals: Array<number> = []
  /** Called with each commit, before its answer. */
  onCommit = () => {}
  private readonly config: {
    readonly rebalance_cb: (error: unknown, partitions: ReadonlyArray<unknown>) => void
    readonly offset_commit_cb: (error: unknown, positions: ReadonlyArray<unknown>) => void
  }

  constructor(config: any) {
    super()
    this.config = config
  }

  private later(done: () => void): void {
    if (this.holds) this.go = done
    else setImmediate(done)
  }

  isConnected = () => this.connected
  connect = (_: unknown, done: Done) =>
    this.later(() => {
      this.connected = true
      done(null, { topics: [{ name: "t", partitions: [] }] })
    })
  disconnect = (done: () => void) => {
    this.disconnects++
    this.connected = false
    setImmediate(done)
  }
  commit = (positions: ReadonlyArray<unknown>) => {
    this.onCommit()
    const code = this.refusals.shift()
    const error = code === undefined ? null : { code, message: `Broker: ${code}` }
    const answer = () => this.config.offset_commit_cb(error, positions)
    if (this.brokersGone) this.commits.push(answer)
    else setImmediate(answer)
  }
  stored: ReadonlyArray<unknown> = []
  offsetsStore = (positions: ReadonlyArray<unknown>) => {
    this.stored = positions
  }
  pause = () => {}
  getMetadata = (_: unknown, done: Done) =>
    setImmediate(() =>
      this.stranded || this.brokersGone
        ? done({ code: -195, message: "Local: Broker transport failure" })
        : done(null, { topics: [{ name: "t", partitions: [{ id: 0 }] }] })
    )
  queryWatermarkOffsets = (_: string, __: number, ___: number, done: Done) => setImmediate(() => done(null))
  flush = (_: number, done: Done) => setImmediate(() => done(null))
  consume = (_: number, done: Done) => this.later(() => done(null, []))
  offsetsForTimes = (positions: unknown, _: number, done: Done) => setImmediate(() => done(null, positions))
  committed = (_: unknown, __: number, done: Done) => setImmediate(() => done(null, [{ ...partition, offset: 0 }]))
  initTransactions = (_: number, done: Done) => setImmediate(() => done(null))
  sendOffsetsToTransaction = (_: unknown, consumer: Native, __: number, done: Done) => {
    assert.isTrue(consumer.connected)
    setImmediate(() => done(null))
  }
  /** What it owns, kept by the incremental calls alone. */
  owned: ReadonlyArray<typeof partition> = []
  assignments = () => this.owned
  incrementalAssign = (partitions: ReadonlyArray<typeof partition>) => {
    this.owned = [...this.owned, ...partitions]
  }
  /** As the real one: everything or, with one that it does not own, nothing. */
  incrementalUnassign = (partitions: ReadonlyArray<typeof partition>) => {
    const isIn = (all: ReadonlyArray<typeof partition>) => (one: typeof partition) =>
      all.some((other) => other.partition === one.partition)
    if (!partitions.every(isIn(this.owned))) throw new Error("not in the current assignment")
    this.owned = this.owned.filter((one) => !isIn(partitions)(one))
    this.unassigned++
  }
  unassigned = 0
  unsubscribe = () => (this.unsubscribed = true)
  subscribe = () => (this.subscribed = true)
  rebalanceProtocol = (): "EAGER" | "COOPERATIVE" => "EAGER"
  assignmentLost = () => false
  setPollInBackground = () => {}
  setDefaultConsumeTimeout = () => {}
  assign = () => {}
  unassign = () => {}

  rebalance(kind: "assign" | "revoke", partitions: ReadonlyArray<typeof partition> = [partition]): void {
    this.config.rebalance_cb({ code: kind === "assign" ? -175 : -174, message: "" }, partitions)
  }

  strand(): void {
    this.stranded = true
    this.emit("event.error", { code: -1, message: "Local: All broker connections are down" })
  }
}

/** What a client is made in, with quick bounds. */
export const environmentOf = (
  options: Pick<Environment, "native" | "bootstrapServers"> & Partial<Environment>
): Environment => ({
  connection: { bootstrapServers: [options.bootstrapServers] },
  consumer: {},
  producer: { deliveryTimeout: "2 seconds" },
  statistics: undefined,
  door: undefined,
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 1_000,
  pace: { interval: 5, patience: 20 },
  callbacks: {},
  watch: () => {},
  ...options
})

/** An environment of such clients, with somebody who listens at its server. */
export const world = Effect.gen(function*() {
  const server = yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((socket) => socket.destroy())
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )
  const bootstrapServers = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const made: Array<Native> = []
  const options = { holdNext: false }
  const constructor = class {
    constructor(config: unknown) {
      const native = new Native(config)
      native.holds = options.holdNext
      made.push(native)
      return native
    }
  }
  const environment = environmentOf({
    // As much of the package as is used.
    native: { KafkaConsumer: constructor, Producer: constructor } as unknown as Environment["native"],
    bootstrapServers
  })
  const events: Array<ClientEvent> = []
  const counts = { wakes: 0 }
  const group: ConsumerClientOptions = {
    subscription: { _tag: "Group", groupId: "g", topics: ["t"], patterns: [] },
    offsetReset: "earliest",
    config: {},
    signalEnd: false,
    onReady: () => counts.wakes++,
    onEvent: (event) => events.push(event)
  }
  const rebalances = () => events.filter((event) => event._tag === "Rebalance")
  return { made, options, environment, group, rebalances, events, counts }
})

/** The clients that anybody made are all closed, each once. */
export const assertClosed = (made: ReadonlyArray<Native>) =>
  assert.deepStrictEqual(
    made.map(({ connected, disconnects }) => [connected, disconnects]),
    made.map(() => [false, 1])
  )

/** Closing it would wait for a commit that nobody answers, and the process for that. */
export const assertLetGo = ({ disconnects, unsubscribed }: Native) =>
  assert.deepStrictEqual([disconnects, unsubscribed], [0, true])

/** A consumer in such a world that has its partition. */
export const ownerOf = Effect.fnUntraced(function*(protocol: "EAGER" | "COOPERATIVE") {
  const all = yield* world
  const client = yield* makeConsumer(all.environment, all.group)
  const native = all.made[0]!
  native.rebalanceProtocol = () => protocol
  native.rebalance("assign")
  yield* client.answer(all.rebalances()[0]!.id)
  /** What became of the commits, and of which offsets. */
  const committed = () =>
    all.events.flatMap((event) =>
      event._tag === "Committed" || event._tag === "CommitFailed"
        ? event.positions.map(({ offset }) => [event._tag, offset])
        : []
    )
  return { ...all, client, native, committed }
})

/** The same with the eager protocol. */
export const owner = ownerOf("EAGER")
