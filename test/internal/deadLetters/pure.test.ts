import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import { Codec, type DeadLetters } from "millrace"
import { redriven } from "../../../src/internal/deadLetters/destinations.ts"
import { reader } from "../../../src/internal/deadLetters/letters.ts"
import * as Ndjson from "../../../src/internal/deadLetters/ndjson.ts"
import { histogram } from "../../../src/internal/deadLetters/reading.ts"
import { redriveGroupOf, timesProblem } from "../../../src/internal/deadLetters/selecting/filter.ts"
import * as RetryHeaders from "../../../src/internal/retry/retryHeaders.ts"
import { TokenBucket } from "../../../src/internal/shared/tokenBucket.ts"

const whole = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))
const Binary = Arbitrary.map(Arbitrary.array(whole(0, 255), { maxLength: 12 }), (bytes) => Uint8Array.from(bytes))
const MaybeBinary = Arbitrary.map(Binary, (bytes) => bytes.length > 10 ? null : bytes)
const Name = Arbitrary.schema(Schema.Literals(["a", "é", "", "__proto__", "\"", "\n"]))
const Headers = Arbitrary.array(
  Arbitrary.flatMap(Name, (name) => Arbitrary.map(MaybeBinary, (value) => [name, value] as const)),
  { maxLength: 5 }
)

describe("the token bucket", () => {
  const Steps = Arbitrary.array(whole(0, 5000), { minLength: 1, maxLength: 60 })

  it.prop(
    "gives no more than its rate and a second's worth, whenever it is asked",
    [whole(1, 2000), Steps],
    ([rate, steps]) => {
      const bucket = new TokenBucket(rate, 0)
      let now = 0
      let taken = 0
      for (const step of steps) {
        now += step
        taken += bucket.take(1_000_000, now)
        assert.isAtMost(taken, 1 + rate * now / 1000 + 1e-6)
      }
    }
  )

  it.prop("reaches its rate when it is waited for as it says", [whole(1, 2000)], ([rate]) => {
    const bucket = new TokenBucket(rate, 0)
    let now = 0
    let taken = 0
    while (now < 10_000) {
      const some = bucket.take(500, now)
      taken += some
      if (some === 0) now += bucket.wait(500, now)
    }
    assert.isAtLeast(taken, rate * 10 * 0.9)
    assert.isAtMost(taken, rate * 10 * 1.1 + 1)
  })

  it("gives the first one at once, also at a rate below one", () => {
    const bucket = new TokenBucket(0.1, 1000)
    assert.strictEqual(bucket.take(5, 1000), 1)
    assert.strictEqual(bucket.take(5, 1000), 0)
    assert.strictEqual(bucket.wait(5, 1000), 10_000)
    assert.strictEqual(bucket.take(5, 11_000), 1)
  })

  it("bears a clock that is set back", () => {
    const bucket = new TokenBucket(10, 10_000)
    assert.strictEqual(bucket.take(1, 5000), 1)
    assert.strictEqual(bucket.take(1, 5000), 0)
    assert.strictEqual(bucket.take(1, 5100), 1)
  })
})

