import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Codec, Consumer, Health, KafkaEngine, OnFailure, Producer, Suppression, Switches, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

class Order extends Schema.Class<Order>("Order")({ id: Schema.String }) {}
class Rush extends Order.extend<Rush>("Rush")({ hours: Schema.Finite }) {}
class Refund extends Schema.Class<Refund>("Refund")({ id: Schema.String }) {}
const User = Schema.Struct({ name: Schema.String })

const A = Topic.make("a", { key: Codec.none, value: Codec.string })
const B = Topic.make("b", { key: Codec.none, value: Codec.string })
const Money = Topic.make("money", { key: Codec.none, value: Codec.json(Schema.Union([Rush, Order, Refund])) })
const Orders = Topic.make("orders", { key: Codec.none, value: Codec.nullable(Codec.json(Order)) })
const NullOrders = Topic.make("null-orders", { key: Codec.none, value: Codec.json(Schema.NullOr(Order)) })
const Users = Topic.make("users", { key: Codec.none, value: Codec.nullable(Codec.json(User)) })

const text = (value: string) => ({ key: null, value })
const sendA = Producer.send(A, text("x"))
const sendB = Producer.send(B, text("x"))

const count = (topic: string) =>
  Effect.flatMap(InMemoryKafka, (memory) => Effect.map(memory.records(topic), (records) => records.length))

/** Which of both topics an effect produced to. */
const produced = Effect.fnUntraced(function*<E, R>(effect: Effect.Effect<unknown, E, R>) {
  const before = [yield* count("a"), yield* count("b")] as const
  yield* effect
  const names = (yield* count("a")) > before[0] ? "a" : ""
  return names + ((yield* count("b")) > before[1] ? "b" : "")
})

const both = Effect.andThen(sendA, sendB)

const memory = Effect.provide(InMemoryKafka.layer)

