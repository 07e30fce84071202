import { assert, describe, it } from "@effect/vitest"
import type { RawHeader } from "../../../src/engine/KafkaEngine.ts"
import { parse, parseDeadLetter } from "../../../src/internal/retry/names.ts"
import * as RetryHeaders from "../../../src/internal/retry/retryHeaders.ts"
import { recorded, shown } from "./fixtures.ts"

const wrapper = "org.springframework.kafka.listener.ListenerExecutionFailedException"

const lastOf = (headers: ReadonlyArray<RawHeader>) => new Map(shown(headers))
const textOf = (headers: ReadonlyArray<RawHeader>, name: string) =>
  Buffer.from(lastOf(headers).get(name) ?? "", "hex").toString()

describe("records of Spring's retry topics", () => {
  for (
    const [file, group, deliveries] of [
      ["spring-kafka/non-blocking-retry", "sk-billing", 5],
      ["spring-kafka/non-blocking-retry-single-topic", "sk-single-g", 4]
    ] as const
  ) {
    const [source, ...hops] = recorded(file)

    it(`are read: ${file}`, () => {
      assert.strictEqual(hops.length, deliveries - 1)
      assert.isUndefined(RetryHeaders.read(source!).family)
      hops.forEach((record, i) => {
        const state = RetryHeaders.read(record)
        const before = i === 0 ? source! : hops[i - 1]!
        assert.deepInclude(state, {
          attempts: i + 2,
          executions: i + 1,
          origin: {
            topic: source!.topic,
            partition: 0,
            offset: 0,
            timestamp: source!.timestamp,
            timestampType: "CreateTime"
          },
          firstFailedAt: undefined,
          errorTag: "Declined",
          errorMessage: "Listener failed; é order",
          group,
          replays: 0,
          policy: undefined,
          family: "spring"
        })
        assert.isAtLeast(state.due!, before.timestamp)
        assert.isAtMost(state.due!, record.timestamp + 2000)
      })
    })

    it(`are written byte by byte the same: ${file}`, () => {
      let own: ReadonlyArray<RawHeader> = source!.headers
      hops.forEach((record, i) => {
        const theirs = RetryHeaders.read(record)
        const before = i === 0 ? source! : { ...hops[i - 1]!, headers: own }
        own = RetryHeaders.write(before, {
          group,
          attempts: RetryHeaders.read(before).attempts + 1,
          executions: i + 1,
          due: i === hops.length - 1 ? undefined : theirs.due,
          firstFailedAt: source!.timestamp,
          failedAt: theirs.due!,
          policy: "p",
          error: {
            tag: wrapper,
            causeName: "Listeners$Declined",
            message: textOf(record.headers, "kafka_exception-message"),
            // The recording cut it.
            stack: textOf(record.headers, "kafka_exception-stacktrace")
          }
        })
        const spring = own.filter(([name]) => !name.startsWith("x-retry-"))
        assert.deepStrictEqual(lastOf(spring), lastOf(record.headers))
        // From the first hop on Spring repeats its own headers; ours are there once, in the order of its first hop.
        assert.deepStrictEqual(spring.map(([name]) => name), hops[0]!.headers.map(([name]) => name))
        if (i === 0) assert.deepStrictEqual(shown(spring), shown(record.headers))
      })
    })
  }

  it("keep the first origin when we carry on where Spring left off", () => {
    const [source, first] = recorded("spring-kafka/non-blocking-retry")
    const headers = RetryHeaders.write(first!, {
      group: "sk-billing",
      attempts: 3,
      executions: 2,
      due: 1_795_445_341_248,
      firstFailedAt: 1_795_445_340_228,
      failedAt: 1_795_445_340_248,
      policy: "p",
      error: { tag: "Boom", message: "boom", stack: undefined, causeName: undefined }
    })
    const state = RetryHeaders.read({ ...first!, topic: "sk-orders-retry-1000", headers })
    assert.strictEqual(state.origin?.topic, source!.topic)
    assert.strictEqual(state.origin?.timestamp, source!.timestamp)
    assert.strictEqual(state.attempts, 3)
    assert.strictEqual(state.family, "millrace")
    assert.strictEqual(state.errorTag, "Boom")
    assert.isFalse(lastOf(headers).has("kafka_exception-stacktrace"))
    assert.isFalse(lastOf(headers).has("kafka_exception-cause-fqcn"))
  })
})

