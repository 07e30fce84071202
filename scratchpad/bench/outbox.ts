/** The outbox: how fast a relay publishes what is there, and how fast the same messages are produced without one. */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Codec, Producer, Topic } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { Migrations, Outbox, OutboxRelay } from "millrace/sql"
import type { RelayTask } from "./task.ts"

const perSend = 1_000

const layersOf = ({ bootstrap, postgres }: RelayTask) =>
  Layer.mergeAll(
    ConfluentKafka.layer({ bootstrapServers: bootstrap.split(",") }),
    PgClient.layer({ ...postgres, database: "postgres", username: "postgres", maxConnections: 10 })
  )

const messagesOf = ({ records, value }: RelayTask) =>
  Array.from(
    { length: Math.ceil(records / perSend) },
    (_, batch) =>
      Array.from({ length: Math.min(perSend, records - batch * perSend) }, (_, i) => ({
        key: Buffer.from(`key-${batch * perSend + i}`),
        value
      }))
  )

const topicOf = ({ topic }: RelayTask) => Topic.make(topic, { key: Codec.bytes, value: Codec.bytes })

/** From the start of the relay to an empty outbox; messages per second. */
export const relay = (task: RelayTask, options: OutboxRelay.Options = {}): Promise<number> =>
  Effect.gen(function*() {
    yield* Migrations.run()
    for (const messages of messagesOf(task)) yield* Outbox.sendAll(topicOf(task), messages)
    // The first record costs a connection.
    yield* Producer.send(topicOf(task), { key: Buffer.from("first"), value: task.value })
    task.begin()
    const began = performance.now()
    const fiber = yield* Effect.forkChild(OutboxRelay.run(options))
    while ((yield* Outbox.status).waiting > 0) yield* Effect.sleep("20 millis")
    const millis = performance.now() - began
    yield* Fiber.interrupt(fiber)
    return task.records / millis * 1_000
  }).pipe(Effect.provide(layersOf(task)), Effect.runPromise)

/** The same, exactly once. */
export const relayOnce = (task: RelayTask): Promise<number> =>
  relay(task, { exactlyOnce: { transactionalId: task.topic } })

/** The same messages without an outbox. */
export const direct = (task: RelayTask): Promise<number> =>
  Effect.gen(function*() {
    const batches = messagesOf(task)
    yield* Producer.send(topicOf(task), { key: Buffer.from("first"), value: task.value })
    task.begin()
    const began = performance.now()
    for (const messages of batches) yield* Producer.sendAll(topicOf(task), messages)
    return task.records / (performance.now() - began) * 1_000
  }).pipe(Effect.provide(layersOf(task)), Effect.runPromise)
