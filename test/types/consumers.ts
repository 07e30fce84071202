import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Handler, HandlerFailed, KafkaEngine, KafkaError, Outcome, Poison, Record } from "millrace"
import { BatchFailed, Consumer, OnFailure, Topic } from "millrace"
import { same } from "./exact.ts"
import { Audit, Declined, Invoices, Mail, Orders, type ReadKeys, Secrets, Tenanted, Users } from "./fixtures.ts"

type Engine = KafkaEngine.Service
type Failure = KafkaError.KafkaError

const charging = Topic.handle(
  Orders,
  Effect.fnUntraced(function*(record) {
    yield* (yield* Invoices).charge(record.value)
  })
)
same<typeof charging, Handler.Handler<Declined, Invoices>>(true)
// A type that is anything would be equal to everything, and every check here empty.
same<typeof charging, Handler.Handler<never, Invoices>>(false)
same<typeof charging, Handler.Handler<any, any>>(false)

const mailing = Topic.handle(Users, (record) => Mail.use((mail) => mail.send(record.value?.id ?? "gone")))
same<typeof mailing, Handler.Handler<never, Mail>>(true)

const declining = Topic.handle(
  Orders,
  (record) => record.value.total > 1 ? Effect.fail(new Declined({ code: 1 })) : Effect.void,
  { onFailure: OnFailure.skip, concurrency: { keys: 4 } }
)
same<typeof declining, Handler.Handler<Declined, never>>(true)

const auditing = Topic.handle(Audit, (record) => Mail.use((mail) => mail.send(record.value)))
same<typeof auditing, Handler.Handler<never, Mail>>(true)

const batching = Topic.handleBatch(
  Orders,
  Effect.fnUntraced(function*(records) {
    yield* (yield* Invoices).charge(records[0]!.value)
  })
)
same<typeof batching, Handler.Handler<Declined, Invoices>>(true)

// Consuming decodes: it needs what decoding needs, and not what encoding needs.
const opening = Topic.handle(Secrets, (record) => Effect.log(record.value))
same<typeof opening, Handler.Handler<never, ReadKeys>>(true)

// The services of a policy are the handler's, as are those of the offsets that it owns.
const asking = OnFailure.make(() => Mail.use((mail) => Effect.as(mail.send("failed"), OnFailure.skip)))
same<typeof asking, OnFailure.OnFailure<unknown, Mail>>(true)
const asked = Topic.handle(Audit, () => Effect.void, { onFailure: asking })
same<typeof asked, Handler.Handler<never, Mail>>(true)
const owning = Topic.handleOwningOffsets(Audit, () => Effect.fail("stored badly" as const), {
  startOffsets: () => Invoices.use((invoices) => Effect.as(invoices.charge(null as never), []))
})
same<typeof owning, Handler.Handler<"stored badly" | Declined, Invoices>>(true)

// A policy is asked about the error of the record that a batch's handler names.
const naming = Topic.handleBatch(
  Audit,
  () => Effect.fail(new BatchFailed({ offset: 1, cause: Cause.fail(new Declined({ code: 1 })) })),
  { onFailure: OnFailure.stop.pipe(OnFailure.tag("Declined", OnFailure.skip)) }
)
same<typeof naming, Handler.Handler<Declined, never>>(true)
Topic.handleBatch(
  Audit,
  () => Effect.fail(new BatchFailed({ offset: 1, cause: Cause.fail(new Declined({ code: 1 })) })),
  // @ts-expect-error: it never sees the error around it
  { onFailure: OnFailure.stop.pipe(OnFailure.tag("BatchFailed", OnFailure.skip)) }
)

const scoped = Topic.handle(Audit, () => Effect.acquireRelease(Effect.service(Mail), () => Effect.void))

const billing = Consumer.make("billing", {
  offsetReset: "earliest",
  onFailure: OnFailure.stop,
  handlers: [charging, mailing, declining, auditing, batching, opening, scoped]
})
same<Consumer.Error<typeof billing>, Declined>(true)

const inline = Consumer.make("billing", {
  offsetReset: "earliest",
  onFailure: OnFailure.make((failure: OnFailure.Failure<Declined>) => Effect.die(failure.kind)),
  handlers: [
    Topic.handle(
      Orders,
      Effect.fnUntraced(function*(record) {
        yield* (yield* Invoices).charge(record.value)
      }),
      { onFailure: OnFailure.skip }
    ),
    Topic.handle(Users, (record) => Mail.use((mail) => mail.send(String(record.value?.id))))
  ]
})
same<typeof inline, Consumer.Consumer<Declined, Invoices | Mail>>(true)