describe("records that failed at Millrace first, and at Spring then", () => {
  const [source, ours, theirs, dead] = recorded("spring-kafka/after-millrace")
  const origin = { topic: "sk-moved", partition: 0, offset: 0, timestamp: source!.timestamp }

  it("keep their origin, and tell Spring's failure and count", () => {
    const [first, second, last] = [ours!, theirs!, dead!].map((record) => RetryHeaders.read(record))
    for (const state of [first!, second!, last!]) {
      assert.deepInclude(state, { group: "sk-billing", family: "millrace", errorTag: "Declined" })
      assert.deepInclude(state.origin, origin)
      assert.strictEqual(state.firstFailedAt, first!.firstFailedAt)
    }
    assert.deepInclude(first, { attempts: 2, executions: 1, errorMessage: "order order was declined" })
    assert.deepInclude(second, { attempts: 3, executions: 2, errorMessage: "Listener failed; é order" })
    assert.deepInclude(last, { attempts: 4, executions: 3, errorMessage: "Listener failed; é order" })
    assert.isAtLeast(second!.due!, theirs!.timestamp)
  })

  it("are sent on with each header once", () => {
    const headers = RetryHeaders.write(theirs!, {
      group: "sk-billing",
      attempts: 4,
      executions: 3,
      due: undefined,
      firstFailedAt: 1_795_982_805_056,
      failedAt: 1_795_982_821_918,
      policy: "p",
      error: { tag: "Lost", message: "lost", stack: undefined, causeName: undefined }
    })
    const names = headers.map(([name]) => name)
    assert.lengthOf(names, new Set(names).size)
    assert.deepInclude(RetryHeaders.read({ ...theirs!, headers }), { attempts: 4, executions: 3, errorTag: "Lost" })
  })
})

describe("records of Spring's dead letter recoverer", () => {
  const records = recorded("spring-kafka/dead-letter-recoverer")
  const deadLetterOf = (topic: string) => RetryHeaders.read(records.find((record) => record.topic === `${topic}-dlt`)!)

  it("are read", () => {
    const plain = deadLetterOf("sk-plain")
    assert.deepInclude(plain, {
      attempts: 1,
      due: undefined,
      origin: {
        topic: "sk-plain",
        partition: 0,
        offset: 0,
        timestamp: records[0]!.timestamp,
        timestampType: "CreateTime"
      },
      errorTag: "Declined",
      group: "sk-recovering",
      family: "spring"
    })
    assert.match(plain.errorMessage!, /^Listener method .*; é order$/)
  })

  it("are read when a value could not be decoded", () => {
    const poison = deadLetterOf("sk-poison")
    assert.strictEqual(poison.errorTag, "DeserializationException")
    assert.strictEqual(poison.errorMessage, "failed to deserialize")
    assert.strictEqual(poison.group, "sk-recovering")
    assert.strictEqual(poison.origin?.topic, "sk-poison")
  })
})

describe("records of django-kafka", () => {
  for (const version of ["0.7.0", "5.1.2"]) {
    const group = `dk-billing-${version}`
    const records = recorded(`django-kafka/retry-${version}`)

    it(`are read from retry topics: ${version}`, () => {
      const retries = records.filter((record) => record.topic.includes(".retry."))
      assert.deepStrictEqual(retries.map((record) => parse(group, record.topic)?.tier), [1, 1, 2, 2])
      for (const record of retries) {
        const { tier, topic } = parse(group, record.topic)!
        assert.strictEqual(topic, "dk-orders")
        const state = RetryHeaders.read(record, { attempts: tier + 1 })
        assert.deepInclude(state, {
          attempts: tier + 1,
          executions: tier,
          origin: undefined,
          errorTag: undefined,
          family: "django-kafka"
        })
        assert.strictEqual(state.errorMessage, record.offset === 0 ? "é order" : "é ")
        // A delay of one second, counted from the failure.
        assert.closeTo(state.due! - record.timestamp, 1000, 10)
        assert.isTrue(Number.isSafeInteger(state.due))
      }
    })

    it(`are read from dead letter topics: ${version}`, () => {
      const deadLetters = records.filter((record) => parseDeadLetter(group, record.topic) === "dk-orders")
      assert.strictEqual(deadLetters.length, 2)
      deadLetters.forEach((record, offset) => {
        const state = RetryHeaders.read(record)
        assert.strictEqual(state.family, "django-kafka")
        assert.strictEqual(state.errorMessage, offset === 0 ? "é order" : "é ")
        // 0.7.0 does not tell; 5.1.2 tells the last retry topic.
        assert.deepStrictEqual(
          state.origin,
          version === "0.7.0"
            ? undefined
            : {
              topic: `${group}.dk-orders.retry.2`,
              partition: 0,
              offset,
              timestamp: -1,
              timestampType: undefined
            }
        )
      })
    })
  }
})
