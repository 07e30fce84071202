/** @effect-kafka/confluent, with the version of Effect that it asks for. */
import { KafkaJS } from "@confluentinc/kafka-javascript"
import * as Confluent from "@effect-kafka/confluent"
import { Consumer, Producer } from "@effect-kafka/core"
import { Effect, ManagedRuntime } from "effect"
import { batchSize, inFlight, sleep } from "../task.ts"
import type { ConsumeTask, Subject } from "../task.ts"

const client = (bootstrap: string) => ({ kafkaJS: { brokers: bootstrap.split(","), logLevel: 1 } })

const handlerOf = ({ handled, handling }: ConsumeTask) => {
  switch (handling) {
    case "record":
      return () => Effect.sync(() => handled(1))
    case "json":
      return (record: { readonly value: unknown }) =>
        Effect.sync(() => {
          JSON.parse(Buffer.from(record.value as Uint8Array).toString())
          handled(1)
        })
    case "batch":
      throw new Error("knows no batches")
    default:
      return () =>
        Effect.promise(async () => {
          await sleep(handling === "pause" ? 1 : 5)
          handled(1)
        })
  }
}

const consumerOf = (bootstrap: string, groupId: string, fromBeginning: boolean) =>
  ManagedRuntime.make(
    Confluent.consumerLayer({ client: client(bootstrap), consumer: { kafkaJS: { groupId, fromBeginning } } })
  )

const producerOf = (bootstrap: string) =>
  ManagedRuntime.make(Confluent.producerLayer({
    client: client(bootstrap),
    producer: { kafkaJS: { acks: -1, idempotent: true, compression: KafkaJS.CompressionTypes.LZ4 }, "linger.ms": 0 }
  }))

export const effectKafka: Subject = {
  consume: async (task) => {
    const runtime = consumerOf(task.bootstrap, task.group, true)
    const handler = handlerOf(task)
    runtime.runFork(Effect.gen(function*() {
      const consumer = yield* Consumer
      yield* consumer.consume({
        topics: [task.topic],
        fromBeginning: true,
        partitionsConsumedConcurrently: task.handling === "serial" ? 1 : task.partitions
      }, handler)
    }))
    return () => runtime.dispose()
  },
  produce: (task) => {
    const { capMs, records, topic, value } = task
    const program = Effect.gen(function*() {
      const producer = yield* Producer
      const send = (count: number) =>
        producer.send({ topic, messages: Array.from({ length: count }, () => ({ value })) })
      yield* send(task.partitions)
      task.begin()
      const end = performance.now() + capMs
      let sent = 0
      const mayGo = () => sent < records && performance.now() < end
      const worker = Effect.gen(function*() {
        while (mayGo()) {
          sent++
          yield* send(1)
        }
      })
      switch (task.sending) {
        case "one":
          yield* worker
          break
        case "batch":
          for (; mayGo(); sent += batchSize) yield* send(batchSize)
          break
        case "inflight":
          yield* Effect.forEach(Array.from({ length: inFlight }), () => worker, {
            concurrency: inFlight,
            discard: true
          })
          break
        case "all":
          sent = records
          yield* Effect.forEach(Array.from({ length: records }), () => send(1), {
            concurrency: "unbounded",
            discard: true
          })
      }
      return sent
    })
    return producerOf(task.bootstrap).runPromise(program)
  },
  echo: async ({ bootstrap, group, topic }, arrived) => {
    const consumer = consumerOf(bootstrap, group, false)
    const producer = producerOf(bootstrap)
    consumer.runFork(Effect.gen(function*() {
      const service = yield* Consumer
      yield* service.consume({ topics: [topic] }, (record) => Effect.sync(() => arrived(record.value as Uint8Array)))
    }))
    return {
      send: (value) =>
        void producer.runFork(Effect.gen(function*() {
          const service = yield* Producer
          yield* service.send({ topic, messages: [{ value }] })
        })),
      close: async () => {
        await consumer.dispose()
        await producer.dispose()
      }
    }
  }
}
