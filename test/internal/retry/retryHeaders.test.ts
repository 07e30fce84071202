import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import type { RawHeader } from "../../../src/engine/KafkaEngine.ts"
import * as Bytes from "../../../src/internal/retry/bytes.ts"
import * as RetryHeaders from "../../../src/internal/retry/retryHeaders.ts"
import { hex, shown, text } from "./fixtures.ts"

const now = 1_800_000_000_000

const recordOf = (headers: ReadonlyArray<RawHeader>, more: Partial<RetryHeaders.Source> = {}): RetryHeaders.Source => ({
  topic: "orders",
  partition: 3,
  offset: 42,
  timestamp: now - 5000,
  timestampType: "LogAppendTime",
  headers,
  ...more
})

const hopOf = (more: Partial<RetryHeaders.Hop> = {}): RetryHeaders.Hop => ({
  group: "billing",
  attempts: 2,
  executions: 4,
  due: now + 10_000,
  firstFailedAt: now - 1000,
  failedAt: now,
  policy: "0badcafe",
  error: { tag: "CardDeclined", message: "no money", stack: "at charge", causeName: "Timeout" },
  ...more
})

const stated = ["retry_topic-", "kafka_", "x-retry-", "RETRY_"]
const whole = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))
const Binary = Arbitrary.map(Arbitrary.array(whole(0, 255), { maxLength: 12 }), (bytes) => Uint8Array.from(bytes))
const Name = Arbitrary.schema(Schema.Literals(["trace", "é", "", "kafka_own", "retry", "x-request", "traceparent"]))
const User = Arbitrary.array(
  Arbitrary.flatMap(
    Name,
    (name) => Arbitrary.map(Binary, (value): RawHeader => [name, value.length > 8 ? null : value])
  ),
  { maxLength: 8 }
)
const StateName = Arbitrary.schema(Schema.Literals([
  "retry_topic-attempts",
  "retry_topic-backoff-timestamp",
  "retry_topic-original-timestamp",
  "kafka_original-topic",
  "kafka_original-partition",
  "kafka_original-offset",
  "kafka_original-timestamp",
  "kafka_original-timestamp-type",
  "kafka_dlt-original-topic",
  "kafka_dlt-original-consumer-group",
  "kafka_exception-fqcn",
  "kafka_exception-message",
  "x-retry-executions",
  "x-retry-first-failed-at",
  "x-retry-replays",
  "x-retry-replay-id",
  "x-retry-error-tag",
  "x-retry-policy",
  "RETRY_TIMESTAMP",
  "DEAD_LETTER_MESSAGE_OFFSET",
  "__connect.errors.topic"
]))
const Hostile = Arbitrary.array(
  Arbitrary.flatMap(StateName, (name) => Arbitrary.map(Binary, (value): RawHeader => [name, value])),
  { maxLength: 12 }
)

const isAbout = (value: number | undefined, min: number, max: number) =>
  assert.isTrue(value === undefined || Number.isSafeInteger(value) && value >= min && value <= max, String(value))

