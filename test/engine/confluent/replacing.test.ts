import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { EventEmitter } from "node:events"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { make as makeConsumer } from "../../../src/engine/confluent/consumerClient.ts"
import type { Environment } from "../../../src/engine/confluent/environment.ts"
import { make as makeProducer } from "../../../src/engine/confluent/lastingProducer.ts"
import { makeTransactional } from "../../../src/engine/confluent/producerClient.ts"
import type { ClientEvent, ConsumerClientOptions } from "../../../src/engine/KafkaEngine.ts"
import { until } from "./mock.ts"

const deadline = Duration.seconds(1)
const partition = { topic: "t", partition: 0 }

type Done = (error: unknown, value?: unknown) => void

/** Both kinds of a native client, as far as a replacement needs them: no fault of theirs comes at the right moment. */
class Native extends EventEmitter {
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
  commit = (positions?: ReadonlyArray<unknown>) => {
    const nothing = { code: -168, message: "Local: No offset stored" }
    const answer = () => this.config.offset_commit_cb(positions === undefined ? nothing : null, positions ?? [])
    if (this.brokersGone && positions !== undefined) this.commits.push(answer)
    else setImmediate(answer)
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
  committed = (_: unknown, __: number, done: Done) => setImmediate(() => done(null, [{ ...partition, offset: 0 }]))
  initTransactions = (_: number, done: Done) => setImmediate(() => done(null))
  sendOffsetsToTransaction = (_: unknown, consumer: Native, __: number, done: Done) => {
    assert.isTrue(consumer.connected)
    setImmediate(() => done(null))
  }
  unsubscribe = () => (this.unsubscribed = true)
  subscribe = () => (this.subscribed = true)
  rebalanceProtocol = () => "EAGER"
  assignmentLost = () => false
  setPollInBackground = () => {}
  setDefaultConsumeTimeout = () => {}
  assign = () => {}
  unassign = () => {}

  rebalance(kind: "assign" | "revoke"): void {
    this.config.rebalance_cb({ code: kind === "assign" ? -175 : -174, message: "" }, [partition])
  }

  strand(): void {
    this.stranded = true
    this.emit("event.error", { code: -1, message: "Local: All broker connections are down" })
  }
}

/** An environment of such clients, with somebody who listens at its server. */
const world = Effect.gen(function*() {
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
  const environment: Environment = {
    native: { KafkaConsumer: constructor, Producer: constructor } as any,
    bootstrapServers,
    connection: { bootstrapServers: [bootstrapServers] },
    consumer: {},
    producer: { deliveryTimeout: "2 seconds" },
    statistics: undefined,
    door: undefined,
    connectTimeoutMs: 5_000,
    requestTimeoutMs: 1_000,
    pace: { interval: 5, patience: 20 },
    callbacks: {},
    watch: () => {}
  }
  const events: Array<ClientEvent> = []
  const group: ConsumerClientOptions = {
    subscription: { _tag: "Group", groupId: "g", topics: ["t"], patterns: [] },
    offsetReset: "earliest",
    config: {},
    signalEnd: false,
    onReady: () => {},
    onEvent: (event) => events.push(event)
  }
  const rebalances = () => events.filter((event) => event._tag === "Rebalance")
  return { made, options, environment, group, rebalances }
})

/** The clients that anybody made are all closed, each once. */
const assertClosed = (made: ReadonlyArray<Native>) =>
  assert.deepStrictEqual(
    made.map(({ connected, disconnects }) => [connected, disconnects]),
    made.map(() => [false, 1])
  )

/** Closing it would wait for a commit that nobody answers, and the process for that. */
const assertLetGo = ({ disconnects, unsubscribed }: Native) =>
  assert.deepStrictEqual([disconnects, unsubscribed], [0, true])

describe("a consumer that is being replaced", () => {
  it.live("leaves nothing behind when it is closed while the other one connects", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, group, made, options } = yield* world
      const scope = yield* Scope.make()
      const client = yield* Scope.provide(makeConsumer(environment, group), scope)
      options.holdNext = true
      made[0]!.strand()
      yield* until(() => made[1]?.go !== undefined, "the connecting")
      yield* client.close(deadline)
      yield* Scope.close(scope, Exit.void)
      made[1]!.go!()
      yield* until(() => made[1]!.disconnects > 0, "the end of the other one")
      assertLetGo(made[0]!)
      assertClosed(made.slice(1))
    })))

  it.live("is replaced once, and its partitions are lost once, however often it says that its brokers are down", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, group, made, options, rebalances } = yield* world
      const client = yield* makeConsumer(environment, group)
      made[0]!.rebalance("assign")
      yield* client.answer(rebalances()[0]!.id)
      options.holdNext = true
      made[0]!.strand()
      yield* until(() => made[1]?.go !== undefined, "the connecting")
      made[0]!.strand()
      made[1]!.holds = false
      made[1]!.go!()
      yield* until(() => made[1]!.subscribed, "the other one")
      assertLetGo(made[0]!)
      yield* client.close(deadline)
      assertClosed(made.slice(1))
      assert.strictEqual(made.length, 2)
      assert.deepStrictEqual(rebalances().map(({ kind }) => kind), ["assign", "lost"])
    })))

  it.live("is replaced also when it refuses to leave its group", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, group, made, rebalances } = yield* world
      const client = yield* makeConsumer(environment, group)
      made[0]!.rebalance("assign")
      yield* client.answer(rebalances()[0]!.id)
      made[0]!.unsubscribe = () => {
        throw new Error("Local: Erroneous state")
      }
      made[0]!.strand()
      yield* until(() => made[1]?.subscribed === true, "the other one")
      assert.deepStrictEqual(rebalances().map(({ kind }) => kind), ["assign", "lost"])
      yield* client.close(deadline)
    })))

  it.live("loses what is being revoked as well", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, group, made, rebalances } = yield* world
      const client = yield* makeConsumer(environment, group)
      made[0]!.rebalance("assign")
      yield* client.answer(rebalances()[0]!.id)
      made[0]!.rebalance("revoke")
      made[0]!.strand()
      yield* until(() => made[1]?.subscribed === true, "the other one")
      assert.deepStrictEqual(rebalances().map(({ kind, partitions }) => [kind, partitions]), [
        ["assign", [partition]],
        ["revoke", [partition]],
        ["lost", [partition]]
      ])
      yield* client.close(deadline)
    })))

  it.live("loses an assignment whose answer still waits for a consume", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, group, made, rebalances } = yield* world
      const client = yield* makeConsumer(environment, group)
      made[0]!.holds = true
      yield* until(() => made[0]!.go !== undefined, "a consume")
      made[0]!.rebalance("assign")
      const answering = yield* Effect.forkChild(client.answer(rebalances()[0]!.id), { startImmediately: true })
      made[0]!.strand()
      yield* until(() => rebalances().length === 2, "the loss")
      assert.deepStrictEqual(rebalances()[1], { ...rebalances()[1]!, kind: "lost", partitions: [partition] })
      made[0]!.holds = false
      made[0]!.go!()
      yield* Fiber.join(answering)
      yield* until(() => made[1]?.subscribed === true, "the other one")
      yield* client.close(deadline)
      assertLetGo(made[0]!)
      assertClosed(made.slice(1))
    })))
})