describe("Producer.suppress", () => {
  const table: ReadonlyArray<readonly [string, typeof both, string]> = [
    ["nothing", both, "ab"],
    ["all", both.pipe(Producer.suppress()), ""],
    ["all, data first", Producer.suppress(both), ""],
    ["one", both.pipe(Producer.suppress([A])), "b"],
    ["one, data first", Producer.suppress(both, [A]), "b"],
    ["one by its name", both.pipe(Producer.suppress(["a"])), "b"],
    ["an empty list", both.pipe(Producer.suppress([])), "ab"],
    ["lists add up", both.pipe(Producer.suppress([A]), Producer.suppress([B])), ""],
    ["all outside of a list", both.pipe(Producer.suppress([A]), Producer.suppress()), ""],
    ["all outside of an empty list", both.pipe(Producer.suppress([]), Producer.suppress()), ""],
    ["all inside of a list", both.pipe(Producer.suppress(), Producer.suppress([A])), ""],
    ["unsuppress in all", both.pipe(Producer.unsuppress, Producer.suppress()), "ab"],
    ["unsuppress in lists", both.pipe(Producer.unsuppress, Producer.suppress([A]), Producer.suppress([B])), "ab"],
    ["a list in unsuppress", both.pipe(Producer.suppress([A]), Producer.unsuppress, Producer.suppress()), "b"],
    ["all around unsuppress", both.pipe(Producer.suppress(), Producer.unsuppress, Producer.suppress([A])), ""]
  ]
  for (const [name, effect, names] of table) {
    it.effect(`nesting: ${name}`, () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* produced(effect), names)
        assert.strictEqual(yield* produced(both), "ab", "it ends with the effect")
      }).pipe(memory))
  }

  it.effect("it ends with a failed and with an interrupted effect", () =>
    Effect.gen(function*() {
      yield* Effect.exit(Effect.fail("no").pipe(Producer.suppress()))
      const begun = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        Effect.andThen(Deferred.succeed(begun, undefined), Effect.never).pipe(Producer.suppress())
      )
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* produced(both), "ab")
    }).pipe(memory))

  it.effect("the effect that was made outside is suppressed where it runs, also recursively", () =>
    Effect.gen(function*() {
      const nested = (depth: number): Effect.Effect<unknown, unknown, any> =>
        depth === 0 ? both : Effect.andThen(nested(depth - 1), both).pipe(Producer.suppress([A]))
      assert.strictEqual(yield* produced(nested(3)), "b")
      assert.strictEqual(yield* produced(nested(3).pipe(Producer.suppress([B]))), "")
      assert.strictEqual(yield* produced(both), "ab")
    }).pipe(memory))

  it.effect("send answers a delivery that says so, without a client or a record", () =>
    Effect.gen(function*() {
      const delivery = yield* Producer.send(A, { ...text("x"), partition: 3, timestamp: 5 }).pipe(
        Producer.suppress(),
        Effect.updateService(KafkaEngine.Service, (engine) => ({ ...engine, producer: Effect.die("connected") }))
      )
      assert.deepStrictEqual(delivery, { topic: "a", partition: -1, offset: -1, timestamp: -1 })
      assert.isTrue(Producer.isSuppressed(delivery))
      assert.isFalse(Producer.isSuppressed(yield* sendA))
    }).pipe(memory))

  it.effect("nothing is encoded", () =>
    Effect.gen(function*() {
      let calls = 0
      const Throwing = Topic.make("throwing", {
        key: Codec.none,
        value: Codec.make<string>({
          decoder: () => Effect.succeed(() => ""),
          encoder: () =>
            Effect.succeed(() => {
              calls++
              throw new Error("no schema")
            })
        })
      })
      const sends = Effect.gen(function*() {
        yield* Producer.send(Throwing, text("x"))
        yield* Producer.sendAll(Throwing, [text("x"), text("y")])
        yield* Producer.offer(Throwing, text("x"), { onError: () => Effect.void })
        yield* Stream.make(text("x")).pipe(Stream.run(Producer.sink(Throwing)))
      })
      yield* sends.pipe(Producer.suppress([Throwing]))
      assert.strictEqual(calls, 0)
      assert.strictEqual((yield* Effect.exit(sends))._tag, "Failure")
      assert.strictEqual(calls, 1)
      assert.strictEqual(yield* count("throwing"), 0)
    }).pipe(memory))

  it.effect("send, sendAll, sink and offer are suppressed, with and without tracing", () =>
    Effect.gen(function*() {
      const sends = Effect.gen(function*() {
        yield* sendA
        yield* sendA
        yield* Producer.sendAll(A, [text("1"), text("2")])
        yield* Stream.make(text("3"), text("4")).pipe(Stream.run(Producer.sink(A)))
        yield* Producer.offer(A, text("5"), { onError: Effect.die })
        yield* Producer.flush()
      })
      for (const tracing of ["off", "record"] as const) {
        const before = yield* count("a")
        const traced = Effect.provideService(sends, Producer.Tracing, tracing)
        yield* traced.pipe(Producer.suppress([A]))
        assert.strictEqual(yield* count("a"), before)
        yield* traced
        assert.strictEqual(yield* count("a"), before + 7)
      }
    }).pipe(memory))

  it.effect("it follows forks, daemons and streams", () =>
    Effect.gen(function*() {
      const forks = Effect.gen(function*() {
        const child = yield* Effect.forkChild(both)
        const daemon = yield* Effect.forkDetach(both)
        yield* Effect.all([Fiber.join(child), Fiber.join(daemon)])
        yield* Effect.all([both, both], { concurrency: "unbounded" })
      })
      assert.strictEqual(yield* produced(forks.pipe(Producer.suppress([A]))), "b")

      const stream = Stream.range(1, 20).pipe(Stream.mapEffect(() => both, { concurrency: 4 }))
      assert.strictEqual(yield* produced(Stream.runDrain(stream).pipe(Producer.suppress([B]))), "a")
      const quiet = stream.pipe(Stream.updateService(Suppression.Current, Suppression.add([A])))
      assert.strictEqual(yield* produced(Stream.runDrain(quiet)), "b")
      assert.strictEqual(yield* produced(Stream.runDrain(quiet).pipe(Producer.suppress([B]))), "")
    }).pipe(memory))

  it.effect("fibers that run at once do not see each other's", () =>
    Effect.gen(function*() {
      const inside = yield* Deferred.make<void>()
      const sent = yield* Deferred.make<void>()
      const quiet = yield* Effect.forkChild(
        Effect.gen(function*() {
          yield* Deferred.succeed(inside, undefined)
          yield* Deferred.await(sent)
          return yield* sendA
        }).pipe(Producer.suppress([A]))
      )
      yield* Deferred.await(inside)
      const loud = yield* sendA
      yield* Deferred.succeed(sent, undefined)
      assert.isTrue(Producer.isSuppressed(yield* Fiber.join(quiet)))
      assert.isFalse(Producer.isSuppressed(loud))
      assert.strictEqual(yield* count("a"), 1)
    }).pipe(memory))

  it.effect("by class: the records of a topic of several that are instances, and their subclasses", () =>
    Effect.gen(function*() {
      const values = [
        new Order({ id: "1" }),
        new Refund({ id: "2" }),
        new Rush({ id: "3", hours: 1 }),
        new Refund({ id: "4" })
      ]
      const messages = values.map((value) => ({ key: null, value }))
      const deliveries = yield* Producer.sendAll(Money, messages).pipe(Producer.suppress([Order]))
      assert.deepStrictEqual(deliveries.map(Producer.isSuppressed), [true, false, true, false])
      assert.deepStrictEqual(deliveries.map(({ offset }) => offset).filter((offset) => offset >= 0).length, 2)
      const stored = yield* Effect.flatMap(InMemoryKafka, (memory) => memory.records("money"))
      const ids = stored.map(({ value }) => JSON.parse(Buffer.from(value!).toString()).id)
      assert.deepStrictEqual(ids.sort(), ["2", "4"])

      const one = (value: Order | Refund) =>
        Producer.send(Money, { key: null, value }).pipe(Effect.map(Producer.isSuppressed))
      const each = Effect.all(values.map(one))
      assert.deepStrictEqual(yield* each.pipe(Producer.suppress([Order])), [true, false, true, false])
      assert.deepStrictEqual(yield* each.pipe(Producer.suppress([Rush])), [false, false, true, false])
      assert.deepStrictEqual(yield* each.pipe(Producer.suppress([Order]), Producer.suppress([Refund])), [
        true,
        true,
        true,
        true
      ])
      const offers = Effect.forEach(messages, (message) => Producer.offer(Money, message, { onError: Effect.die }))
      const before = yield* count("money")
      yield* Effect.andThen(offers, Producer.flush()).pipe(Producer.suppress([Refund]))
      assert.strictEqual(yield* count("money"), before + 2)
      const none = yield* Producer.sendAll(Money, []).pipe(Producer.suppress([Refund]))
      assert.deepStrictEqual(none, [])
    }).pipe(memory))

  it.effect("by Schema: the topics made of it, tombstones included", () =>
    Effect.gen(function*() {
      const tombstone = { key: null, value: null }
      const sends = Effect.all([
        Producer.send(Orders, tombstone),
        Producer.send(NullOrders, tombstone),
        Producer.send(Users, tombstone),
        Producer.send(Users, { key: null, value: { name: "ann" } })
      ]).pipe(Effect.map((deliveries) => deliveries.map(Producer.isSuppressed)))
      assert.deepStrictEqual(yield* sends, [false, false, false, false])
      assert.deepStrictEqual(yield* sends.pipe(Producer.suppress([Order])), [true, true, false, false])
      assert.deepStrictEqual(yield* sends.pipe(Producer.suppress([User])), [false, false, true, true])
      assert.deepStrictEqual(yield* sends.pipe(Producer.suppress([Schema.Null])), [false, false, false, false])
    }).pipe(memory))

  it.effect("what is no topic, name or Schema is refused", () =>
    Effect.gen(function*() {
      for (const wrong of ["no topic", "", 5, null, {}, Topic.pattern(/a/, { key: Codec.none, value: Codec.string })]) {
        const exit = yield* Effect.exit(sendA.pipe(Producer.suppress([wrong as never])))
        assert.strictEqual(exit._tag, "Failure", String(wrong))
      }
      assert.strictEqual(yield* count("a"), 0)
    }).pipe(memory))

  it.effect("isActive tells for a topic, and for everything", () =>
    Effect.gen(function*() {
      const asked = Effect.all([
        Suppression.isActive(),
        Suppression.isActive(A),
        Suppression.isActive(Orders),
        Suppression.isActive(Money)
      ])
      assert.deepStrictEqual(yield* asked, [false, false, false, false])
      assert.deepStrictEqual(yield* asked.pipe(Producer.suppress([A])), [false, true, false, false])
      assert.deepStrictEqual(yield* asked.pipe(Producer.suppress([Order])), [false, false, true, false])
      assert.deepStrictEqual(yield* asked.pipe(Producer.suppress()), [true, true, true, true])
    }))

  it.effect("a transaction keeps what is not suppressed", () =>
    Effect.gen(function*() {
      yield* Producer.transaction("t", both).pipe(Producer.suppress([A]))
      yield* Producer.transaction("t", both.pipe(Producer.suppress([B])))
      assert.deepStrictEqual([yield* count("a"), yield* count("b")], [1, 1])
    }).pipe(memory))
})

