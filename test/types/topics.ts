/** Topics that know their keys, unions of topics, tagged values, headers that may be missing. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { KafkaEngine, KafkaError } from "millrace"
import { Codec, Consumer, Handler, Headers, OnFailure, Producer, Record, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { same } from "./exact.ts"
import { Audit, Declined, Invoices, Mail, Order, Orders, type ReadKeys, Secrets, Users } from "./fixtures.ts"

type Failure = KafkaError.KafkaError | Schema.SchemaError
type Sent = Effect.Effect<KafkaEngine.Delivery, Failure, KafkaEngine.Service>

const order = new Order({ id: "1", total: 2 })

// A topic that knows the keys of its values takes values, and messages whose key wins.
const Keyed = Topic.make("keyed", { key: Codec.string, value: Codec.json(Order), keyOf: (value) => value.id })
same<typeof Keyed, Topic.Keyed<string, Order, never, never, unknown>>(true)
const byValue = Producer.send(Keyed, order)
same<typeof byValue, Sent>(true)
export const send1 = Producer.send(Keyed, { value: order, partition: 1 })
export const send2 = Producer.send(Keyed, { key: "other", value: order, headers: { a: "b" } })
export const send3 = Producer.sendAll(Keyed, [order, { value: order }, { key: "other", value: order }])
export const send4 = Producer.offer(Keyed, order, { onError: () => Effect.void })
const sink = Producer.sink(Keyed)
same<
  typeof sink,
  Sink.Sink<void, Producer.KeyedMessage<string, Order> | Order, never, Failure, KafkaEngine.Service>
>(true)
// It is a topic, where that is all that is asked for.
export const plain: Topic.Topic<string, Order> = Keyed
// @ts-expect-error its key is no number
export const send5 = Producer.send(Keyed, { key: 1, value: order })
// @ts-expect-error one that does not know its keys takes no values
export const send6 = Producer.send(Orders, order)
// @ts-expect-error nor a message without a key
export const send7 = Producer.send(Orders, { value: order })
// @ts-expect-error the key is a text
Topic.make("keyed", { key: Codec.string, value: Codec.json(Order), keyOf: (value) => value.total })

// A tombstone needs its key, and keyOf is asked about values alone.
const Deletable = Topic.make("deletable", {
  key: Codec.string,
  value: Codec.nullable(Codec.json(Order)),
  keyOf: (value) => {
    same<typeof value, Order>(true)
    return value.id
  }
})
export const send8 = Producer.send(Deletable, order)
export const send9 = Producer.send(Deletable, { key: "1", value: null })
// @ts-expect-error whose tombstone?
export const send10 = Producer.send(Deletable, { value: null })
// @ts-expect-error and this one's?
export const send11 = Producer.send(Deletable, null)

// A value with a value of its own would be taken for a message.
const Readings = Topic.make("readings", {
  key: Codec.string,
  value: Codec.json(Schema.Struct({ sensor: Schema.String, value: Schema.Finite })),
  keyOf: ({ sensor }) => sensor
})
export const send12 = Producer.send(Readings, { value: { sensor: "a", value: 1 } })
// @ts-expect-error is it a message?
export const send13 = Producer.send(Readings, { sensor: "a", value: 1 })

// Header values are asked for, so that a value alone is not enough. They may be optional.
const Traced = Topic.make("traced", {
  key: Codec.string,
  value: Codec.json(Order),
  headers: Schema.Struct({
    tenant: Schema.String,
    attempt: Schema.optional(Schema.FiniteFromString),
    trace: Schema.optionalKey(Schema.String)
  }),
  keyOf: ({ id }) => id
})
export const send14 = Producer.send(Traced, { value: order, headerValues: { tenant: "a" } })
export const send15 = Producer.send(Traced, { value: order, headerValues: { tenant: "a", attempt: 1 } })
// @ts-expect-error the tenant is missing
export const send16 = Producer.send(Traced, order)
// @ts-expect-error the encoded side of a header is a text
Topic.make("numbers", { key: Codec.none, value: Codec.none, headers: Schema.Struct({ n: Schema.Finite }) })
Topic.handle(Traced, ({ headerValues }) => {
  same<
    typeof headerValues,
    { readonly tenant: string; readonly attempt?: number | undefined; readonly trace?: string }
  >(true)
  return Effect.void
})

// One of several topics.
class Payment extends Schema.Class<Payment>("Payment")({ amount: Schema.Finite }) {}
const Payments = Topic.make("payments", { key: Codec.nullable(Codec.string), value: Codec.json(Payment) })
declare const flag: boolean
const either = flag ? Orders : Payments
const both = Topic.handle(either, (record) => {
  same<typeof record.value, Order | Payment>(true)
  same<typeof record.key, string | null>(true)
  return Mail.use((mail) => mail.send(record.topic))
})
same<typeof both, Handler.Handler<never, Mail>>(true)
const mapped = [Orders, Payments, Secrets, Audit].map((topic) => Topic.handle(topic, () => Effect.fail("no" as const)))
same<typeof mapped, Array<Handler.Handler<"no", ReadKeys>>>(true)
Topic.handleBatch(either, (records) => Effect.log(records.map(({ value }) => value)))
Topic.handleOwningOffsets(either, ({ records }) => Effect.log(records.map(({ value }) => value)), {
  startOffsets: () => Effect.succeed([])
})
const Copies = Topic.make("copies", { key: Codec.nullable(Codec.string), value: Codec.json(Order) })
const toEither = flag ? Orders : Copies
export const send17 = Producer.send(toEither, { key: "1", value: order })
// @ts-expect-error one of them wants a key
export const send18 = Producer.send(toEither, { key: null, value: order })
// @ts-expect-error no value fits both
export const send19 = Producer.send(either, { key: "1", value: order })

const readEither = Topic.read(either, { from: "earliest", until: "end" })
same<
  Stream.Success<typeof readEither>,
  Record.Record<string, Order, unknown> | Record.Record<string | null, Payment, unknown>
>(true)
const streamed = Consumer.records("g", either, { offsetReset: "earliest" })
same<Stream.Success<typeof streamed>, Consumer.Uncommitted<string | null, Order | Payment, unknown>>(true)
export const parts = Consumer.partitioned("g", either, { offsetReset: "earliest" })
const readers = Consumer.runPartitions(
  "g",
  either,
  { offsetReset: "earliest" },
  (_, records) => Stream.runDrain(records)
)
same<Effect.Services<typeof readers>, KafkaEngine.Service>(true)

// Code about any topic of some types.
export const forward = <K, V, RE>(topic: Topic.Topic<K, V, never, RE>, key: K, value: V) =>
  Producer.send(topic, { key, value })
export const length = <V extends string>(source: Topic.Source<unknown, V>) =>
  Topic.handle(source, (record) => Effect.log(record.value.length))

// A case for each tag.
const Placed = Schema.TaggedStruct("Placed", { id: Schema.String })
const Paid = Schema.TaggedStruct("Paid", { amount: Schema.Finite })
const Events = Topic.make("events", { key: Codec.string, value: Codec.json(Schema.Union([Placed, Paid])) })
const tagged = Topic.handleTags(Events, {
  Placed: ({ key, value }) => {
    same<typeof value, { readonly _tag: "Placed"; readonly id: string }>(true)
    return Mail.use((mail) => mail.send(key))
  },
  Paid: ({ value }) =>
    value.amount > 1
      ? Effect.fail(new Declined({ code: 1 }))
      : Invoices.use((invoices) => invoices.charge(order))
})
same<typeof tagged, Handler.Handler<Declined, Mail | Invoices>>(true)
const others = Topic.handleTags(Events, { Placed: () => Effect.fail("no" as const), _: Topic.skip }, {
  onFailure: OnFailure.skip,
  concurrency: { keys: 2 }
})
same<typeof others, Handler.Handler<"no", never>>(true)
// A case that may be missing is none, and no error or service of it is lost.
const runs = {
  failing: () => Effect.fail(new Declined({ code: 1 })),
  mailing: () => Mail.use((mail) => mail.send("x"))
}
declare const perhaps: { readonly Placed?: typeof runs.failing; readonly Paid: typeof runs.mailing }
// @ts-expect-error Placed may be missing
Topic.handleTags(Events, perhaps)
// @ts-expect-error Placed may be undefined
Topic.handleTags(Events, { Placed: flag ? runs.failing : undefined, Paid: runs.mailing })
declare const perhapsOther: { readonly Placed: typeof runs.failing; readonly _?: typeof runs.mailing }
// @ts-expect-error nothing handles Paid for certain
Topic.handleTags(Events, perhapsOther)
const certain = Topic.handleTags(Events, { ...perhaps, _: Topic.skip })
same<typeof certain, Handler.Handler<Declined, Mail>>(true)
// @ts-expect-error nothing handles Paid
Topic.handleTags(Events, { Placed: () => Effect.void })
// @ts-expect-error there is no such tag
Topic.handleTags(Events, { Placed: () => Effect.void, Payed: () => Effect.void, _: Topic.skip })
// @ts-expect-error there is no such tag, although the others are there
Topic.handleTags(Events, { Placed: () => Effect.void, Paid: () => Effect.void, Payed: () => Effect.void })
const Nullable = Topic.make("events", {
  key: Codec.string,
  value: Codec.nullable(Codec.json(Schema.Union([Placed, Paid])))
})
// @ts-expect-error a tombstone has no tag
Topic.handleTags(Nullable, { Placed: () => Effect.void, Paid: () => Effect.void })
Topic.handleTags(Nullable, { Placed: Topic.skip, Paid: Topic.skip, _: ({ value }) => Effect.log(value === null) })
// @ts-expect-error these values have no tags
Topic.handleTags(Orders, { Placed: () => Effect.void })

// Handlers that say nothing of what they need make a consumer that cannot be run.
const opaque: Array<Handler.Any> = [both, tagged]
const unknowing = Consumer.make("g", { offsetReset: "earliest", onFailure: OnFailure.stop, handlers: opaque })
same<typeof unknowing, Consumer.Consumer<unknown, unknown>>(true)
// @ts-expect-error its services are not known
// @effect-diagnostics-next-line missingEffectContext:off
Effect.runFork(Effect.provide(Consumer.run(unknowing), InMemoryKafka.layer))
const none = Consumer.make("g", { offsetReset: "earliest", onFailure: OnFailure.stop, handlers: [] })
same<typeof none, Consumer.Consumer<never, never>>(true)

// A record for a handler alone.
const record = Record.make(Keyed, order, { offset: 7 })
same<typeof record, Record.Record<string, Order, unknown>>(true)
Record.make(Users, { key: null, value: null })
Record.make(Audit, { key: null, value: "x" }, { topic: "audit.a" })
// @ts-expect-error of which topic?
Record.make(Audit, { key: null, value: "x" })
// @ts-expect-error its value is an Order
Record.make(Orders, { key: "1", value: "x" })

// Texts of a Schema, and values of other codecs.
const OrderId = Schema.String.pipe(Schema.brand("OrderId"))
const ids = Codec.text(OrderId)
same<typeof ids, Codec.Codec<typeof OrderId.Type, never, never>>(true)
// @ts-expect-error its encoded side is a number
Codec.text(Schema.Finite)
const lengths = Codec.string.pipe(Codec.map({ decode: (text) => text.length, encode: (n: number) => "x".repeat(n) }))
same<typeof lengths, Codec.Codec<number, never, never>>(true)

// What a guard says, it says of anything.
declare const anything: unknown
if (Topic.isTopic(anything)) same<typeof anything.name, string>(true)
if (Handler.isHandler(anything)) same<typeof anything, Handler.Handler<unknown, unknown>>(true)
if (Codec.isCodec(anything)) same<typeof anything, Codec.Any>(true)

// Transactions read from left to right, too.
const inPipe = byValue.pipe(Producer.transaction("id"))
same<typeof inPipe, Sent>(true)
const first = Producer.transaction(byValue, "id")
same<typeof first, Sent>(true)
export const texts: { readonly [name: string]: string } = Headers.toTexts(Headers.empty)