describe("the close of a consumer", () => {
  it.live("is not begun while a commit has no answer, and made up for when it comes", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, group, made, rebalances } = yield* world
      const client = yield* makeConsumer(environment, group)
      const native = made[0]!
      native.rebalance("assign")
      yield* client.answer(rebalances()[0]!.id)
      native.brokersGone = true
      yield* Effect.ignore(Effect.timeout(client.commit([{ ...partition, offset: 1 }]), "10 millis"))
      assert.strictEqual((yield* Effect.flip(client.close(deadline))).reason._tag, "Timeout")
      assertLetGo(native)
      native.brokersGone = false
      for (const answer of native.commits) answer()
      yield* until(() => native.disconnects > 0, "the close")
    })))

  it.live("is not begun without a broker, though there is nothing to commit", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, group, made } = yield* world
      const client = yield* makeConsumer(environment, group)
      made[0]!.brokersGone = true
      assert.strictEqual((yield* Effect.flip(client.close(deadline))).reason._tag, "Timeout")
      assertLetGo(made[0]!)
    })))

  it.live("waits for a broker that comes back in time", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, group, made } = yield* world
      const client = yield* makeConsumer(environment, group)
      made[0]!.brokersGone = true
      const closing = yield* Effect.forkChild(client.close(Duration.seconds(10)), { startImmediately: true })
      yield* Effect.yieldNow
      made[0]!.brokersGone = false
      yield* Fiber.join(closing)
      assertClosed(made)
    })))
})

describe("offsets for a transaction", () => {
  it.live("of a consumer that is gone are refused before the native client sees them", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, group } = yield* world
      const consumer = yield* makeConsumer(environment, group)
      const metadata = consumer.groupMetadata()
      const producer = yield* makeTransactional(environment, "id")
      yield* producer.sendOffsets([{ ...partition, offset: 1 }], metadata)
      yield* consumer.close(deadline)
      const error = yield* Effect.flip(producer.sendOffsets([{ ...partition, offset: 1 }], metadata))
      assert.deepInclude(error.reason, { _tag: "TransactionFailed", retryable: true })
    })))
})

describe("a producer that is being replaced", () => {
  it.live("leaves nothing behind when its layer ends while the other one connects", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, made, options } = yield* world
      const scope = yield* Scope.make()
      yield* Scope.provide(makeProducer(environment), scope)
      options.holdNext = true
      made[0]!.strand()
      yield* until(() => made[1]?.go !== undefined, "the connecting")
      yield* Scope.close(scope, Exit.void)
      made[1]!.go!()
      yield* until(() => made[1]!.disconnects > 0, "the end of the other one")
      assertClosed(made)
    })))
})
