import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { make as makeConsumer } from "../../../src/engine/confluent/consumer/consumerClient.ts"
import { make as makeProducer } from "../../../src/engine/confluent/producer/lastingProducer.ts"
import { makeTransactional } from "../../../src/engine/confluent/producer/producerClient.ts"
import { assertClosed, assertLetGo, deadline, owner, partition, world } from "./fakeNative.ts"
import { until } from "./mock.ts"

describe("a consumer that is being replaced", () => {
  it.live("leaves nothing behind when it is closed while the other one connects", () =>
    Effect.scoped(Effect.gen(function*() {
      const { environment, group, made, options } = yield* world
      const scope = yield* Scope.make()
      const client = yield* Scope.provide(makeConsumer(environment, group), scope)
      options.holdNext = true
      made[0]!.strand()
      yield* until(() => made[1]?.go !== undefined, "the connecting")
      assert.strictEqual((yield* Effect.flip(client.close(deadline))).reason._tag, "Timeout")
      yield* Scope.close(scope, Exit.void)
      made[1]!.go!()
      yield* until(() => made[1]!.disconnects > 0, "the end of the other one")
      assertLetGo(made[0]!)
      assertClosed(made.slice(1))
    })))

  it.live("is replaced once, and its partitions are lost once, however often it says that its brokers are down", () =>
    Effect.scoped(Effect.gen(function*() {
      const { client, made, options, rebalances } = yield* owner
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
      const { client, made, rebalances } = yield* owner
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
      const { client, made, rebalances } = yield* owner
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
