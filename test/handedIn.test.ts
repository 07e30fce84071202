/** What callers without types hand in: it is refused with words that say what belongs there, never ignored. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Codec, DeadLetters, Producer, Record, Retry, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { billing, deadLetter, onCluster, recordsOf, send as letter, usual } from "./internal/deadLetters/letters.ts"

const codecs = { key: Codec.none, value: Codec.nullable(Codec.string) }
const Notes = Topic.make("notes", codecs)

/** Hands in whatever it is. */
const any = (value: unknown): any => value

/** What an effect fails with, as text; a defect has `DEFECT` before it. */
const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    if (Exit.isSuccess(exit)) return "nothing"
    const [error] = Cause.prettyErrors(exit.cause)
    return `${Cause.hasDies(exit.cause) ? "DEFECT " : ""}${error?.message}`
  })

const sent = Effect.flatMap(InMemoryKafka, (memory) => memory.records("notes"))

type Refusal = readonly [what: string, run: Effect.Effect<unknown, unknown, any>, says: RegExp]

const refuses = (what: string, table: ReadonlyArray<Refusal>) =>
  describe(what, () => {
    it.effect.each(table)("%s", ([, run, says]) =>
      Effect.gen(function*() {
        const failure = yield* failureOf(run)
        assert.match(failure, says)
        assert.notMatch(failure, /DEFECT/)
        assert.deepStrictEqual(yield* sent, [])
      }).pipe(Effect.provide(InMemoryKafka.layer)))
  })

const send = (message: unknown) => Producer.send(Notes, any(message))
const note = { key: null, value: "x" }

refuses("a message that would lose something", [
  ["a Map as headers", send({ ...note, headers: new Map([["a", "b"]]) }), /"notes".*Object\.fromEntries/],
  ["a Set as headers", send({ ...note, headers: new Set(["a"]) }), /another collection/],
  ["a text as headers", send({ ...note, headers: "ab" }), /this is a string/],
  ["a number as headers", send({ ...note, headers: 5 }), /this is a number/],
  ["no headers as null", send({ ...note, headers: null }), /this is null/],
  ["header", send({ ...note, header: { a: "b" } }), /unknown field "header"; did you mean "headers"\?/],
  ["vaule", send({ key: null, vaule: "x" }), /unknown field "vaule"; did you mean "value"\? there is: key, value, /],
  ["headerValues without a Schema", send({ ...note, headerValues: { a: "b" } }), /no Schema of headers/],
  ["one of many", Producer.sendAll(Notes, [note, any({ ...note, header: {} })]), /index 1.*unknown field "header"/],
  [
    "an object for many",
    Producer.sendAll(Notes, any(note)),
    /"notes".*an array of messages.*an object; send takes one/
  ],
  ["no messages at all", Producer.sendAll(Notes, any(undefined)), /an array of messages.*undefined/],
  ["the name of a topic", Producer.send(any("notes"), any(note)), /"notes" is no topic.*Topic\.make/],
  ["many to the name of a topic", Producer.sendAll(any("notes"), any([note])), /"notes" is no topic/],
  ["an offer to the name of a topic", Producer.offer(any("notes"), any(note), { onError: Effect.log }), /no topic/],
  [
    "an offer without onError",
    Effect.suspend(() => Producer.offer(Notes, note, any(undefined))),
    /onError.*undefined is no function/
  ],
  ["no topic", Producer.send(any(undefined), any(note)), /undefined is no topic/],
  ["a pattern", Producer.send(any(Topic.pattern(/a/, codecs)), any(note)), /an object is no topic that can be sent to/]
])