describe("reading retry headers", () => {
  it("tells the first delivery of a record without any", () => {
    const nothing = {
      attempts: 1,
      executions: 0,
      due: undefined,
      origin: undefined,
      firstFailedAt: undefined,
      errorTag: undefined,
      errorMessage: undefined,
      group: undefined,
      replays: 0,
      policy: undefined,
      family: undefined
    }
    assert.deepStrictEqual(RetryHeaders.read(recordOf([["trace", null]])), nothing)
    assert.deepStrictEqual(RetryHeaders.read({ ...recordOf([]), headers: undefined }), nothing)
  })

  it("counts attempts as Spring does, and an attempt that cannot be as the first", () => {
    const attemptsOf = (value: Uint8Array | null) =>
      RetryHeaders.read(recordOf([["retry_topic-attempts", value]])).attempts
    const table: ReadonlyArray<readonly [string, number]> = [
      ["00000002", 2],
      ["00007fff", 32_767],
      ["00008000", 1],
      ["7fffffff", 1],
      ["00000000", 1],
      ["ffffffff", 1],
      ["", 1],
      ["0002", 1],
      ["0000000000000002", 1],
      ["000000000000000002", 1],
      // One byte is the old form, without a sign: the text "2" is attempt 50.
      ["32", 50],
      ["ff", 255],
      ["00", 1]
    ]
    for (const [value, attempts] of table) assert.strictEqual(attemptsOf(hex(value)), attempts, value)
    assert.strictEqual(attemptsOf(null), 1)
    assert.strictEqual(RetryHeaders.read(recordOf([]), { attempts: 4 }).attempts, 4)
    assert.strictEqual(RetryHeaders.read(recordOf([]), { attempts: 4 }).executions, 3)
    assert.strictEqual(RetryHeaders.read(recordOf([]), { attempts: 99_999 }).attempts, 1)
    assert.strictEqual(
      RetryHeaders.read(recordOf([["retry_topic-attempts", hex("00000007")]]), { attempts: 4 }).attempts,
      7
    )
  })

  it("takes no due time that cannot be one", () => {
    const dueOf = (value: Uint8Array | null) =>
      RetryHeaders.read(recordOf([["retry_topic-backoff-timestamp", value]])).due
    assert.strictEqual(dueOf(hex("01a011800e00")), 1_787_000_000_000)
    assert.strictEqual(dueOf(hex("000001a011800e00")), 1_787_000_000_000)
    const bad = ["", "00", "ff", "ffffffffffff", "7fffffffffffffff", "8000000000000000", "00000001a011800e00"]
    for (const value of bad) assert.isUndefined(dueOf(hex(value)), value)
    assert.isUndefined(dueOf(null))
    assert.isUndefined(dueOf(text("1795445271.711482")))
    assert.isUndefined(dueOf(text("17954452")))
  })

  it("takes the last of repeated values", () => {
    const state = RetryHeaders.read(recordOf([
      ["retry_topic-attempts", hex("00000009")],
      ["retry_topic-attempts", hex("00000002")],
      ["x-retry-replays", text("2")],
      ["x-retry-replays", text("two")]
    ]))
    assert.strictEqual(state.attempts, 2)
    assert.strictEqual(state.replays, 0)
  })

  it("believes an origin as a whole or not at all", () => {
    const headers: ReadonlyArray<RawHeader> = [
      ["kafka_original-topic", text("first")],
      ["kafka_original-partition", hex("00000001")],
      ["kafka_original-offset", hex("0000000000000005")]
    ]
    const origin = { topic: "first", partition: 1, offset: 5, timestamp: -1, timestampType: undefined }
    assert.deepStrictEqual(RetryHeaders.read(recordOf(headers)).origin, origin)
    const bad: ReadonlyArray<RawHeader> = [
      ["kafka_original-topic", text("no topic")],
      ["kafka_original-topic", text("x".repeat(250))],
      ["kafka_original-topic", null],
      ["kafka_original-partition", hex("ffffffff")],
      ["kafka_original-partition", text("1")],
      ["kafka_original-offset", hex("00000005")],
      ["kafka_original-offset", hex("ffffffffffffffff")],
      ["kafka_original-offset", hex("7fffffffffffffff")]
    ]
    for (const header of bad) {
      assert.isUndefined(RetryHeaders.read(recordOf([...headers, header])).origin, shown([header]).join())
    }
    for (const timestamp of ["ffffffffffffffff", "00", "7fffffffffffffff"]) {
      const state = RetryHeaders.read(recordOf([...headers, ["kafka_original-timestamp", hex(timestamp)]]))
      assert.deepStrictEqual(state.origin, origin, timestamp)
    }
  })

  it("recognises the dead letters of other toolkits", () => {
    const families: ReadonlyArray<
      readonly [string, string, string | undefined, ReadonlyArray<readonly [string, string]>]
    > = [
      ["smallrye", "dead-letter-", "IllegalStateException", [
        ["dead-letter-exception-class-name", "java.lang.IllegalStateException"],
        ["dead-letter-reason", "broken"]
      ]],
      ["smallrye", "delayed-retry-", "IllegalStateException", [
        ["delayed-retry-exception-class-name", "java.lang.IllegalStateException"],
        ["delayed-retry-reason", "broken"]
      ]],
      ["connect", "__connect.errors.", "DataException", [
        ["__connect.errors.exception.class.name", "org.apache.kafka.connect.errors.DataException"],
        ["__connect.errors.exception.message", "broken"]
      ]],
      ["streams", "__streams.errors.", "StreamsException", [
        ["__streams.errors.exception", "org.apache.kafka.streams.errors.StreamsException"],
        ["__streams.errors.message", "broken"]
      ]],
      ["share", "__dlq.errors.", undefined, [["__dlq.errors.message", "broken"]]],
      ["django-kafka", "DEAD_LETTER_MESSAGE_", undefined, [["DEAD_LETTER_SUMMARY", "broken"]]]
    ]
    for (const [family, prefix, errorTag, more] of families) {
      const at = (name: string) => prefix + (prefix.startsWith("DEAD") ? name.toUpperCase() : name)
      const state = RetryHeaders.read(recordOf([
        ...more.map(([name, value]): RawHeader => [name, text(value)]),
        [at("topic"), text("elsewhere")],
        [at("partition"), text("7")],
        [at("offset"), text("1234567890123")]
      ]))
      assert.deepInclude(state, { family, errorTag, errorMessage: "broken" } as Partial<RetryHeaders.RetryState>)
      const origin = {
        topic: "elsewhere",
        partition: 7,
        offset: 1_234_567_890_123,
        timestamp: -1,
        timestampType: undefined
      }
      assert.deepStrictEqual(state.origin, origin, prefix)
    }
    // A user's header may well have the name of a family.
    assert.isUndefined(RetryHeaders.read(recordOf([["connect", text("a")], ["spring", text("b")]])).family)
  })

  it.prop("never throws, and never tells what cannot be", { headers: Hostile }, ({ headers }) => {
    const state = RetryHeaders.read(recordOf(headers))
    isAbout(state.attempts, 1, 32_767)
    isAbout(state.executions, 0, 2_147_483_647)
    isAbout(state.due, 1, 8.64e15)
    isAbout(state.firstFailedAt, 1, 8.64e15)
    isAbout(state.replays, 0, 2_147_483_647)
    isAbout(state.origin?.partition, 0, 2_147_483_647)
    isAbout(state.origin?.offset, 0, Number.MAX_SAFE_INTEGER)
  })
})

