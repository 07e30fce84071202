/** A Spring application and Millrace, one after the other, as docs/coming-from-spring.md tells. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Consumer, Retry } from "millrace"
import { until } from "../../faults/cluster.ts"
import { consumerOf, type Declined, deliveries, handledBy, run, send } from "../millrace.ts"
import { command, delays, engine, flags, lettersOf, positionsOf, scene, spring, withDeadLetters } from "./scene.ts"

layer(engine, { timeout: "4 minutes", excludeTestServices: true })(
  "one after the other with a Spring application",
  (it) => {
    it.effect("its dead letters are read, and redriven to Millrace and back to Spring", () =>
      Effect.gen(function*() {
        const { group, topic } = yield* scene(2)
        const ours = { group, topic }
        const application = yield* spring({ topic, group, partitions: 2, dlt: false })
        const [, sent] = yield* send(topic, ["ok", "dead:9", "third:2", "again:9"], 2)
        yield* Effect.promise(() => application.until("handled", ["ok", "third:2"]))
        yield* withDeadLetters(ours, 2)
        const [letter] = yield* lettersOf(ours)
        assert.deepInclude(letter, {
          topic: `${topic}-dlt`,
          partition: 1,
          source: topic,
          origin: {
            topic,
            partition: 1,
            offset: sent!.offset,
            timestamp: sent!.timestamp,
            timestampType: "CreateTime"
          },
          group,
          attempts: 4,
          errorTag: "Declined",
          replays: 0,
          family: "spring"
        })
        assert.match(letter!.errorMessage!, /; é dead$/)
        assert.isAtLeast(letter!.failedAt, sent!.timestamp! + 3_500)
        assert.strictEqual((yield* letter!.decoded).value, "dead:9")
        const shown = yield* command(ours, "dlt", "show")
        assert.include(shown.out, "Declined after 4 attempts")
        // To Spring, which runs: it fails again there and goes through all of Spring's retries.
        const redriven = yield* command(ours, "dlt", "redrive", "--key", "again", "--yes")
        assert.include(redriven.out, `${topic}-dlt -> ${topic}-retry-500: 1 redriven`)
        yield* withDeadLetters(ours, 3)
        const again = application.said.filter(({ value }) => value === "again:9")
        // The second round begins in the first retry topic.
        assert.deepStrictEqual(again.map(({ attempt, topic: at }) => [at.slice(topic.length), attempt]), [
          ...[["", 1], ["-retry-500", 2], ["-retry-1000", 3], ["-retry-2000", 4]],
          ...[["-retry-500", 1], ["-retry-1000", 2], ["-retry-2000", 3]]
        ])
        const twice = (yield* lettersOf(ours)).at(-1)!
        assert.deepInclude(twice, { attempts: 3, replays: 1, family: "millrace", errorTag: "Declined" })
        assert.deepStrictEqual(twice.origin, { ...letter!.origin!, offset: 1 })
        yield* Effect.promise(() => application.stop())
        // To Millrace, which goes on where Spring ended in the retry topics.
        const adopt = yield* command(
          ours,
          "retry",
          "adopt",
          ...flags([500, 1000, 2000], group, "--from-group"),
          "--yes"
        )
        assert.strictEqual(adopt.code, 0, adopt.err)
        const member = yield* run({ ...ours, fails: false })
        yield* command(ours, "dlt", "redrive", "--key", "dead", "--yes")
        yield* member.until("handled", ["dead:9"])
        yield* member.stop
        assert.deepStrictEqual(member.seen.map(({ topic, value }) => [topic, value]), [[
          `${topic}-retry-500`,
          "dead:9"
        ]])
      }))

    it.effect("it goes on with records that failed at Millrace, and handles its dead letters", () =>
      Effect.gen(function*() {
        const { group, topic } = yield* scene(2)
        const delay = 1500
        const ours = {
          group,
          topic,
          delay,
          onFailure: Retry.nonBlocking<Declined>(delays(delay), {
            retryable: ({ order }: Declined) => order !== "hopeless"
          })
        }
        const member = yield* run(ours)
        const sent = yield* send(topic, ["ok", "second:1", "third:2", "dead:9", "hopeless:9"], 2)
        yield* member.until("failed", ["second:1", "third:2", "dead:9", "hopeless:9"])
        yield* member.stop
        const before = member.seen.filter(({ event }) => event === "failed")
        assert.isTrue(before.every(({ attempt }) => attempt === 1))
        const application = yield* spring({ topic, group, partitions: 2, delay })
        yield* Effect.promise(() => application.until("handled", ["second:1", "third:2"]))
        yield* Effect.promise(() => application.until("dead", ["dead:9", "hopeless:9"]))
        const all = deliveries(member.seen, application.said)
        assert.deepStrictEqual(all, [
          ...[1, 2, 3, 4].map((n) => `dead:9 at ${n}`),
          "hopeless:9 at 1",
          "ok at 1",
          ...["second:1 at 1", "second:1 at 2", "third:2 at 1", "third:2 at 2", "third:2 at 3"]
        ])
        const place = (i: number) => ({
          originalTopic: topic,
          originalPartition: i % 2,
          originalOffset: sent[i]!.offset,
          originalTimestamp: sent[i]!.timestamp,
          firstTimestamp: sent[i]!.timestamp,
          originalGroup: group
        })
        const said = (event: string, value: string, attempt: number) =>
          application.said.find((one) => one.event === event && one.value === value && one.attempt === attempt)!
        // Our hop, as Spring reads it.
        const second = said("handled", "second:1", 2)
        assert.deepInclude(second, {
          ...place(1),
          topic: `${topic}-retry-1500`,
          partition: 1,
          key: "second",
          error: "Declined",
          message: "order second was declined",
          trace: "trace of second:1"
        })
        for (const one of application.said) {
          if (one.event === "handled" || one.event === "failed") assert.isAtLeast(one.at, one["due"] as number)
        }
        const failedAt = before.find(({ value }) => value === "second:1")!.at
        assert.isAtLeast(second["due"] as number, failedAt + delay)
        assert.isAtMost(second["due"] as number, failedAt + delay + 1_000)
        // Spring's hops after ours keep our origin.
        const dead = said("dead", "dead:9", 5)
        assert.deepInclude(dead, { ...place(3), topic: `${topic}-dlt`, cause: "Listeners$Declined" })
        const hopeless = application.said.find(({ event, value }) => event === "dead" && value === "hopeless:9")!
        assert.deepInclude(hopeless, { ...place(4), error: "Declined", message: "order hopeless was declined" })
        // And Millrace reads what Spring made of its records.
        const letters = yield* lettersOf(ours)
        const byKey = new Map(letters.map((letter) => [Buffer.from(letter.key!).toString(), letter]))
        assert.deepInclude(byKey.get("dead"), { attempts: 4, errorTag: "Declined", group, family: "millrace" })
        assert.match(byKey.get("dead")!.errorMessage!, /é dead$/)
        assert.strictEqual(byKey.get("dead")!.origin?.offset, sent[3]!.offset)
        assert.deepInclude(byKey.get("hopeless"), { attempts: 1, errorMessage: "order hopeless was declined" })
      }))

    it.effect("Millrace takes over what waits, and hands it back", () =>
      Effect.gen(function*() {
        const { group, topic } = yield* scene(2)
        const [delay, tiers] = [2500, [2500, 5000, 10000]]
        const ours = { group, topic, delay, retries: 3 }
        const values = Array.from({ length: 40 }, (_, i) => `order-${i}:${i % 4}`)
        const application = yield* spring({ topic, group, partitions: 2, delay })
        yield* send(topic, values.slice(0, 20), 2)
        // Some were handled from the first retry topic, some wait in the second one.
        yield* Effect.promise(() => application.until("handled", ["order-1:1"]))
        yield* send(topic, values.slice(20), 2)
        yield* Effect.promise(() => application.until("failed", ["order-39:3", "order-38:2", "order-37:1"]))
        const early = yield* command(ours, "retry", "adopt", ...flags(tiers, group, "--from-group"), "--yes")
        assert.strictEqual(early.code, 2)
        assert.match(early.err, /group "\S+" has \d members: stop them first/)
        const beside = yield* Effect.flip(Consumer.run(consumerOf(ours)))
        assert.match(beside.message, /group "\S+-retry-\d+" reads "\S+-retry-\d+" as well/)
        yield* Effect.promise(() => application.stop())
        const shown = yield* command(ours, "retry", "adopt", ...flags(tiers, group, "--from-group"))
        assert.isEmpty(yield* positionsOf(`${group}.retry`))
        assert.include(shown.out, `${group}.retry`)
        const adopt = yield* command(ours, "retry", "adopt", ...flags(tiers, group, "--from-group"), "--yes")
        assert.strictEqual(adopt.code, 0, adopt.err)
        const member = yield* run(ours)
        yield* until("Millrace goes on in the retry topics", Effect.sync(() => handledBy(member.seen).length > 0))
        yield* send(topic, ["late:3"])
        yield* member.until("failed", ["late:3"])
        yield* member.stop
        const back = yield* command(ours, "retry", "hand-back", ...flags(tiers, group, "--to-group"), "--yes")
        assert.strictEqual(back.code, 0, back.err)
        const again = yield* spring({ topic, group, partitions: 2, delay })
        const waiting = [...values, "late:3"].filter((value) =>
          !handledBy(application.said, member.seen).includes(value)
        )
        assert.isNotEmpty(waiting)
        yield* Effect.promise(() => again.until("handled", waiting))
        // Nothing is lost, and each delivery was made once, whoever made it.
        const expected = [...values, "late:3"].flatMap((value) =>
          Array.from({ length: Number(value.split(":")[1]) + 1 }, (_, n) => `${value} at ${n + 1}`)
        )
        assert.deepStrictEqual(deliveries(application.said, member.seen, again.said), expected.sort())
        for (const side of [application.said, again.said]) {
          for (const { at, due } of side) if (typeof due === "number") assert.isAtLeast(at, due)
        }
      }))
  }
)
