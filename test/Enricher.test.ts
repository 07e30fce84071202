import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Codec, Consumer, Enricher, OnFailure, Producer, type Record, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

const texts = { key: Codec.string, value: Codec.nullable(Codec.string) }
const In = Topic.make("in", texts)
const Out = Topic.make("out", texts)

const read = <T extends typeof Out>(topic: T) =>
  Stream.runCollect(Topic.read(topic, { from: "earliest", until: "end" })).pipe(
    Effect.map((records) => records.map(({ key, value }) => `${key}=${value}`))
  )

const run = (handler: ReturnType<typeof Enricher.handle<typeof In, typeof Out, string>>) =>
  Consumer.run(
    Consumer.make("g", {
      offsetReset: "earliest",
      until: "end",
      onFailure: OnFailure.deadLetter,
      handlers: [handler]
    })
  )

const produce = (...pairs: ReadonlyArray<readonly [string, string | null]>) =>
  Effect.andThen(
    Topic.ensure([In, Out], { partitions: 1, replication: 1 }),
    Producer.sendAll(In, pairs.map(([key, value]) => ({ key, value })))
  )

describe("Enricher", () => {
  it.live("sends what records are completed to, in their order, and tombstones for deletions", () =>
    Effect.gen(function*() {
      yield* produce(["a", "30"], ["b", "1"], ["a", null], ["c", "none"], ["d", "10"])
      yield* run(Enricher.handle(In, Out, {
        enrich: ({ value }) =>
          value === "none" ? Effect.succeedNone : Effect.delay(Effect.succeedSome(`<${value}>`), Number(value))
      }))
      assert.deepStrictEqual(yield* read(Out), ["a=<30>", "b=<1>", "a=null", "d=<10>"])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.live("has a record that fails judged alone, and sends the others once", () =>
    Effect.gen(function*() {
      yield* produce(["a", "1"], ["b", "bad"], ["c", "2"], ["d", "worse"], ["e", "3"])
      const handler = Enricher.handle(In, Out, {
        enrich: ({ value }) =>
          value === "bad"
            ? Effect.fail("no such row")
            : value === "worse"
            ? Effect.die("a bug")
            : Effect.succeedSome(String(value))
      })
      yield* run(handler)
      assert.deepStrictEqual(yield* read(Out), ["a=1", "c=2", "e=3"])
      const dead = yield* read(Topic.make("g.in.dlt", texts))
      assert.deepStrictEqual(dead, ["b=bad", "d=worse"])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.live("has a record alone judged whose message its topic cannot encode", () =>
    Effect.gen(function*() {
      yield* produce(["a", "1"], ["b", "bad"], ["c", "3"])
      const Numbers = Topic.make("numbers", { key: Codec.string, value: Codec.nullable(Codec.json(Schema.Finite)) })
      const handler = Enricher.handle(In, Numbers, { enrich: ({ value }) => Effect.succeedSome(Number(value)) })
      yield* Consumer.run(Consumer.make("g", {
        offsetReset: "earliest",
        until: "end",
        onFailure: OnFailure.stop.pipe(OnFailure.tag("SchemaError", OnFailure.deadLetter)),
        handlers: [handler]
      }))
      const sent = yield* Stream.runCollect(Topic.read(Numbers, { from: "earliest", until: "end" }))
      assert.deepStrictEqual(sent.map(({ value }) => value), [1, 3])
      assert.deepStrictEqual(yield* read(Topic.make("g.in.dlt", texts)), ["b=bad"])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.live("sends under a key of its own, and knows other deletions", () =>
    Effect.gen(function*() {
      yield* produce(["a", "1"], ["a", "gone"])
      yield* run(Enricher.handle(In, Out, {
        enrich: ({ value }) => Effect.succeedSome(String(value)),
        key: ({ key }) => `key-${key}`,
        isDeletion: ({ value }) => value === "gone"
      }))
      assert.deepStrictEqual(yield* read(Out), ["key-a=1", "key-a=null"])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.live("fails a record of which isDeletion does not say true or false, and deletes nothing for it", () =>
    Effect.gen(function*() {
      yield* produce(["a", "1"], ["b", "later"], ["c", "broken"], ["d", "nothing"], ["e", "2"])
      const isDeletion: any = ({ value }: { readonly value: string | null }) =>
        value === "later"
          ? Promise.resolve(false)
          : value === "broken"
          ? Promise.reject(new Error("refused"))
          : value === "nothing"
          ? undefined
          : false
      yield* run(Enricher.handle(In, Out, { enrich: ({ value }) => Effect.succeedSome(String(value)), isDeletion }))
      assert.deepStrictEqual(yield* read(Out), ["a=1", "e=2"])
      const dead = yield* Stream.runCollect(
        Topic.read(Topic.make("g.in.dlt", texts), { from: "earliest", until: "end" })
      )
      const messageOf = ({ headers }: Record.Record<unknown, unknown, unknown>) =>
        String(Buffer.from(headers.find(([name]) => /message/i.test(name))?.[1] ?? []))
      assert.deepStrictEqual(
        dead.map((record) => [record.key, messageOf(record)]),
        [
          ["b", "`isDeletion` returned a Promise, not true or false"],
          ["c", "`isDeletion` returned a Promise, not true or false"],
          ["d", "`isDeletion` returned undefined, not true or false"]
        ]
      )
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it("refuses options that it does not have", () => {
    const options: any = { enrich: () => Effect.succeedNone, lookup: 1 }
    assert.throws(() => Enricher.handle(In, Out, options), /lookup/)
    const none: any = { enrich: () => Effect.succeedNone, lookups: 0 }
    assert.throws(() => Enricher.handle(In, Out, none), /at least 1/)
    const handle: any = Enricher.handle
    const { enrich } = options
    assert.throws(() => handle(In, Out, {}), /Topic\(in\): enrich is missing/)
    assert.throws(() => handle(In, "out", { enrich }), /Topic\(in\): target: "out" is no topic/)
    const Tenanted = Topic.make("tenanted", { ...texts, headers: Schema.Struct({ tenant: Schema.String }) })
    assert.throws(() => handle(In, Tenanted, { enrich }), /target: tenanted has a Schema of headers/)
  })
})
