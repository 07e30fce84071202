/** Retry and dead letter topics of a scenario: making them, writing into them, and reading what is there. */
import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { KafkaError } from "millrace"
import type { Position, RawHeader, RawMessage, RawRecord } from "../../src/engine/KafkaEngine.ts"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import type { World } from "./harness.ts"

export const partitions = 4

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What handlers of these scenarios fail with. */
export class Boom extends Data.TaggedError("Boom") {}
export class Bang extends Data.TaggedError("Bang") {}

/** An error that has something to tell. */
export class Told extends Data.TaggedError("Told")<{ readonly message: string }> {}

export interface Routes {
  readonly group: string
  readonly topic: string
  readonly dlt: string
  readonly tier: (index: number) => string
}

/** How the topics of a source are called. */
export const named = (group: string, topic: string): Routes => ({
  group,
  topic,
  dlt: `${group}.${topic}.dlt`,
  tier: (index) => `${group}.${topic}.retry.${index}`
})

/** The clock of a test begins at 0, and Kafka has no times before that. */
export const atAnHourThatHasABefore = Effect.fnUntraced(function*(world: World) {
  if ((yield* Clock.currentTimeMillis) < 7_200_000) yield* world.advance(7_200_000)
})

/** Makes topics that not every target lets a consumer make: so many tiers, and the dead letter topic. */
export const provided = Effect.fnUntraced(function*(
  world: World,
  { dlt, tier }: Routes,
  tiers: number
): Effect.fn.Return<void, KafkaError.KafkaError> {
  const names = [...Array.from({ length: tiers }, (_, i) => tier(i + 1)), dlt]
  yield* Effect.forEach(names, (name) => world.topic(partitions, { name }), { concurrency: "unbounded" })
})

/** A group and a source topic with what its policy needs. */
export const routes = Effect.fnUntraced(function*(world: World, tiers: number) {
  const made = named(world.name("group"), yield* world.topic(partitions))
  yield* provided(world, made, tiers)
  yield* atAnHourThatHasABefore(world)
  return made
})

/** Reads a topic as nobody's group, until so many records are there; they come in the order of their places. */
export const recordsOf = (
  world: World,
  topic: string,
  count: number,
  width = partitions
): Effect.Effect<ReadonlyArray<RawRecord>, unknown, KafkaEngine.Service> =>
  Effect.scoped(Effect.gen(function*() {
    const engine = yield* KafkaEngine.Service
    const positions = Array.from({ length: width }, (_, partition): Position => ({ topic, partition, offset: 0 }))
    const client = yield* engine.consumer({
      subscription: { _tag: "Manual", positions },
      offsetReset: "earliest",
      config: {},
      signalEnd: false,
      onReady: () => {},
      onEvent: () => {}
    })
    const found: Array<RawRecord> = []
    yield* world.until(
      `${topic} has ${count} records`,
      Effect.sync(() => {
        for (const { records } of client.poll(1_000, 8_388_608)) found.push(...records)
        return found.length >= count
      })
    )
    yield* client.close(Duration.seconds(5))
    return found.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  }))

/** How many records were committed, over all partitions. */
export const committedIn = (world: World, group: string, topic: string): Effect.Effect<number, unknown> =>
  Effect.map(world.committed(group, topic), (all) => all.reduce((sum, { offset }) => sum + offset, 0))

/** The offset that is committed of one partition. */
export const committedAt = (world: World, group: string, topic: string, partition: number) =>
  Effect.map(
    world.committed(group, topic),
    (all) => all.find((position) => position.partition === partition)?.offset
  )

// Headers are read and made by hand here: what is proven is what others see.

export const headerOf = ({ headers }: Pick<RawRecord, "headers">, name: string): Buffer | undefined => {
  const values = (headers ?? []).filter(([each]) => each === name)
  assert.isAtMost(values.length, 1, `${name} is there once`)
  const value = values[0]?.[1]
  return value === null || value === undefined ? undefined : Buffer.from(value)
}

export const textOf = (record: Pick<RawRecord, "headers">, name: string): string | undefined =>
  headerOf(record, name)?.toString("utf8")

/** Java's `int`, big-endian. */
export const intOf = (record: Pick<RawRecord, "headers">, name: string): number | undefined =>
  headerOf(record, name)?.readInt32BE(0)

/** Java's `long`, big-endian. */
export const longOf = (record: Pick<RawRecord, "headers">, name: string): number | undefined => {
  const value = headerOf(record, name)?.readBigInt64BE(0)
  return value === undefined ? undefined : Number(value)
}

/** Java's `BigInteger.toByteArray()`. */
export const bigIntegerOf = (record: Pick<RawRecord, "headers">, name: string): number | undefined => {
  const value = headerOf(record, name)
  return value === undefined ? undefined : Number(BigInt.asIntN(value.length * 8, BigInt(`0x${value.toString("hex")}`)))
}

const int = (value: number): Uint8Array => {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return new Uint8Array(buffer)
}

const bigInteger = (value: number): Uint8Array => {
  let hex = BigInt(value).toString(16)
  if (hex.length % 2 === 1) hex = `0${hex}`
  if (Number.parseInt(hex.slice(0, 2), 16) > 127) hex = `00${hex}`
  return new Uint8Array(Buffer.from(hex, "hex"))
}

/** The headers with which a retry record tells its delivery and when it is due. */
export const retryHeaders = (attempts: number, due: number): Array<RawHeader> => [
  ["retry_topic-attempts", int(attempts)],
  ["retry_topic-backoff-timestamp", bigInteger(due)]
]

/** A record for `foreignProduce`. */
export const message = (topic: string, value: string, more: Partial<RawMessage> = {}): RawMessage => ({
  topic,
  partition: 0,
  key: null,
  value: bytes(value),
  ...more
})

/** What handlers did and when, on the clock of the scenario. */
export interface Try {
  readonly topic: string
  readonly partition: number
  readonly value: string
  readonly at: number
}

/** Notes a call of a handler. */
export const noting = (tries: Array<Try>) => ({ partition, topic, value }: Omit<Try, "at">) =>
  Effect.map(Clock.currentTimeMillis, (at) => void tries.push({ topic, partition, value, at }))