describe("the time at which a retry is due", () => {
  const limits = { tierDelay: 10_000, maxDelay: 60_000, now }
  const year = 365 * 86_400_000
  const table: ReadonlyArray<readonly [string, number, number | undefined, number]> = [
    ["is the header's", now, now + 10_000, now + 10_000],
    ["may be long past", now - 3_600_000, now - 3_590_000, now - 3_590_000],
    ["may be now, as after a redrive", now, now, now],
    ["is the tier's without a header", now - 2000, undefined, now + 8000],
    ["is now when nothing is known", -1, undefined, now],
    ["may be a little later than the tier says", now, now + 10_900, now + 10_900],
    ["is no later than the tier says plus a second", now, now + 59_000, now + 11_000],
    ["is the tier's when the header is ten years ahead", now, now + 10 * year, now + 11_000],
    ["is the header's when the record has no timestamp", -1, now + 30_000, now + 30_000],
    ["is bounded when the record has no timestamp either", -1, now + 10 * year, now + 10_000],
    ["is bounded when the record is of the future", now + 10 * year, now + 10 * year, now + 10_000],
    ["is bounded when the producer's clock is ahead", now + 55_000, now + 65_000, now + 60_000]
  ]
  for (const [what, timestamp, due, expected] of table) {
    it(what, () => assert.strictEqual(RetryHeaders.clampDue({ timestamp, due }, limits), expected))
  }

  it.prop("is never further ahead than allowed, nor early beyond a second past the tier", {
    timestamp: whole(now - 2 * year, now + 2 * year),
    due: whole(now - 2 * year, now + 2 * year),
    tierDelay: whole(0, 60_000)
  }, ({ due, tierDelay, timestamp }) => {
    const at = RetryHeaders.clampDue({ timestamp, due }, { tierDelay, maxDelay: 60_000, now })
    assert.isAtMost(at, now + 60_000)
    if (timestamp <= now) assert.isAtLeast(at, Math.min(due, timestamp + tierDelay))
  })
})

