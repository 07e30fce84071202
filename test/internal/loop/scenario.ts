/** A consumer on a scripted engine, for scenarios that need exact control over when something happens. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { Codec, Consumer, ConsumerControl, ConsumerEvent, Health, OnFailure, Topic } from "millrace"
import type { KafkaEngine } from "millrace"
import { Script } from "../../kit/scriptedEngine.ts"

export const Texts = Topic.make("t", { key: Codec.none, value: Codec.string })

export const p0 = { topic: "t", partition: 0 }
export const p1 = { topic: "t", partition: 1 }

const encoder = new TextEncoder()

export const text = (offset: number, value = String(offset)) => ({ offset, value: encoder.encode(value) })
export const poison = (offset: number) => ({ offset, value: new Uint8Array([0xff, 0xfe]) })
export const texts = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => text(from + i))

/** Lets everything that is scheduled run until the condition holds, without time passing. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let turn = 0; turn < 1_000; turn++) {
      if (condition()) return
      yield* Effect.yieldNow
    }
    assert.fail(`did not come true: ${condition}`)
  })

/** Lets everything that is scheduled run, for showing that something does not happen. */
export const settle: Effect.Effect<void> = Effect.forEach(Array.from({ length: 60 }), () => Effect.yieldNow, {
  discard: true
})

type Environment = KafkaEngine.Service

/** Services that no other test sees, and no log. */
export const isolated = (script: Script): Layer.Layer<Environment> =>
  Layer.mergeAll(
    script.layer,
    Layer.sync(ConsumerControl.Registry, () => new Set()),
    Layer.sync(Health.Registry, () => new Set()),
    Layer.effect(ConsumerEvent.Bus, ConsumerEvent.makeBus),
    Logger.layer([])
  )

export const settings = { offsetReset: "earliest", onFailure: OnFailure.stop } as const

/** Starts a consumer in the background of a test and waits until its client is there. */
export const start = Effect.fnUntraced(function*<E, R>(script: Script, consumer: Consumer.Consumer<E, R>) {
  const fiber = yield* Effect.forkScoped(Consumer.run(consumer))
  yield* until(() => script.isOpen)
  const [control] = yield* ConsumerControl.find(consumer.group)
  return { fiber, control: control!, exit: () => fiber.pollUnsafe() }
})

/** Runs a test against a script of its own, and checks the contract at its end. */
export const scripted = <E, R>(
  test: (script: Script) => Effect.Effect<void, E, R>
): Effect.Effect<void, E, Exclude<R, Environment>> =>
  Effect.suspend(() => {
    const script = new Script()
    return Effect.provide(
      Effect.andThen(
        Effect.scoped(test(script) as Effect.Effect<void, E, R>),
        Effect.sync(() => assert.deepStrictEqual(script.violations, []))
      ),
      isolated(script)
    ) as Effect.Effect<void, E, Exclude<R, Environment>>
  })

/** What a handler of texts did, for assertions. */
export const seen = () => {
  const started: Array<string> = []
  const finished: Array<string> = []
  return {
    started,
    finished,
    handle:
      (work: (value: string) => Effect.Effect<unknown, any>) =>
      (record: { readonly partition: number; readonly value: string }) =>
        Effect.suspend(() => {
          const name = `${record.partition}:${record.value}`
          started.push(name)
          return Effect.tap(work(record.value), () => Effect.sync(() => finished.push(name)))
        })
  }
}
