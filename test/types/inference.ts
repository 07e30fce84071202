/** Policies for one tag fit handlers however they are written, those too whose parameters are inferred. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Handler } from "millrace"
import { Consumer, OnFailure, Retry, Topic } from "millrace"
import { same } from "./exact.ts"
import { Declined, Invoices, Mail, Orders } from "./fixtures.ts"

const later = Retry.nonBlocking(Schedule.recurs(3))
const onFailure = later.pipe(OnFailure.tag("Declined", OnFailure.deadLetter))
const misspelt = later.pipe(OnFailure.tag("Decliend", OnFailure.deadLetter))

const arrow = Topic.handle(Orders, ({ value }) => Invoices.use((invoices) => invoices.charge(value)), { onFailure })
same<typeof arrow, Handler.Handler<Declined, Invoices>>(true)
const inferred = Topic.handle(
  Orders,
  Effect.fnUntraced(function*({ value }) {
    const invoices = yield* Invoices
    yield* invoices.charge(value)
  }),
  { onFailure, concurrency: { keys: 4 } }
)
same<typeof inferred, Handler.Handler<Declined, Invoices>>(true)
const batch = Topic.handleBatch(Orders, (records) => Effect.fail(new Declined({ code: records.length })), { onFailure })
same<typeof batch, Handler.Handler<Declined, never>>(true)
const owning = Topic.handleOwningOffsets(
  Orders,
  ({ records }) => Effect.fail(new Declined({ code: records.length })),
  { onFailure, startOffsets: () => Mail.useSync(() => []) }
)
same<typeof owning, Handler.Handler<Declined, Mail>>(true)
// @ts-expect-error the tag is misspelt
Topic.handle(Orders, ({ value }) => Invoices.use((invoices) => invoices.charge(value)), { onFailure: misspelt })
// @ts-expect-error the tag is misspelt
Topic.handleBatch(Orders, (records) => Effect.fail(new Declined({ code: records.length })), { onFailure: misspelt })
// @ts-expect-error the tag is misspelt
Topic.handleTransactional(Orders, () => Effect.fail(new Declined({ code: 1 })), { onFailure: misspelt })
Topic.handleTransactional(Orders, (records) => Effect.fail(new Declined({ code: records.length })), { onFailure })

// A handler that cannot fail has no tags.
const quiet = Topic.handle(Orders, ({ value }) => Effect.log(value.id))
same<typeof quiet, Handler.Handler<never, never>>(true)
// @ts-expect-error the handler never fails
Topic.handle(Orders, ({ value }) => Effect.log(value.id), { onFailure })
// @ts-expect-error the handler never fails
Topic.handle(Orders, () => Effect.void, { onFailure })
const skipping = Topic.handle(Orders, Topic.skip)
same<typeof skipping, Handler.Handler<never, never>>(true)
// @ts-expect-error what is no Effect has no errors that a policy could be checked against
Topic.handle(Orders, (record) => record.value)

export const consumer = Consumer.make("billing", { offsetReset: "earliest", onFailure, handlers: [arrow, inferred] })
same<typeof consumer, Consumer.Consumer<Declined, Invoices>>(true)
Consumer.make("billing", {
  offsetReset: "earliest",
  onFailure,
  handlers: [Topic.handle(Orders, ({ value }) => Invoices.use((invoices) => invoices.charge(value)))]
})