describe("writing retry headers", () => {
  it.prop("keeps the user's as they are, in front, and each of ours once", {
    user: User,
    hostile: Hostile,
    attempts: whole(2, 32_767)
  }, ({ attempts, hostile, user }) => {
    const half = Math.floor(user.length / 2)
    const record = recordOf([...user.slice(0, half), ...hostile, ...user.slice(half)])
    const headers = RetryHeaders.write(record, hopOf({ attempts }))
    const kept = shown(headers).filter(([name]) => user.some((header) => header[0] === name))
    assert.deepStrictEqual(kept, shown(user))
    const ours = headers.map(([name]) => name)
      .filter((name) => stated.some((prefix) => name.startsWith(prefix)) && name !== "kafka_own")
      .filter((name) => !name.startsWith("kafka_dlt-original-") || name.endsWith("group"))
    assert.strictEqual(new Set(ours).size, ours.length)
    const before = RetryHeaders.read(record)
    const state = RetryHeaders.read({ ...record, headers })
    assert.deepStrictEqual(state, {
      attempts,
      executions: 4,
      due: now + 10_000,
      origin: before.origin
        ?? { topic: "orders", partition: 3, offset: 42, timestamp: now - 5000, timestampType: "LogAppendTime" },
      firstFailedAt: now - 1000,
      errorTag: "CardDeclined",
      errorMessage: "no money",
      group: "billing",
      replays: before.replays,
      policy: "0badcafe",
      family: "millrace"
    })
  })

  it("does not grow over a hundred hops, and keeps the first origin and the last error", () => {
    const user: ReadonlyArray<RawHeader> = [["bin", hex("00ff")], ["nil", null], ["bin", hex("01")]]
    let record = recordOf(user)
    const sizes = new Set<number>()
    for (let hop = 1; hop <= 100; hop++) {
      const headers = RetryHeaders.write(
        record,
        hopOf({
          attempts: hop + 1,
          executions: 1000 + hop,
          error: { tag: "Boom", message: `${hop}`.padStart(4), stack: "é".repeat(9000), causeName: undefined }
        })
      )
      sizes.add(headers.reduce((size, [name, value]) => size + name.length + (value?.length ?? 0), 0))
      record = recordOf(headers, { topic: "billing.orders.retry.1", partition: 0, offset: hop, timestamp: now + hop })
    }
    assert.strictEqual(sizes.size, 1)
    assert.isBelow([...sizes][0]!, 5500)
    const state = RetryHeaders.read(record)
    assert.strictEqual(state.attempts, 101)
    assert.strictEqual(state.errorMessage, " 100")
    assert.deepInclude(state.origin!, { topic: "orders", partition: 3, offset: 42, timestamp: now - 5000 })
    assert.deepStrictEqual(shown(record.headers!.slice(0, 3)), shown(user))
  })

  it("bounds message and stack, and leaves them out of a bare copy", () => {
    const error = {
      tag: "T".repeat(999),
      message: "漢".repeat(999),
      stack: "é".repeat(9999),
      causeName: "C".repeat(999)
    }
    const sizesOf = (more: Partial<RetryHeaders.Hop>) =>
      Object.fromEntries(
        RetryHeaders.write(recordOf([]), hopOf({ error, ...more })).map(([name, value]) => [name, value!.length])
      )
    const full = sizesOf({})
    assert.strictEqual(full["kafka_exception-message"], 1023)
    assert.strictEqual(full["kafka_exception-stacktrace"], 4096)
    assert.strictEqual(full["kafka_exception-fqcn"], 256)
    assert.strictEqual(full["kafka_exception-cause-fqcn"], 256)
    const bare = sizesOf({ bare: true })
    assert.isUndefined(bare["kafka_exception-message"])
    assert.isUndefined(bare["kafka_exception-stacktrace"])
    assert.strictEqual(bare["kafka_exception-fqcn"], 256)
  })

  it("says the time of the failure on the way to a dead letter topic, and stops counting where readers do", () => {
    const state = RetryHeaders.read(
      recordOf(RetryHeaders.write(recordOf([]), hopOf({ due: undefined, attempts: 99_999 })))
    )
    assert.strictEqual(state.due, now)
    assert.strictEqual(state.attempts, 32_767)
  })

  it("tells nothing of a timestamp that is not known", () => {
    const headers = RetryHeaders.write(recordOf([], { timestamp: -1, timestampType: undefined }), hopOf())
    assert.isFalse(headers.some(([name]) => /original-timestamp/.test(name)))
    assert.strictEqual(RetryHeaders.read(recordOf(headers)).origin?.timestamp, -1)
  })

  it("does not take over the origin that a source record copied from another", () => {
    const copied = RetryHeaders.write(recordOf([], { topic: "foreign" }), hopOf())
    const topicOf = (fresh: boolean) =>
      RetryHeaders.read(recordOf(RetryHeaders.write(recordOf(copied), hopOf({ fresh })))).origin?.topic
    assert.strictEqual(topicOf(true), "orders")
    assert.strictEqual(topicOf(false), "foreign")
  })
})

