import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Handler } from "millrace"
import { Consumer, KeyOffsetStore, OnFailure, Retry, Topic } from "millrace"
import { same } from "./exact.ts"
import { Audit, Declined, Mail, Orders } from "./fixtures.ts"

class Busy {
  readonly _tag = "Busy"
}

const declining = () => Effect.fail(new Declined({ code: 1 }))
const busy = () => Effect.fail(new Busy())
const spaced = Schedule.spaced("1 second")

// A schedule of any input makes a policy for every handler.
const plain = Retry.blocking(spaced)
same<typeof plain, OnFailure.OnFailure<unknown>>(true)
same<typeof plain, OnFailure.OnFailure<any>>(false)
Topic.handle(Orders, declining, { onFailure: plain })
Topic.handle(Audit, busy, { onFailure: plain })

// One that looks at the error makes a policy for handlers that fail with it.
const byCode = Schedule.while(spaced, ({ input }: Schedule.Metadata<number, Declined>) => input.code > 1)
const careful = Retry.blocking(byCode)
same<typeof careful, OnFailure.OnFailure<Declined>>(true)
Topic.handle(Orders, declining, { onFailure: careful })
// It fits handlers that never fail, too.
Topic.handle(Orders, () => Effect.void, { onFailure: careful })
// @ts-expect-error the schedule is for another error than the handler's
Topic.handle(Orders, busy, { onFailure: careful })
const either = (): Effect.Effect<void, Declined | Busy> => Effect.fail(new Busy())
// @ts-expect-error the handler may fail with more than the schedule knows
Topic.handle(Orders, either, { onFailure: careful })

// Its services are the policy's, and so the handler's.
const mailing = Schedule.tap(spaced, () => Mail.use((mail) => mail.send("again")))
const telling = Retry.blocking(mailing)
same<typeof telling, OnFailure.OnFailure<unknown, Mail>>(true)
const told = Topic.handle(Orders, declining, { onFailure: telling })
same<typeof told, Handler.Handler<Declined, Mail>>(true)

// A predicate narrows a schedule of any input, and knows the error of one that is typed.
const picky = Retry.blocking(spaced, { retryable: (error: Declined) => error.code > 1 })
same<typeof picky, OnFailure.OnFailure<Declined>>(true)
const knowing = Retry.blocking(byCode, {
  retryable: (error) => {
    same<typeof error, Declined>(true)
    return error.code > 1
  }
})
same<typeof knowing, OnFailure.OnFailure<Declined>>(true)
// A wider predicate is no less of one.
const wider = Retry.blocking(byCode, { retryable: (error: unknown) => error !== null })
same<typeof wider, OnFailure.OnFailure<Declined>>(true)
// @ts-expect-error the predicate is for another error than the schedule's
Retry.blocking(byCode, { retryable: (error: Busy) => error._tag === "Busy" })

// @ts-expect-error a schedule that can fail is none for retries
Retry.blocking(Schedule.cron("* * * * *"))

// Retry topics are made before there is an error, and without services.
const later = Retry.nonBlocking(spaced)
same<typeof later, OnFailure.OnFailure<unknown>>(true)
const some = Retry.nonBlocking(spaced, { retryable: (error: Declined) => error.code > 1 })
same<typeof some, OnFailure.OnFailure<Declined>>(true)
// @ts-expect-error the schedule looks at the error
Retry.nonBlocking(byCode)
// @ts-expect-error the schedule needs a service
Retry.nonBlocking(mailing)
// @ts-expect-error the schedule can fail
Retry.nonBlocking(Schedule.cron("* * * * *"))

const numbers = Retry.settings({ maxRetries: 3, delay: "1 second" satisfies Duration.Input })
same<typeof numbers, OnFailure.OnFailure<unknown>>(true)
const typed = Retry.settings({ maxRetries: 3, delay: 1000, retryable: (error: Declined) => error.code > 1 })
same<typeof typed, OnFailure.OnFailure<Declined>>(true)
// @ts-expect-error how often is a required choice
Retry.settings({ delay: 1000 })

// A chain is for the errors that all of it knows, and needs what each of it does.
const chained = careful.pipe(OnFailure.andThen(later), OnFailure.andThen(OnFailure.skip))
same<typeof chained, OnFailure.OnFailure<Declined>>(true)
const both = OnFailure.andThen(telling, some)
same<typeof both, OnFailure.OnFailure<Declined, Mail>>(true)
const impossible = OnFailure.andThen(
  careful,
  Retry.nonBlocking(spaced, { retryable: (error: Busy) => error._tag !== "Busy" })
)
same<typeof impossible, OnFailure.OnFailure<Declined & Busy>>(true)
const poisoned = later.pipe(OnFailure.poison(telling), OnFailure.defect(careful))
same<typeof poisoned, OnFailure.OnFailure<Declined, Mail>>(true)
const routed = later.pipe(
  OnFailure.route((failure: OnFailure.Failure<Declined>) =>
    failure.kind === "error" ? OnFailure.pass : OnFailure.deadLetter
  )
)
same<typeof routed, OnFailure.OnFailure<Declined>>(true)

