/** The native client's mock cluster, and the smallest owner of a consumer client, in real time. */
import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { randomUUID } from "node:crypto"
import { load } from "../../../src/engine/confluent/shared/native.ts"
import * as ConfluentKafka from "../../../src/engine/ConfluentKafka.ts"
import type {
  ClientEvent,
  ConsumerClient,
  ConsumerClientOptions,
  Delivery,
  ProducerClient,
  RawMessage,
  RawRecord,
  TopicPartition
} from "../../../src/engine/KafkaEngine.ts"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import type { KafkaError } from "../../../src/KafkaError.ts"

/** The bootstrap server of a cluster that lives as long as its layer. */
export class Mock extends Context.Service<Mock, { readonly bootstrap: string }>()("test/engine/confluent/Mock") {}

/** A cluster of one broker, which creates a topic of four partitions when it is first asked about it. */
export const mockCluster = Layer.effect(
  Mock,
  Effect.gen(function*() {
    const native = yield* load
    const holder = new native.Producer({ "test.mock.num.brokers": 1 })
    const bootstrap = yield* Effect.acquireRelease(
      Effect.callback<string>((resume) => {
        holder.connect({ timeout: 10_000 }, (error, metadata) => {
          if (error !== null && error !== undefined) throw new Error(error.message)
          const [broker] = (metadata as unknown as { brokers: ReadonlyArray<{ host: string; port: number }> }).brokers
          resume(Effect.succeed(`${broker!.host}:${broker!.port}`))
        })
      }),
      () => Effect.callback<void>((resume) => holder.disconnect(() => resume(Effect.void)))
    )
    return { bootstrap }
  })
)

/** Fetches come as soon as there is something, and groups form at once. */
const fast = { groupProtocol: "consumer", fetchMaxWait: "10 millis" } as const

/** The engine on the mock cluster. */
export const engineOf = (options: Partial<ConfluentKafka.Options> = {}) =>
  Layer.unwrap(
    Effect.map(Mock, ({ bootstrap }) =>
      ConfluentKafka.layer({ bootstrapServers: [bootstrap], ...options, consumer: { ...fast, ...options.consumer } }))
  )

/** The engine, with its cluster beside it. */
export const mockEngine = Layer.provideMerge(engineOf(), mockCluster)

/** A name that nothing else uses. */
export const fresh = (prefix: string): string => `${prefix}-${randomUUID()}`

/** Waits until a condition holds, looking every few milliseconds. */
export const until = (condition: () => boolean, what: string, limit: Duration.Input = "15 seconds") =>
  Effect.callback<void>((resume) => {
    const end = performance.now() + Duration.toMillis(Duration.fromInputUnsafe(limit))
    const timer = setInterval(() => {
      const holds = condition()
      if (!holds && performance.now() < end) return
      clearInterval(timer)
      resume(holds ? Effect.void : Effect.sync(() => assert.fail(`${what} did not come true`)))
    }, 5)
    return Effect.sync(() => clearInterval(timer))
  })

const encoder = new TextEncoder()

/** Bytes of a text. */
export const bytes = (text: string): Uint8Array => encoder.encode(text)

/** Texts of values. */
export const values = (records: ReadonlyArray<RawRecord>): Array<string> =>
  records.map(({ value }) => value === null ? "null" : new TextDecoder().decode(value))

/** Hands a record over, waiting for room, and answers its fate. */
export const send = (producer: ProducerClient, message: RawMessage): Effect.Effect<Delivery, KafkaError> =>
  Effect.callback<Delivery, KafkaError>((resume) => {
    const taken = producer.produce(
      message,
      (error, delivery) => resume(error === undefined ? Effect.succeed(delivery!) : Effect.fail(error))
    )
    if (!taken) resume(Effect.andThen(producer.whenSpace, send(producer, message)))
  })

/** Produces and waits for every acknowledgement, in order. */
export const produce = Effect.fnUntraced(function*(messages: ReadonlyArray<RawMessage>) {
  const producer = yield* (yield* KafkaEngine.Service).producer
  return yield* Effect.forEach(messages, (message) => send(producer, message), { concurrency: "unbounded" })
})

/** Numbered records of one partition. */
export const numbered = (topic: string, from: number, to: number, partition = 0): Array<RawMessage> =>
  Array.from({ length: to - from }, (_, i) => ({ topic, partition, key: null, value: bytes(String(from + i)) }))

type Rebalance = Extract<ClientEvent, { readonly _tag: "Rebalance" }>

/** See {@link open}. */
export interface Owner {
  readonly client: ConsumerClient
  readonly events: Array<ClientEvent>
  /** Rebalances that came and were not answered. */
  readonly due: Array<Rebalance>
  readonly records: Array<RawRecord>
  readonly assigned: Set<string>
  readonly ready: () => number
  /** Answers the rebalances that are due, as long as `hold` is false. */
  readonly answerDue: Effect.Effect<void, KafkaError>
  /** Answers rebalances and takes records until the condition holds. */
  readonly run: (condition: () => boolean, what: string) => Effect.Effect<void, KafkaError>
  readonly find: <T extends ClientEvent["_tag"]>(tag: T) => Array<Extract<ClientEvent, { readonly _tag: T }>>
}

type Settings = Partial<Omit<ConsumerClientOptions, "onReady" | "onEvent">> & {
  readonly group?: string
  readonly topics?: ReadonlyArray<string>
  readonly polls?: { readonly records: number; readonly bytes: number }
}

const placeOf = ({ partition, topic }: TopicPartition): string => `${topic}/${partition}`

/** Opens a client, by default of a group of its own and from the earliest offset. */
export const open = Effect.fnUntraced(function*(settings: Settings) {
  const engine = yield* KafkaEngine.Service
  const { group = fresh("group"), polls = { records: 500, bytes: 1e9 }, topics = [], ...options } = settings
  const events: Array<ClientEvent> = []
  const due: Array<Rebalance> = []
  const records: Array<RawRecord> = []
  const assigned = new Set<string>()
  let ready = 0
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
  const answerDue = Effect.gen(function*() {
    for (const event of due.splice(0)) {
      yield* client.answer(event.id)
      for (const partition of event.partitions) {
        if (event.kind === "assign") assigned.add(placeOf(partition))
        else assigned.delete(placeOf(partition))
      }
    }
  })
  const owner: Owner = {
    client,
    events,
    due,
    records,
    assigned,
    ready: () => ready,
    answerDue,
    run: (condition, what) =>
      Effect.gen(function*() {
        const end = performance.now() + 20_000
        while (!condition()) {
          if (performance.now() > end) assert.fail(`${what} did not come true; events: ${JSON.stringify(events)}`)
          yield* answerDue
          const chunks = client.poll(polls.records, polls.bytes)
          for (const chunk of chunks) records.push(...chunk.records)
          yield* until(() => true, "a turn")
        }
      }),
    find: (tag) => events.filter((event): event is any => event._tag === tag)
  }
  return owner
})
