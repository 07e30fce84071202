import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Codec, Consumer, OnFailure, Producer, Record, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

const text = (value: string) => new TextEncoder().encode(value)

/** Writes the first letter of a text into a header, and the rest as bytes. */
const split = (wait: boolean) =>
  Codec.make<string>({
    decoder: ({ part }) =>
      Effect.succeed((bytes, headers) => {
        const first = headers.filter(([name]) => name === `${part}-first`)
        if (first.length !== 1) throw new Error(`${first.length} headers`)
        return `${new TextDecoder().decode(first[0]![1]!)}${new TextDecoder().decode(bytes)}`
      }),
    encoder: ({ part }) =>
      Effect.succeed((value) => {
        const encoded = new Codec.Encoded(text(value.slice(1)), [[`${part}-first`, text(value.slice(0, 1))]])
        return wait ? new Codec.Pending(Effect.as(Effect.yieldNow, encoded)) : encoded
      }),
    headerNames: ({ part }) => [`${part}-first`]
  })

const upper = (codec: Codec.Codec<string>) =>
  Codec.nullable(Codec.map(codec, {
    decode: (text) => text.toLowerCase(),
    encode: (text: string) => text.toUpperCase()
  }))

const read = <K, V>(topic: Topic.Topic<K, V>) =>
  Effect.gen(function*() {
    const seen: Array<Record.Record<K, V>> = []
    yield* Consumer.run(Consumer.make("reader", {
      offsetReset: "earliest",
      onFailure: OnFailure.stop,
      until: "end",
      handlers: [Topic.handle(topic, (record) => Effect.sync(() => seen.push(record)))]
    }))
    return seen
  })

describe("headers of a codec", () => {
  for (const wait of [false, true]) {
    it.effect(`go with its bytes, for keys and values, ${wait ? "when they are there" : "at once"}`, () =>
      Effect.gen(function*() {
        const topic = Topic.make("t", { key: split(wait), value: upper(split(wait)) })
        const message = (key: string) => ({ key, value: "hello", headers: { other: "1" }, partition: 0 })
        yield* Producer.send(topic, message("a1"))
        yield* Producer.sendAll(topic, [message("b1"), { key: "b2", value: "x", partition: 0 }])
        yield* Producer.offer(topic, message("c1"), { onError: () => Effect.void })
        yield* Producer.transaction("tx", Producer.send(topic, message("d1")))
        const records = yield* read(topic)
        assert.deepStrictEqual(records.map(({ key }) => key), ["a1", "b1", "b2", "c1", "d1"])
        assert.deepStrictEqual(records[0]!.value, "hello")
        assert.deepStrictEqual(records[0]!.headers, [
          ["other", text("1")],
          ["key-first", text("a")],
          ["value-first", text("H")]
        ])
        assert.deepStrictEqual(records[2]!.headers.map(([name]) => name), ["key-first", "value-first"])
        assert.deepStrictEqual(records[0]!.raw.value, text("ELLO"))
      }).pipe(Effect.provide(InMemoryKafka.layer)))
  }

  it.effect("take the place of the message's own, also where the codec writes none", () =>
    Effect.gen(function*() {
      const Headers = Schema.Struct({ "value-first": Schema.String, tenant: Schema.String })
      const topic = Topic.make("t", { key: Codec.none, value: upper(split(false)), headers: Headers })
      const headerValues = { "value-first": "y", tenant: "acme" }
      const headers = [["value-first", text("z")], ["value-first", null], ["key-first", text("k")]] as const
      yield* Producer.send(topic, { key: null, value: "hello", headers, headerValues })
      yield* Producer.send(topic, { key: null, value: null, headers, headerValues })
      const raw = Topic.make("t", { key: Codec.none, value: Codec.nullable(Codec.bytes) })
      const [full, tombstone] = yield* read(raw)
      assert.deepStrictEqual(full!.headers, [["tenant", text("acme")], ["key-first", text("k")], [
        "value-first",
        text("H")
      ]])
      assert.deepStrictEqual(tombstone!.headers, [["tenant", text("acme")], ["key-first", text("k")]])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("are refused where they are none", () =>
    Effect.gen(function*() {
      const bad = Codec.make<string>({
        decoder: () => Effect.succeed(() => ""),
        encoder: () => Effect.succeed((value) => new Codec.Encoded(text(value), [["a", "text" as any]]))
      })
      const topic = Topic.make("t", { key: Codec.none, value: bad })
      const error = yield* Effect.flip(Producer.send(topic, { key: null, value: "a" }))
      assert.include(error.message, "headers: the value of header \"a\" is a string, not bytes or null")
      const none = Codec.make<string>({
        decoder: () => Effect.succeed(() => ""),
        encoder: () => Effect.succeed(() => new Codec.Encoded("text" as any, []))
      })
      const other = yield* Effect.flip(
        Producer.send(Topic.make("t", { key: Codec.none, value: none }), { key: null, value: "a" })
      )
      assert.include(other.message, "bytes (a Uint8Array) are needed")
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it("are in the record of a test", () => {
    const topic = Topic.make("t", { key: split(false), value: upper(split(true)) })
    const record = Record.make(topic, { key: "a1", value: "hello", headers: { other: "1" } })
    assert.deepStrictEqual(record.headers, [["other", text("1")], ["key-first", text("a")], ["value-first", text("H")]])
    assert.deepStrictEqual(record.raw.key, text("1"))
  })
})