describe("a message that loses nothing", () => {
  it.effect("a record is sent on with its headers", () =>
    Effect.gen(function*() {
      const Tagged = Topic.make("tagged", { ...codecs, headers: Schema.Struct({ a: Schema.String }) })
      const record = Record.make(Tagged, { ...note, headerValues: { a: "b" } })
      yield* Producer.send(Notes, record)
      yield* Producer.send(Notes, { ...Record.make(Notes, note), value: "y" })
      yield* Producer.sendAll(Notes, [any({ ...note, header: undefined, headerValues: {} })])
      assert.deepStrictEqual((yield* sent).map(({ headers }) => headers?.map(([name]) => name) ?? []), [["a"], [], []])
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})

describe("suppression", () => {
  it.effect("a target that is in no array is refused, and nothing is sent", () =>
    Effect.gen(function*() {
      for (const targets of ["notes", Notes, null, new Set(["notes"])]) {
        const failure = yield* failureOf(send(note).pipe(Producer.suppress(any(targets))))
        assert.match(failure, /targets to suppress are an array.*\["notes"\]/)
      }
      assert.deepStrictEqual(yield* sent, [])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it("unsuppress takes no targets", () => {
    const unsuppress: any = Producer.unsuppress
    assert.throws(() => unsuppress(["notes"]), /takes an effect and no targets/)
    assert.throws(() => unsuppress("notes"), /takes an effect and no targets/)
    assert.throws(() => unsuppress(send(note), ["notes"]), /takes an effect and no targets/)
    assert.lengthOf([send(note)].map(Producer.unsuppress), 1)
  })
})

refuses("topics", [
  ["ensure of one topic", Topic.ensure(any(Notes), { partitions: 1 }), /topics.*not an array of topics/],
  ["ensure of names", Topic.ensure(any(["notes"]), { partitions: 1 }), /index 0: "notes" is no topic/],
  ["ensure of a pattern", Topic.ensure([any(Topic.pattern(/a/, codecs))], { partitions: 1 }), /index 0: an object/],
  ["ensure without a shape", Topic.ensure([Notes], any(undefined)), /partitions.*undefined is no object of partitions/],
  [
    "ensure with a misspelt field",
    Topic.ensure([Notes], any({ partitions: 1, replicaton: 3 })),
    /unknown field "replicaton"; did you mean "replication"/
  ],
  ["read without options", Stream.runDrain(Topic.read(Notes, any(undefined))), /from.*say where to begin/],
  ["read from a place alone", Stream.runDrain(Topic.read(Notes, any("earliest"))), /"earliest" is no object of from/],
  [
    "read with a misspelt field",
    Stream.runDrain(Topic.read(Notes, any({ from: "earliest", untill: "end" }))),
    /untill/
  ],
  ["read of a name", Stream.runDrain(Topic.read(any("notes"), { from: "earliest" })), /"notes" is no topic or pattern/]
])

describe("what throws where it is made", () => {
  const key = Codec.string
  const value = Codec.string
  const table: ReadonlyArray<readonly [what: string, make: () => unknown, says: RegExp]> = [
    [
      "a topic without codecs",
      () => Topic.make("a", any(undefined)),
      /topic "a": codecs: undefined is no object of key/
    ],
    ["a topic without a value", () => Topic.make("a", any({ key })), /topic "a": value: undefined is not a codec/],
    ["a Schema as codec", () => Topic.make("a", any({ key, value: Schema.String })), /value: a Schema.*Codec\.json/],
    [
      "a codec as header Schema",
      () => Topic.make("a", any({ key, value, headers: value })),
      /headers: .* not a Schema/
    ],
    ["keyOf that is a name", () => Topic.make("a", any({ key, value, keyOf: "id" })), /keyOf: "id" is not a function/],
    ["a misspelt part", () => Topic.make("a", any({ key, value, header: 1 })), /unknown field "header"; did you mean/],
    [
      "a pattern that is a text",
      () => Topic.pattern(any("a.*"), { key, value }),
      /"a\.\*" is not a regular expression/
    ],
    ["a pattern without a key", () => Topic.pattern(/a/, any({ value })), /pattern \/a\/: key: undefined is not/],
    ["retries as a number", () => Retry.nonBlocking(any(3)), /3 is not a Schedule.*Retry\.settings/],
    ["retries of nothing", () => Retry.blocking(any(undefined)), /undefined is not a Schedule/],
    ["a misspelt option", () => Retry.nonBlocking(Schedule.recurs(2), any({ excludes: ["A"] })), /"excludes"; did you/],
    [
      "one tag alone",
      () => Retry.blocking(Schedule.recurs(2), any({ exclude: "Ax" })),
      /"Ax" is not an array of texts/
    ],
    [
      "a misspelt number",
      () => Retry.settings(any({ maxRetrys: 2, delay: 1 })),
      /"maxRetrys"; did you mean "maxRetries"/
    ]
  ]
  it.each(table)("%s", (_, make, says) => assert.throws(make, says))
})

describe("filters of dead letters", () => {
  const filters: ReadonlyArray<readonly [filter: unknown, says: RegExp]> = [
    [{ tags: "A" }, /unknown field "tags"; did you mean "tag"\? there is: topic, /],
    [{ topics: "other" }, /unknown field "topics"; did you mean "topic"/],
    [{ tag: ["A"] }, /tag.*an array is not a text/],
    [{ tag: null }, /tag.*null is not a text/],
    [{ partition: "0" }, /partition.*"0" is not a whole number/],
    [{ parked: "false" }, /parked.*"false" is not true or false/],
    [{ parked: 0 }, /parked.*0 is not true or false/],
    ["A", /"A" is no object of topic/]
  ]
  const others = (filter: any): ReadonlyArray<Effect.Effect<unknown, unknown, any>> => [
    Stream.runDrain(DeadLetters.records(billing, filter)),
    Stream.runDrain(DeadLetters.toNdjson(billing, filter)),
    DeadLetters.stats(billing, filter),
    Stream.runDrain(DeadLetters.redrive(billing, filter)),
    Effect.sync(() => DeadLetters.groupOf(billing, filter)).pipe(Effect.catchDefect(Effect.fail)),
    DeadLetters.discard(billing, filter)
  ]
  const spread = (filter: any): ReadonlyArray<Effect.Effect<unknown, unknown, any>> => [
    Stream.runDrain(DeadLetters.park(billing, filter)),
    DeadLetters.plan(billing, filter)
  ]

  it.effect("what a filter does not know is refused by all that takes one, and nothing is moved", () =>
    Effect.gen(function*() {
      yield* usual
      yield* letter({ tag: "A" })
      for (const [filter, says] of filters) {
        const isObject = typeof filter === "object"
        for (const [i, run] of [...others(filter), ...isObject ? spread(filter) : []].entries()) {
          // To discard, tags are unknown as well.
          const isDiscard = i === 5
          assert.match(yield* failureOf(run), isDiscard ? /unknown field|is not |is no object/ : says)
        }
      }
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(billing, { tag: "A" })), 1)
      assert.lengthOf(yield* recordsOf(deadLetter), 1)
    }).pipe(onCluster))

  it.effect("so are options that would do more than was meant", () =>
    Effect.gen(function*() {
      yield* usual
      yield* letter({ tag: "A" })
      const table: ReadonlyArray<readonly [Effect.Effect<unknown, unknown, any>, RegExp]> = [
        [Stream.runDrain(DeadLetters.redrive(billing, any({ dryRun: 1 }))), /dryRun.*1 is not true or false/],
        [Stream.runDrain(DeadLetters.redrive(billing, any({ dry: true }))), /unknown field "dry"/],
        [Stream.runDrain(DeadLetters.redrive(billing, any({ transform: "x" }))), /transform.*"x" is not a function/],
        [
          Stream.runDrain(DeadLetters.redrive(billing, any({ to: "orign" }))),
          /to.*"orign" is not "first-retry", "orig/
        ],
        [Stream.runDrain(DeadLetters.redrive(billing, any({ to: { topics: "a" } }))), /an object is not "first-retry"/],
        [Stream.runDrain(DeadLetters.redrive(billing, any({ rate: "5" }))), /rate.*"5" is not a number/],
        [Stream.runDrain(DeadLetters.park(billing, any({ to: "origin" }))), /unknown field "to"/],
        [DeadLetters.discard(billing, any({ deleteRecords: "false" })), /deleteRecords.*"false" is not true or false/],
        [DeadLetters.discard(billing, any({ partition: 0, before: "1" })), /before.*"1" is not a whole number/],
        [DeadLetters.discard(billing, any({ tag: "A" })), /unknown field "tag"/],
        [DeadLetters.list(billing, any({ tag: "A" })), /unknown field "tag"/],
        [Stream.runDrain(DeadLetters.fromNdjson(billing, Stream.empty, any({ dryrun: true }))), /did you mean "dryRun"/]
      ]
      for (const [run, says] of table) assert.match(yield* failureOf(run), says)
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.records(billing, { waiting: true })), 1)
    }).pipe(onCluster))
})