// The handler's error flows into a policy that is written beside it.
Topic.handle(Orders, declining, {
  onFailure: Retry.nonBlocking(spaced, {
    retryable: (error) => {
      same<typeof error, Declined>(true)
      return error.code > 1
    }
  })
})
Topic.handleBatch(Orders, either, {
  onFailure: Retry.settings({
    maxRetries: 1,
    delay: 1,
    exclude: ["Declined"],
    retryable: (error) => {
      same<typeof error, Declined | Busy>(true)
      return error._tag === "Busy"
    }
  })
})
Topic.handle(Orders, declining, {
  onFailure: OnFailure.make((failure) => {
    same<typeof failure, OnFailure.Failure<Declined>>(true)
    return OnFailure.skip
  })
})
Consumer.make("billing", {
  offsetReset: "earliest",
  handlers: [Topic.handle(Orders, declining)],
  // Handlers and policy are parts of one object, so that the error has to be named here.
  onFailure: Retry.blocking(spaced, { retryable: (error: Declined) => error.code > 1 })
})

// A misspelt tag does not compile: beside the handler, in a policy that several share, and with a typed error.
const byTags = Retry.nonBlocking(spaced, { exclude: ["Declined"] })
same<typeof byTags, OnFailure.OnFailure<unknown, never, "Declined">>(true)
Topic.handle(Orders, declining, { onFailure: byTags })
Topic.handle(Orders, either, { onFailure: byTags })
// @ts-expect-error the handler has no such error
Topic.handle(Orders, busy, { onFailure: byTags })
// @ts-expect-error the tag is misspelt
Topic.handle(Orders, declining, { onFailure: Retry.nonBlocking(spaced, { include: ["Decliend"] }) })
Retry.blocking<Declined>(spaced, { include: ["Declined"] })
// @ts-expect-error the tag is misspelt
Retry.blocking<Declined>(spaced, { include: ["Decliend"] })
// @ts-expect-error the tag is misspelt
Retry.settings<Declined>({ maxRetries: 1, delay: 1, exclude: ["Decliend"] })
Consumer.make("billing", { offsetReset: "earliest", handlers: [Topic.handle(Orders, either)], onFailure: byTags })
Consumer.make("billing", {
  offsetReset: "earliest",
  handlers: [Topic.handle(Orders, busy)],
  // @ts-expect-error no handler has such an error
  onFailure: byTags
})
// Errors without a tag go by their name, which types do not tell.
Topic.handle(Orders, () => Effect.fail("bad" as const), { onFailure: byTags })

// A policy for errors of one tag knows these alone, and the handler must have them.
const tagged = later.pipe(OnFailure.tag(
  "Declined",
  OnFailure.make((failure: OnFailure.Failure<Declined>) => {
    same<typeof failure.kind, OnFailure.Kind>(true)
    return OnFailure.stop
  })
))
same<typeof tagged, OnFailure.OnFailure<unknown, never, "Declined">>(true)
Topic.handle(Orders, either, { onFailure: tagged })
// @ts-expect-error the handler has no such error
Topic.handle(Orders, busy, { onFailure: tagged })
// @ts-expect-error the tag is misspelt
Topic.handle(Orders, declining, { onFailure: later.pipe(OnFailure.tag("Decliend", OnFailure.skip)) })
Topic.handle(Orders, either, { onFailure: OnFailure.tag(later, ["Declined", "Busy"], OnFailure.skip) })

// A policy for stale records may ask for tags as well, which the handler must have.
const guarded = later.pipe(
  KeyOffsetStore.guard({ when: () => true, stale: OnFailure.skip.pipe(OnFailure.tag("Declined", OnFailure.stop)) })
)
same<typeof guarded, OnFailure.OnFailure<unknown, KeyOffsetStore.KeyOffsetStore, "Declined">>(true)
Topic.handle(Orders, either, { onFailure: guarded })
// @ts-expect-error the handler has no such error
Topic.handle(Orders, busy, { onFailure: guarded })

// A function returns policies, or an effect of one; what these need is the policy's.
const asking = OnFailure.make((failure: OnFailure.Failure<Declined>) =>
  failure.kind === "error" ? telling : Mail.use((mail) => Effect.as(mail.send("failed"), OnFailure.skip))
)
same<typeof asking, OnFailure.OnFailure<Declined, Mail>>(true)
// @ts-expect-error a decision that no constructor made
OnFailure.make(() => ({ _tag: "Skip" as const }))
// @ts-expect-error the words of earlier days
OnFailure.route(later, () => "dlt")
