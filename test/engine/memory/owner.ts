/** A consumer client with the smallest owner there can be: it notes events and answers when the test says so. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { ClientEvent, ConsumerClient, ConsumerClientOptions, RawRecord } from "../../../src/engine/KafkaEngine.ts"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"

/** Lets everything that is scheduled run until the condition holds. */
export const until = (condition: () => boolean, what = "condition"): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let turn = 0; turn < 500; turn++) {
      if (condition()) return
      yield* Effect.yieldNow
    }
    assert.fail(`${what} did not come true: ${condition}`)
  })

/** Lets everything that is scheduled run, for showing that something does not happen. */
export const settle: Effect.Effect<void> = Effect.gen(function*() {
  for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow
})

type Rebalance = Extract<ClientEvent, { readonly _tag: "Rebalance" }>

/** See {@link open}. */
export interface Owner {
  readonly client: ConsumerClient
  readonly events: Array<ClientEvent>
  /** Rebalances that came and were not answered. */
  readonly due: Array<Rebalance>
  readonly ready: () => number
  /** Waits for the next rebalance, checks its kind and answers it. */
  readonly answer: (kind: Rebalance["kind"]) => Effect.Effect<Rebalance>
  /** Everything there is, in steps of a few records. */
  readonly drain: () => Array<RawRecord>
  readonly tags: () => Array<string>
  readonly find: <T extends ClientEvent["_tag"]>(tag: T) => Array<Extract<ClientEvent, { readonly _tag: T }>>
}

type Settings = Partial<Omit<ConsumerClientOptions, "onReady" | "onEvent">> & {
  readonly group?: string
  readonly topics?: ReadonlyArray<string>
}

/** Opens a client, by default of group "g" for topic "t" from the earliest offset. */
export const open = Effect.fnUntraced(function*(settings: Settings = {}) {
  const engine = yield* KafkaEngine.Service
  const events: Array<ClientEvent> = []
  const due: Array<Rebalance> = []
  let ready = 0
  const { group = "g", topics = ["t"], ...options } = settings
  const client = yield* engine.consumer({
    subscription: { _tag: "Group", groupId: group, topics, patterns: [] },
    offsetReset: "earliest",
    config: {},
    signalEnd: false,
    ...options,
    onReady: () => ready++,
    onEvent: (event) => {
      events.push(event)
      if (event._tag === "Rebalance") due.push(event)
    }
  })
  const owner: Owner = {
    client,
    events,
    due,
    ready: () => ready,
    answer: Effect.fnUntraced(function*(kind) {
      yield* until(() => due.length > 0, `a rebalance of kind ${kind}`)
      let event = due.shift()!
      // A member that joins before its topics are there has nothing at first.
      while (event.partitions.length === 0) {
        yield* Effect.orDie(client.answer(event.id))
        yield* until(() => due.length > 0, `a rebalance of kind ${kind}`)
        event = due.shift()!
      }
      assert.strictEqual(event.kind, kind)
      yield* Effect.orDie(client.answer(event.id))
      return event
    }),
    drain: () => {
      const records: Array<RawRecord> = []
      for (let turn = 0; turn < 10_000; turn++) {
        const chunks = client.poll(7, 1_000_000)
        if (chunks.length === 0) break
        for (const chunk of chunks) records.push(...chunk.records)
      }
      return records
    },
    tags: () => events.map(({ _tag }) => _tag),
    find: (tag) => events.filter((event): event is any => event._tag === tag)
  }
  return owner
})

const encoder = new TextEncoder()

/** Bytes of a text. */
export const bytes = (text: string): Uint8Array => encoder.encode(text)

/** Texts of values. */
export const values = (records: ReadonlyArray<RawRecord>): Array<string> =>
  records.map(({ value }) => value === null ? "null" : new TextDecoder().decode(value))
