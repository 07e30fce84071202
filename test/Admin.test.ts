/** The admin client as functions. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Admin, Codec, Producer, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

const strict = Layer.fresh(InMemoryKafka.layerWith({ autoCreateTopics: false }))

it.effect("makes, shows, grows and deletes topics", () =>
  Effect.gen(function*() {
    yield* Admin.createTopics([{ name: "orders", partitions: 2 }, { name: "payments", partitions: 1 }])
    yield* Admin.createPartitions("orders", 3)
    yield* Admin.alterConfigs("orders", { "retention.ms": "1000" })
    assert.strictEqual((yield* Admin.describeConfigs("orders"))["retention.ms"], "1000")
    assert.deepStrictEqual((yield* Admin.listTopics).map(({ name }) => name).sort(), ["orders", "payments"])
    const [orders] = yield* Admin.describeTopics(["orders"])
    assert.lengthOf(orders!.partitions, 3)
    const error = yield* Effect.flip(Admin.createTopics([{ name: "orders", partitions: 1 }]))
    assert.strictEqual(error.reason._tag, "TopicExists")
    yield* Admin.deleteTopics(["orders", "payments"])
    assert.deepStrictEqual(yield* Admin.listTopics, [])
  }).pipe(Effect.provide(strict)))

it.effect("shows and moves the offsets of groups, finds and deletes records", () =>
  Effect.gen(function*() {
    const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
    const place = { topic: "notes", partition: 0 }
    yield* Admin.createTopics([{ name: "notes", partitions: 1 }])
    yield* Producer.sendAll(Notes, ["a", "b", "c"].map((value) => ({ key: null, value })))
    yield* Admin.alterGroupOffsets("g", [{ ...place, offset: 2 }])
    assert.deepStrictEqual((yield* Admin.groupOffsets("g")).map(({ offset }) => offset), [2])
    assert.deepStrictEqual((yield* Admin.listGroups).map(({ groupId }) => groupId), ["g"])
    assert.deepStrictEqual((yield* Admin.describeGroups(["g"])).map(({ members }) => members), [[]])
    yield* Admin.deleteRecords([{ ...place, offset: 1 }])
    const offsets = Effect.forEach(
      ["earliest", "latest"] as const,
      (at) => Effect.map(Admin.listOffsets([place], at), ([found]) => found!.offset)
    )
    assert.deepStrictEqual(yield* offsets, [1, 3])
    yield* Admin.deleteGroups(["g"])
    assert.deepStrictEqual(yield* Admin.listGroups, [])
  }).pipe(Effect.provide(strict)))
