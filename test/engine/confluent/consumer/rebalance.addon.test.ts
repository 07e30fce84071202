import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { fresh, mockEngine, numbered, open, produce, until } from "../mock.ts"
import { deadline, groupTests } from "./groupTests.ts"

layer(mockEngine, { excludeTestServices: true })("a group on the mock cluster", (it) => {
  // The mock speaks the classic protocol too slowly for this; rebalance.kafka.test.ts has it.
  groupTests(it, { groupProtocol: "consumer" }, (prefix) => Effect.sync(() => fresh(prefix)))

  describe("an answer", () => {
    it.effect("counts once, for the oldest event", () =>
      Effect.gen(function*() {
        const topic = fresh("answer")
        yield* produce(numbered(topic, 0, 5))
        const owner = yield* open({ topics: [topic] })
        yield* until(() => owner.due.length > 0, "the assignment")
        const { id } = owner.due[0]!
        yield* owner.client.answer(id + 1)
        assert.isFalse(owner.client.store({ topic, partition: 0, offset: 1 }))
        yield* owner.answerDue
        yield* owner.run(() => owner.records.length === 5, "the records")
        yield* owner.client.answer(id, [{ topic, partition: 0, offset: 0 }])
        yield* produce(numbered(topic, 5, 6))
        yield* owner.run(() => owner.records.length === 6, "one more record")
        assert.deepStrictEqual(owner.records.map(({ offset }) => offset), [0, 1, 2, 3, 4, 5])
        yield* owner.client.close(deadline)
      }))
  })

  describe("a close", () => {
    it.effect("works before the group formed, twice, and when the scope ends first", () =>
      Effect.gen(function*() {
        const topic = fresh("early")
        yield* produce(numbered(topic, 0, 1))
        const early = yield* open({ topics: [topic] })
        yield* early.client.close(deadline)
        yield* early.client.close(deadline)
        const scope = yield* Scope.make()
        const scoped = yield* Scope.provide(open({ topics: [topic] }), scope)
        yield* scoped.run(() => scoped.records.length === 1, "a record")
        yield* Scope.close(scope, Exit.void)
      }))

    it.effect("works with fetched records, with paused partitions, and while a consume is running", () =>
      Effect.gen(function*() {
        const topic = fresh("busy")
        yield* produce(numbered(topic, 0, 3_000))
        const fetched = yield* open({ topics: [topic] })
        yield* until(() => fetched.due.length > 0, "the assignment")
        yield* fetched.answerDue
        yield* until(() => fetched.ready() > 0, "fetched records")
        fetched.client.pause([{ topic, partition: 0 }])
        fetched.client.poll(100, 1e9)
        yield* fetched.client.close(deadline)
        const manual = yield* open({
          subscription: { _tag: "Manual", positions: [{ topic, partition: 0, offset: 0 }] }
        })
        yield* manual.run(() => manual.records.length > 500, "records")
        yield* manual.client.close(deadline)
      }))
  })

  describe("a pattern", () => {
    it.effect("matches whole names as JavaScript does, and follows new topics", () =>
      Effect.gen(function*() {
        const prefix = fresh("pattern")
        yield* produce([
          ...numbered(`${prefix}-1`, 0, 1),
          ...numbered(`x${prefix}-1`, 0, 1),
          ...numbered(`${prefix}-1x`, 0, 1)
        ])
        const owner = yield* open({
          subscription: { _tag: "Group", groupId: fresh("group"), topics: [], patterns: [new RegExp(`${prefix}-\\d`)] },
          config: { metadataRefresh: "200 millis" }
        })
        yield* owner.run(() => owner.assigned.size === 4, "the assignment")
        yield* produce(numbered(`${prefix}-2`, 0, 1))
        yield* owner.run(() => owner.assigned.size === 8, "the new topic")
        yield* owner.run(() => owner.records.length === 2, "its record")
        assert.deepStrictEqual(owner.records.map(({ topic }) => topic).sort(), [`${prefix}-1`, `${prefix}-2`])
        yield* owner.client.close(deadline)
      }))
  })
})