describe("the group of a redrive", () => {
  it("is the plain one without a filter, and where only the topic is named", () => {
    assert.strictEqual(redriveGroupOf("billing", {}), "billing.dlt.redrive")
    assert.strictEqual(redriveGroupOf("billing", { topic: "orders", key: undefined }), "billing.dlt.redrive")
  })

  it("is another one for every other filter, and stays the same", () => {
    const test = () => true
    const filters: ReadonlyArray<DeadLetters.Filter> = [
      { key: "1" },
      { key: null },
      { key: "" },
      { tag: "1" },
      { partition: 1 },
      { offset: 1 },
      { since: 1 },
      { until: 1 },
      { tag: "1", key: "1" },
      { where: { name: "1", test } },
      { where: { name: "2", test } }
    ]
    const groups = filters.map((filter) => redriveGroupOf("billing", filter))
    assert.lengthOf(new Set(groups), filters.length)
    // The names are in the cluster: a new version must find them again.
    assert.strictEqual(groups[3], "billing.dlt.redrive.c875f9efd1706def45ba6a65ff524ed7")
    assert.strictEqual(redriveGroupOf("billing", { key: "1", tag: "1" }), groups[8])
    assert.strictEqual(redriveGroupOf("billing", { where: { name: "1", test: () => false } }), groups[9])
    // A hash of 32 bits takes these for one.
    assert.notStrictEqual(
      redriveGroupOf("billing", { key: "o-lufm9k4" }),
      redriveGroupOf("billing", { key: "o-95vh8aov" })
    )
    // A time is the same in every form.
    for (const since of ["1970-01-01T00:00:00.001Z", new Date(1), DateTime.makeUnsafe(1)]) {
      assert.strictEqual(redriveGroupOf("billing", { since }), redriveGroupOf("billing", { since: 1 }))
    }
  })

  it("takes no time that is none", () => {
    for (const since of ["2026-02-30", "2026-13-01", "2026-02-29T12:00:00Z", "yesterday", NaN, Infinity]) {
      assert.include(timesProblem({ since })?.message, "`since`")
      assert.include(timesProblem({ until: since })?.message, "is no time")
    }
    for (const since of ["2026-02-28", "2024-02-29T12:00:00Z", 0]) assert.isUndefined(timesProblem({ since }))
  })
})

describe("the copy of a dead letter", () => {
  const Place = whole(0, 2_147_483_647)

  it.prop(
    "keeps key, value and the user's headers, and goes to a partition that exists",
    [MaybeBinary, MaybeBinary, Headers, Place, Place, whole(1, 50)],
    ([key, value, headers, partition, origin, partitions]) => {
      const raw = {
        topic: "g.t.dlt",
        partition,
        offset: 1,
        timestamp: 5,
        key,
        value,
        size: 0,
        headers: [
          ...headers,
          ...RetryHeaders.write({ topic: "t", partition: origin, offset: 0, timestamp: 3, headers: [] }, {
            group: "g",
            attempts: 3,
            executions: 2,
            due: undefined,
            firstFailedAt: 4,
            failedAt: 5,
            policy: "p",
            error: { tag: "E", message: "m", stack: undefined, causeName: undefined }
          })
        ]
      }
      const codecs = { key: Codec.bytes, value: Codec.bytes, headers: undefined }
      const letter = reader("t", codecs, Context.empty())({ raw, gone: undefined })
      const target = { topic: "g.t.retry.1", partitions, waits: true, parks: false }
      const message = redriven(letter, target, { at: 77, group: "g", id: "i" })
      assert.isBelow(message.partition!, partitions)
      if (origin < partitions) assert.strictEqual(message.partition, origin)
      assert.deepStrictEqual([message.key, message.value], [key, value])
      assert.deepStrictEqual(message.headers!.slice(0, headers.length), headers)
      const state = RetryHeaders.read({ ...raw, headers: message.headers })
      assert.deepInclude(state, { attempts: 1, executions: 0, due: 77, replays: 1, errorTag: undefined })
      assert.strictEqual(state.origin?.partition, origin)
    }
  )
})

describe("lines of an export", () => {
  it.prop("are read back without the loss of a byte", [MaybeBinary, MaybeBinary, Headers], ([key, value, headers]) => {
    const line = Ndjson.encode({
      topic: "t",
      partition: 3,
      offset: 1,
      timestamp: 5,
      source: "s",
      errorTag: "E",
      key,
      value,
      headers
    } as unknown as DeadLetters.DeadLetter)
    assert.notInclude(line, "\n")
    assert.deepStrictEqual(Ndjson.decode(line), { topic: "t", partition: 3, key, value, headers })
  })
})

describe("the histogram", () => {
  it("begins with the most frequent", () => {
    assert.deepStrictEqual(histogram(["a", undefined, "b", "b", undefined, "b"]), [
      { tag: "b", count: 3 },
      { tag: undefined, count: 2 },
      { tag: "a", count: 1 }
    ])
  })
})