/** Copies each record of `a` to `b`, and ends. */
const copier = Consumer.make("copier", {
  offsetReset: "earliest",
  onFailure: OnFailure.stop,
  until: "end",
  handlers: [Topic.handle(A, ({ value }) => Producer.send(B, text(value)))]
})

describe("suppression of a consumer", () => {
  it.effect("handlers run with the suppression of who runs the consumer", () =>
    Effect.gen(function*() {
      yield* sendA
      assert.strictEqual(yield* produced(Consumer.run(copier).pipe(Producer.suppress([B]))), "")
      yield* sendA
      assert.strictEqual(yield* produced(Consumer.run(copier)), "b")
    }).pipe(memory))

  it.effect("suppressLayer holds for all that the layer runs, and for nothing beside it", () =>
    Effect.gen(function*() {
      yield* sendA
      const ended = yield* Deferred.make<void>()
      const layer = Layer.effectDiscard(
        Effect.andThen(Consumer.run(copier), Effect.andThen(sendA, Deferred.succeed(ended, undefined)))
      )
      const quiet = layer.pipe(Producer.suppressLayer([B]))
      assert.strictEqual(yield* produced(Effect.scoped(Layer.build(quiet))), "a")
      assert.isTrue(yield* Deferred.isDone(ended))
      assert.strictEqual(yield* produced(Effect.scoped(Layer.build(Producer.suppressLayer(layer)))), "")
      const sender = Layer.effectDiscard(both)
      const beside = Layer.mergeAll(Layer.fresh(sender), sender.pipe(Producer.suppressLayer([B])))
      const before = yield* count("a")
      assert.strictEqual(yield* produced(Effect.scoped(Layer.build(beside))), "ab")
      assert.deepStrictEqual([yield* count("a"), yield* count("b")], [before + 2, 1])
      assert.strictEqual(yield* produced(both), "ab")
    }).pipe(memory))
})