// Running it asks for the engine and gives each call of a handler its Scope.
type Needs = Invoices | Mail | ReadKeys | Engine
const running = Consumer.run(billing)
same<typeof running, Effect.Effect<void, Failure | HandlerFailed<Declined>, Needs>>(true)
const streaming = Consumer.outcomeBatches(billing)
same<typeof streaming, Stream.Stream<Outcome.OutcomeBatch, Failure | HandlerFailed<Declined>, Needs>>(true)
const living = Consumer.layer(billing)
same<typeof living, Layer.Layer<never, Failure, Needs>>(true)

const reading = Consumer.records("reader", Secrets, { offsetReset: "latest" })
same<
  typeof reading,
  Stream.Stream<Consumer.Uncommitted<string, string, unknown>, Failure | Poison, ReadKeys | Engine>
>(true)

const parts = Consumer.partitioned("reader", Secrets, { offsetReset: "latest" })
same<
  typeof parts,
  Stream.Stream<
    readonly [
      KafkaEngine.TopicPartition,
      Stream.Stream<Consumer.Uncommitted<string, string, unknown>, Poison>
    ],
    Failure,
    ReadKeys | Engine
  >
>(true)

// A reader's errors and services are the program's. What it does not catch of its stream is among them.
const readers = Consumer.runPartitions(
  "reader",
  Secrets,
  { offsetReset: "latest" },
  (_, records) =>
    Stream.runForEach(records, ({ commit, record }) => {
      same<typeof record.value, string>(true)
      same<typeof commit, Effect.Effect<void, Failure>>(true)
      return Mail.use((mail) => mail.send(record.value))
    })
)
same<typeof readers, Effect.Effect<void, Failure | HandlerFailed<Poison>, Mail | ReadKeys | Engine>>(true)
const failing = Consumer.runPartitions(
  "reader",
  Orders,
  { offsetReset: "latest" },
  () => Effect.fail(new Declined({ code: 1 }))
)
same<typeof failing, Effect.Effect<void, Failure | HandlerFailed<Declined>, Engine>>(true)

// @ts-expect-error a stream is no reader: it has to be run
export const notRun = Consumer.runPartitions("reader", Orders, { offsetReset: "latest" }, (_, records) => records)

// What a transaction may fail with is among the handler's errors, for its policy too.
const copying = Topic.handleTransactional(Orders, (records, span) => {
  same<typeof span, Handler.Span>(true)
  return records.length > span.next ? Effect.fail(new Declined({ code: 1 })) : Effect.void
})
same<typeof copying, Handler.Handler<Declined | Failure, Engine>>(true)

const looking = Topic.read(Secrets, { from: { last: 10 }, until: "end" })
same<
  typeof looking,
  Stream.Stream<Record.Record<string, string, unknown>, Failure | Poison, ReadKeys | Engine>
>(true)

// @ts-expect-error where to begin is a required choice
export const fromNowhere = Topic.read(Orders, {})

const ensured = Topic.ensure([Orders, Users], { partitions: 3 })
same<typeof ensured, Effect.Effect<ReadonlyArray<Topic.Ensured>, Failure, Engine>>(true)

declare const anything: unknown
if (Consumer.isConsumer(anything)) same<typeof anything, Consumer.Consumer<unknown, unknown>>(true)

Topic.handle(Tenanted, (record) => {
  same<typeof record.headerValues, { readonly tenant: string }>(true)
  return Effect.void
})

// @ts-expect-error onFailure is a required choice
Consumer.make("g", { offsetReset: "earliest", handlers: [mailing] })

// @ts-expect-error offsetReset is a required choice
Consumer.make("g", { onFailure: OnFailure.stop, handlers: [mailing] })

const forAnother = OnFailure.make((failure: OnFailure.Failure<{ readonly nope: 1 }>) => Effect.die(failure.kind))
Consumer.make("g", {
  offsetReset: "earliest",
  handlers: [charging],
  // @ts-expect-error the policy is for another error than the handler's
  onFailure: forAnother
})

// @ts-expect-error the same, of one handler
Topic.handle(Orders, () => Effect.fail(new Declined({ code: 1 })), { onFailure: forAnother })

// @ts-expect-error the record's value is an Order
Topic.handle(Orders, (record) => Mail.use((mail) => mail.send(record.value)))