describe("headers of a redrive", () => {
  const user: ReadonlyArray<RawHeader> = [["bin", hex("00ff")], ["nil", null], ["bin", hex("01")], ["", text("é")]]
  const dead = recordOf(RetryHeaders.write(recordOf(user), hopOf({ due: undefined })), { topic: "billing.orders.dlt" })
  const again = RetryHeaders.replayed(dead, { replays: 1, at: now, id: "run-1" })

  it("start anew but for the origin", () => {
    assert.deepStrictEqual(shown(again.slice(0, 4)), shown(user))
    assert.deepStrictEqual(RetryHeaders.read(recordOf(again)), {
      attempts: 1,
      executions: 0,
      due: undefined,
      origin: { topic: "orders", partition: 3, offset: 42, timestamp: now - 5000, timestampType: "LogAppendTime" },
      firstFailedAt: undefined,
      errorTag: undefined,
      errorMessage: undefined,
      group: "billing",
      replays: 1,
      policy: undefined,
      family: "millrace"
    })
    const texts = Object.fromEntries(again.map(([name, value]) => [name, value && Bytes.readText(value, 99)]))
    assert.deepInclude(texts, {
      "x-retry-replays": "1",
      "x-retry-replayed-at": String(now),
      "x-retry-replay-id": "run-1"
    })
  })

  it("are carried through the hops that follow", () => {
    const failed = RetryHeaders.write(recordOf(again), hopOf())
    const names = failed.map(([name]) => name)
    for (const name of ["x-retry-replays", "x-retry-replayed-at", "x-retry-replay-id"]) {
      assert.strictEqual(names.filter((other) => other === name).length, 1, name)
    }
    assert.strictEqual(RetryHeaders.read(recordOf(failed)).replays, 1)
    const twice = RetryHeaders.replayed(recordOf(failed), { replays: 2, at: now, id: "run-2" })
    assert.strictEqual(twice.length, again.length)
    assert.strictEqual(RetryHeaders.read(recordOf(twice)).replays, 2)
  })

  it("drop the due time and the stack that other toolkits left", () => {
    const headers = RetryHeaders.replayed(
      recordOf([
        ["RETRY_TIMESTAMP", text("1795445271.5")],
        ["RETRY_MESSAGE", text("boom")],
        ["kafka_dlt-exception-stacktrace", text("at x")],
        ["kafka_dlt-original-topic", text("kept")]
      ]),
      { replays: 1, at: now, id: "r" }
    )
    assert.deepStrictEqual(headers.map(([name]) => name), [
      "kafka_dlt-original-topic",
      "x-retry-replays",
      "x-retry-replayed-at",
      "x-retry-replay-id"
    ])
  })
})