const captured = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => {
    lines.push(String(message))
  })
  return { lines, layer: Logger.layer([logger]) }
}

describe("Switches", () => {
  it.effect("producing off: nothing is sent, and the log says it once", () =>
    Effect.gen(function*() {
      const { layer, lines } = captured()
      const off = Effect.provide(Layer.merge(Switches.layer({ produce: false }), layer))
      assert.strictEqual(yield* produced(both.pipe(Effect.andThen(both.pipe(Producer.unsuppress)), off)), "")
      assert.deepStrictEqual(lines, ["producing is switched off: nothing is sent"])
      assert.strictEqual(yield* produced(both.pipe(Effect.provide(Switches.layer({ consume: false })))), "ab")
    }).pipe(memory))

  it.effect("consuming off: run waits, or ends with until; log and health say so; nothing is read", () =>
    Effect.gen(function*() {
      yield* sendA
      const { layer, lines } = captured()
      const off = Effect.provide(Layer.merge(Switches.layer({ consume: false }), layer))
      assert.strictEqual(yield* produced(Consumer.run(copier).pipe(off)), "")
      assert.deepStrictEqual(lines, ["consuming is switched off: group \"copier\" is not started"])

      const { until: _, ...settings } = copier.settings
      const waiting = { ...copier, settings }
      const fiber = yield* Effect.forkChild(Consumer.run(waiting).pipe(off), { startImmediately: true })
      const [health] = yield* Health.all
      assert.include(health, { group: "copier", status: "off", healthy: true })
      yield* Fiber.interrupt(fiber)
      const groups = yield* Stream.runCollect(Consumer.outcomeBatches(copier)).pipe(off)
      assert.strictEqual(groups.length, 0)
      assert.strictEqual(yield* count("b"), 0)
    }).pipe(memory, Effect.provideService(Health.Registry, new Set())))

  it.effect("consuming off: a layer is built and waits, and wrong settings still fail it", () =>
    Effect.gen(function*() {
      yield* sendA
      const off = Layer.provide(Switches.layer({ consume: false }))
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Layer.build(Consumer.layer(copier).pipe(off))
        const [health] = yield* Health.all
        assert.include(health, { group: "copier", status: "off", healthy: true })
        assert.strictEqual(yield* count("b"), 0)
      }))
      const wrong = { ...copier, settings: { ...copier.settings, drainTimeout: "1 hour" as const } }
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(Consumer.layer(wrong).pipe(off))))
      assert.strictEqual(exit._tag, "Failure")
    }).pipe(memory, Effect.provideService(Health.Registry, new Set())))

  it.effect("layerConfig reads them; on by default, and what is no boolean is refused", () =>
    Effect.gen(function*() {
      const read = (env: { readonly [name: string]: string }) =>
        Effect.service(Switches.Current).pipe(
          Effect.provide(Layer.provide(Switches.layerConfig, ConfigProvider.layer(ConfigProvider.fromUnknown(env))))
        )
      assert.deepStrictEqual(yield* read({}), { produce: true, consume: true })
      assert.deepStrictEqual(yield* read({ MILLRACE_PRODUCE: "off" }), { produce: false, consume: true })
      assert.deepStrictEqual(yield* read({ MILLRACE_CONSUME: "0" }), { produce: true, consume: false })
      const error = yield* Effect.flip(read({ MILLRACE_CONSUME: "perhaps" }))
      assert.include(String(error), "MILLRACE_CONSUME")
    }))
})
