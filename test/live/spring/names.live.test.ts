/** The names that Spring gives its topics, and those that Millrace would use. */
import { assert, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Consumer, OnFailure, Retry, RetryTopics, Topic } from "millrace"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import * as Plan from "../../../src/internal/plan/plan.ts"
import { textTopic } from "../../conformance/members.ts"
import { engine, scene, spring } from "./scene.ts"

/** `attempts` as in Spring, where the first delivery counts. */
const policy = (attempts: number, factor: number, cap = Infinity) => {
  const delays = Schedule.exponential("1 second", factor)
  const capped = cap === Infinity ? delays : Schedule.min([delays, Schedule.spaced(Duration.millis(cap))])
  return Retry.nonBlocking(capped.pipe(Schedule.upTo({ times: attempts - 1 }))).pipe(
    OnFailure.andThen(OnFailure.deadLetter)
  )
}

/** The listeners of `Listeners.Names`, in the words of docs/coming-from-spring.md. */
const listeners = {
  exponential: { policy: policy(4, 2), naming: RetryTopics.spring },
  fixed: { policy: policy(3, 1), naming: RetryTopics.spring },
  capped: { policy: policy(5, 2, 2000), naming: RetryTopics.spring },
  index: { policy: policy(4, 2), naming: RetryTopics.springWith({ suffix: "index" }) },
  "index-capped": { policy: policy(5, 2, 2000), naming: RetryTopics.springWith({ suffix: "index" }) },
  multiple: { policy: policy(3, 1), naming: RetryTopics.springWith({ sameInterval: "multiple" }) },
  "multiple-capped": { policy: policy(5, 2, 2000), naming: RetryTopics.springWith({ sameInterval: "multiple" }) },
  "multiple-one": { policy: policy(2, 1), naming: RetryTopics.springWith({ sameInterval: "multiple" }) },
  suffixes: { policy: policy(3, 2), naming: RetryTopics.springWith({ retrySuffix: "-again", dltSuffix: "-dead" }) }
}

layer(engine, { timeout: "4 minutes", excludeTestServices: true })("Spring's names", (it) => {
  it.effect("are those that Millrace gives to the same policy", () =>
    Effect.gen(function*() {
      const { topic } = yield* scene()
      const application = yield* spring({ topic, group: topic, listener: "Names", assigned: false })
      const admin = yield* (yield* KafkaEngine.Service).admin
      const all = (yield* admin.listTopics).map(({ name }) => name)
      const names: { [listener: string]: { theirs: Array<string>; ours: Array<string> } } = {}
      for (const [name, { naming, policy }] of Object.entries(listeners)) {
        const source = `${topic}-${name}`
        const consumer = Consumer.make(topic, {
          offsetReset: "earliest",
          onFailure: policy,
          retries: { naming },
          handlers: [Topic.handle(textTopic(source), () => Effect.void)]
        })
        const topics = yield* (yield* Plan.make(consumer)).topology.of(source)
        const others = Object.keys(listeners).filter((other) => other.startsWith(`${name}-`))
        const theirs = all.filter((one) =>
          one.startsWith(`${source}-`) && !others.some((other) => one.startsWith(`${topic}-${other}`))
        )
        const ours = [...topics!.tiers.map((tier) => tier.name), topics!.deadLetter]
        const cut = (found: ReadonlyArray<string>) => found.map((one) => one.slice(source.length)).sort()
        names[name] = { theirs: cut(theirs), ours: cut(ours) }
      }
      for (const [name, { ours, theirs }] of Object.entries(names)) assert.deepStrictEqual(ours, theirs, name)
      yield* Effect.promise(() => application.stop())
    }))
})
