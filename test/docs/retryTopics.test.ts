import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Codec, Consumer, OnFailure, Retry, Topic } from "millrace"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../../scripts/check/step.ts"
import * as Plan from "../../src/internal/plan/plan.ts"

const text = readFileSync(join(root, "docs", "retries.md"), "utf8")

it.effect("docs/retries.md lists the topics that its first example makes", () =>
  Effect.gen(function*() {
    const example = /const patient = (Retry[^]*?\n\))\n/.exec(text)?.[1]
    const written = `Retry.blocking(Schedule.spaced("200 millis").pipe(Schedule.upTo({ times: 2 }))).pipe(
  OnFailure.andThen(Retry.nonBlocking(Schedule.exponential("10 seconds").pipe(Schedule.upTo({ times: 3 }))))
)`
    assert.strictEqual(example, written, "the policy below is the one of the example")
    const policy = Retry.blocking(Schedule.spaced("200 millis").pipe(Schedule.upTo({ times: 2 }))).pipe(
      OnFailure.andThen(Retry.nonBlocking(Schedule.exponential("10 seconds").pipe(Schedule.upTo({ times: 3 }))))
    )
    const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
    const consumer = Consumer.make("billing", {
      offsetReset: "earliest",
      onFailure: policy,
      handlers: [Topic.handle(Orders, () => Effect.void)]
    })
    const topics = yield* Effect.flatMap(Plan.make(consumer), ({ topology }) => topology.of("orders"))
    const rows = [
      ...topics!.tiers.map(({ delay, name }) => `| \`${name}\` | wait ${delay / 1_000} seconds |`),
      `| \`${topics!.deadLetter}\` | are dead letters |`
    ]
    const [, table] = text.split("<!-- topics of the example -->\n| topic | its records |\n| --- | --- |\n")
    assert.deepStrictEqual(table!.split("\n").slice(0, rows.length), rows)
  }))
