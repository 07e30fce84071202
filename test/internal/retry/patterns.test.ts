/** Retry topics of patterns, from a failure to the end. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Consumer, Producer, Retry, Topic } from "millrace"
import { onCluster, pass, texts, valuesOf } from "../../kit/cluster.ts"

const once = Retry.nonBlocking(Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 })))

describe("the retry topics of a pattern", () => {
  it.effect("are read also when each of its alternatives has anchors", () =>
    onCluster(
      ["orders-eu", "users-eu"],
      Effect.gen(function*() {
        const tries: Array<string> = []
        const fail = ({ topic }: { readonly topic: string }) =>
          Effect.suspend(() => {
            tries.push(topic)
            return Effect.fail("no")
          })
        for (const name of ["orders-eu", "users-eu"]) {
          yield* Producer.send(Topic.make(name, texts), { key: "a", value: name })
        }
        yield* Effect.forkScoped(Consumer.run(Consumer.make("g", {
          offsetReset: "earliest",
          onFailure: once,
          metadataRefresh: "1 second",
          handlers: [Topic.handle(Topic.pattern(/^orders-.*$|^users-.*$/, texts), fail)]
        })))
        yield* pass(20)
        assert.sameMembers(tries, ["orders-eu", "g.orders-eu.retry.1", "users-eu", "g.users-eu.retry.1"])
        assert.deepStrictEqual(yield* valuesOf("g.orders-eu.dlt"), ["orders-eu"])
        assert.deepStrictEqual(yield* valuesOf("g.users-eu.dlt"), ["users-eu"])
      })
    ))
})
