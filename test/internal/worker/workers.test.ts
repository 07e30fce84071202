import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TestClock } from "effect/testing"
import { Codec, Consumer, OnFailure, Topic } from "millrace"
import { Pending } from "../../../src/Codec.ts"
import { p0, p1, poison, scripted, seen, settings, start, text, Texts, texts, until } from "../loop/scenario.ts"

const kinds = {
  record: (handle: (value: string) => Effect.Effect<unknown>) => Topic.handle(Texts, ({ value }) => handle(value)),
  batch: (handle: (value: string) => Effect.Effect<unknown>) =>
    Topic.handleBatch(Texts, (records) => Effect.forEach(records, ({ value }) => handle(value), { discard: true }))
}

describe.each(["record", "batch"] as const)("poison given to a %s handler", (kind) => {
  for (const [place, at] of [["first", 0], ["in the middle", 2], ["last", 4]] as const) {
    const records = texts(0, 4).map((record) => record.offset === at ? poison(at) : record)
    const good = records.filter(({ offset }) => offset !== at).map(({ offset }) => String(offset))

    it.effect(`${place}: skipped, the others are handled`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const handled: Array<string> = []
        const handler = kinds[kind]((value) => Effect.sync(() => handled.push(value)))
        const consumer = Consumer.make("g", { offsetReset: "earliest", onFailure: OnFailure.skip, handlers: [handler] })
        const { control } = yield* start(script, consumer)
        script.produce(p0, records)
        script.emit("assign", [p0])
        yield* until(() => script.count("store") > 0)
        yield* control.stop
        assert.deepStrictEqual(handled, good)
        assert.strictEqual(script.committed.get("t/0")?.offset, 5)
      })))

    it.effect(`${place}: stopped at, after the records before it`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const handled: Array<string> = []
        const handler = kinds[kind]((value) => Effect.sync(() => handled.push(value)))
        const { exit } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
        script.produce(p0, records)
        script.emit("assign", [p0])
        yield* until(() => exit() !== undefined)
        assert.deepStrictEqual(handled, good.filter((value) => Number(value) < at))
        assert.strictEqual(script.committed.get("t/0")?.offset, at === 0 ? undefined : at)
      })))
  }
})

describe("a batch", () => {
  const slow: Codec.Codec<string> = {
    ...Codec.string,
    decoder: (site) =>
      Effect.map(Codec.string.decoder(site), (decode) => (bytes, headers) => {
        const value = decode(bytes, headers)
        return value === "wait" ? new Pending(Effect.as(Effect.sleep(100), "waited")) : value
      })
  }

  it.effect("keeps the order around records whose codec has to wait", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const batches: Array<ReadonlyArray<string>> = []
      const handler = Topic.handleBatch(
        Topic.make("t", { key: Codec.none, value: slow }),
        (records) => Effect.sync(() => batches.push(records.map(({ value }) => value))),
        { maxSize: 3 }
      )
      yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, [text(0), text(1, "wait"), text(2), text(3), text(4, "wait")])
      script.emit("assign", [p0])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(batches, [["0", "waited", "2"], ["3", "waited"]])
    })))

  it.effect("is not started while its partition is paused", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const batches: Array<number> = []
      const handler = Topic.handleBatch(Texts, (records) => Effect.sync(() => batches.push(records.length)), {
        maxWait: "1 second"
      })
      const { control } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, texts(0, 2))
      script.emit("assign", [p0])
      yield* TestClock.adjust("500 millis")
      yield* control.pause([p0])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(batches, [])
      yield* control.resume([p0])
      yield* until(() => batches.length === 1)
      assert.deepStrictEqual(batches, [3])
    })))
})

it.effect("a batch may fail whose records are too many for an argument list", () =>
  scripted(Effect.fnUntraced(function*(script) {
    const all = 130_000
    const handler = Topic.handleBatch(Texts, () => Effect.fail("bad"), { maxSize: all })
    const consumer = Consumer.make("g", {
      ...settings,
      onFailure: OnFailure.skip,
      chunkRecords: all,
      bufferRecords: all,
      handlers: [handler]
    })
    const { control } = yield* start(script, consumer)
    script.produce(p0, texts(0, all - 1))
    script.emit("assign", [p0])
    yield* until(() => script.calls.some(({ call }) => call === "store"))
    yield* control.stop
    assert.strictEqual(script.committed.get("t/0")?.offset, all)
  })))

describe("the scope of a call", () => {
  it.effect("is closed with the exit of that call, also when it was interrupted", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const exits: Array<string> = []
      const handler = Topic.handle(Texts, ({ value }) =>
        Effect.andThen(
          Effect.addFinalizer((exit) =>
            Effect.sync(() => exits.push(`${value} ${exit._tag} ${Exit.hasInterrupts(exit)}`))
          ),
          value === "0" ? Effect.void : value === "1" ? Effect.fail("bad") : Effect.sleep("1 hour")
        ), { onFailure: OnFailure.skip })
      const consumer = Consumer.make("g", { ...settings, drainTimeout: "2 seconds", handlers: [handler] })
      yield* start(script, consumer)
      script.produce(p0, texts(0, 2))
      script.emit("assign", [p0])
      yield* until(() => exits.length === 2)
      assert.deepStrictEqual(exits, ["0 Success false", "1 Failure false"])
      script.emit("revoke", [p0])
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(exits.slice(2), ["2 Failure true"])
      assert.strictEqual(script.committed.get("t/0")?.offset, 2)
    })))
})

describe("the fetch budget", () => {
  it.effect("keeps a partition that stands still from starving the others, and lets it go on later", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle } = seen()
      const handler = Topic.handle(Texts, handle((value) => value === "0" ? Effect.sleep("1 minute") : Effect.void))
      const consumer = Consumer.make("g", { ...settings, chunkRecords: 5, bufferRecords: 20, handlers: [handler] })
      const { control } = yield* start(script, consumer)
      script.produce(p0, texts(0, 99))
      script.emit("assign", [p0, p1])
      yield* TestClock.adjust("1 second")
      assert.isTrue(script.isPaused(p0))
      script.produce(p1, texts(1, 50))
      yield* until(() => finished.filter((name) => name.startsWith("1:")).length === 50)
      // The other one leaves: nobody is left to be fair to.
      script.emit("revoke", [p1])
      yield* TestClock.adjust("2 minutes")
      assert.isFalse(script.isPaused(p0))
      assert.strictEqual(finished.filter((name) => name.startsWith("0:")).length, 100)
      yield* control.stop
      assert.strictEqual(script.committed.get("t/0")?.offset, 100)
    })))

  it.effect("keeps late records of a paused partition", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle, started } = seen()
      script.lateOnPause = true
      const handler = Topic.handle(Texts, handle(() => Effect.sleep("1 second")))
      const consumer = Consumer.make("g", { ...settings, chunkRecords: 4, bufferRecords: 8, handlers: [handler] })
      const { control } = yield* start(script, consumer)
      script.produce(p0, texts(0, 9))
      script.emit("assign", [p0])
      yield* until(() => started.length === 1)
      yield* control.pause([p0])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(finished, ["0:0"])
      yield* control.resume([p0])
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(finished, texts(0, 9).map(({ offset }) => `0:${offset}`))
    })))
})
