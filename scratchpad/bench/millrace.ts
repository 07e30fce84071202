/** Millrace, as an application uses it, on either engine. */
// By module: importing all of "effect" would add 25 MB to what is measured.
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Codec, Consumer, ConsumerEvent, Headers, KafkaEngine, OnFailure, Producer, Retry, Topic } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { batchSize, inFlight, keyCount } from "./task.ts"
import type { ConsumeTask, ProduceTask, Subject } from "./task.ts"

/** The row of workload C3. */
export const Row = Schema.Struct({
  id: Schema.Finite,
  name: Schema.String,
  email: Schema.String,
  amount: Schema.Finite,
  updated_at: Schema.String,
  note: Schema.String
})

const bytesOf = (name: string) =>
  Topic.make(name, { key: Codec.nullable(Codec.bytes), value: Codec.nullable(Codec.bytes) })
const rowsOf = (name: string) => Topic.make(name, { key: Codec.none, value: Codec.json(Row) })

class Failed extends Data.TaggedError("Failed") {}

const retried = (delay: Duration.Input) => Retry.nonBlocking(Schedule.spaced(delay).pipe(Schedule.upTo({ times: 1 })))

const handlerOf = async ({ handled, handling, topic }: ConsumeTask) => {
  const wait = (duration: Duration.Input) => () => Effect.map(Effect.sleep(duration), () => handled(1))
  switch (handling) {
    case "record":
      return Topic.handle(bytesOf(topic), () => Effect.sync(() => handled(1)))
    case "json":
      return Topic.handle(rowsOf(topic), () => Effect.sync(() => handled(1)))
    case "avro":
    case "jsonschema":
    case "protobuf": {
      const { rowsOf } = await import("./formats.ts")
      return Topic.handle(rowsOf(handling, topic), () => Effect.sync(() => handled(1)))
    }
    case "batch":
      return Topic.handleBatch(bytesOf(topic), (records) => Effect.sync(() => handled(records.length)))
    case "serial":
      // One record at a time, of all partitions: what a program without concurrency does.
      return Topic.handle(bytesOf(topic), wait(5))
    case "keys":
      return Topic.handle(bytesOf(topic), wait(5), { concurrency: { keys: keyCount } })
    case "pause":
      return Topic.handle(bytesOf(topic), wait(1))
    case "failing":
      return Topic.handle(bytesOf(topic), () => Effect.fail(new Failed()), { onFailure: retried("1 hour") })
    case "some": {
      let count = 0
      return Topic.handle(
        bytesOf(topic),
        () =>
          Effect.suspend(() => {
            handled(1)
            return ++count % 100 === 0 ? Effect.fail(new Failed()) : Effect.void
          }),
        { onFailure: retried("1 hour") }
      )
    }
  }
}

type Engine = Layer.Layer<KafkaEngine.Service, unknown>

const confluent = (bootstrap: string, statistics?: Duration.Input): Engine =>
  ConfluentKafka.layer({ bootstrapServers: bootstrap.split(","), statistics })

/** An in-memory cluster that holds what a broker would hold. */
const filled = (task: Pick<ConsumeTask, "topic" | "partitions" | "content">): Engine =>
  Layer.effectDiscard(Effect.gen(function*() {
    const { admin } = yield* KafkaEngine.Service
    yield* (yield* admin).createTopic({ name: task.topic, partitions: task.partitions })
    const { keys, records, value } = task.content
    const step = 10_000
    for (let done = 0; done < records; done += step) {
      yield* Producer.sendAll(
        bytesOf(task.topic),
        Array.from({ length: Math.min(step, records - done) }, (_, i) => ({
          key: keys === 0 ? null : Buffer.from(`key-${i % keys}`),
          value
        }))
      )
    }
  })).pipe(Layer.provideMerge(Layer.unwrap(Effect.promise(async () => (await import("millrace/testing")).layer))))

const consume = (engineOf: (task: ConsumeTask) => Engine) => async (task: ConsumeTask) => {
  const bus = await Effect.runPromise(ConsumerEvent.makeBus)
  const runtime = ManagedRuntime.make(Layer.merge(engineOf(task), Layer.succeed(ConsumerEvent.Bus, bus)))
  await runtime.runPromise(KafkaEngine.Service)
  const { received } = task
  if (received !== undefined) {
    runtime.runFork(Stream.runForEach(Stream.fromPubSub(bus), (event) =>
      Effect.sync(() => {
        if (event._tag === "Statistics") received((event.statistics as { readonly rxmsg_bytes: number }).rxmsg_bytes)
      })))
  }
  const consumer = Consumer.make(task.group, {
    offsetReset: "earliest",
    onFailure: OnFailure.stop,
    handlers: [await handlerOf(task)]
  })
  const controller = new AbortController()
  // A record that failed is done when the broker has its copy: the outcomes say when.
  const run = task.handling === "failing"
    ? Stream.runForEach(
      Consumer.outcomeBatches(consumer),
      ({ exceptions }) => Effect.sync(() => task.handled(exceptions.length))
    )
    : Consumer.run(consumer)
  const running = runtime.runPromise(run, { signal: controller.signal }).catch((error: unknown) => {
    if (!controller.signal.aborted) throw error
  })
  return async () => {
    controller.abort()
    await running
    await runtime.runPromise(removeRetries(task.group))
    await runtime.dispose()
  }
}

/** Deletes the retry and dead letter topics of a group. */
const removeRetries = Effect.fnUntraced(function*(group: string) {
  const admin = yield* (yield* KafkaEngine.Service).admin
  for (const { name } of yield* admin.listTopics) if (name.startsWith(`${group}.`)) yield* admin.deleteTopic(name)
})

const produce = (engineOf: (task: ProduceTask) => Engine) => async (task: ProduceTask): Promise<number> => {
  const { capMs, records, value } = task
  const topic = bytesOf(task.topic)
  const message = { key: null, value }
  const program = Effect.gen(function*() {
    yield* Producer.sendAll(topic, Array.from({ length: task.partitions }, () => message))
    task.begin()
    const end = performance.now() + capMs
    let sent = 0
    const mayGo = () => sent < records && performance.now() < end
    switch (task.sending) {
      case "one":
        for (; mayGo(); sent++) yield* Producer.send(topic, message)
        break
      case "batch":
        for (; mayGo(); sent += batchSize) {
          yield* Producer.sendAll(topic, Array.from({ length: batchSize }, () => message))
        }
        break
      case "inflight": {
        const worker = Effect.whileLoop({
          while: mayGo,
          body: () => {
            sent++
            return Producer.send(topic, message)
          },
          step: () => {}
        })
        yield* Effect.forEach(Array.from({ length: inFlight }), () => worker, { concurrency: inFlight, discard: true })
        break
      }
      case "all":
        sent = records
        yield* Producer.sendAll(topic, Array.from({ length: records }, () => message))
    }
    return sent
  })
  return await Effect.runPromise(Effect.provide(program, engineOf(task)))
}

const echo =
  (engineOf: (task: { readonly bootstrap: string; readonly topic: string }) => Engine): NonNullable<Subject["echo"]> =>
  async (task, arrived) => {
    const topic = bytesOf(task.topic)
    const runtime = ManagedRuntime.make(engineOf(task))
    const consumer = Consumer.make(task.group, {
      offsetReset: "latest",
      onFailure: OnFailure.stop,
      handlers: [Topic.handle(topic, (record) => Effect.sync(() => arrived(record.value!)))]
    })
    const controller = new AbortController()
    const running = runtime.runPromise(Consumer.run(consumer), { signal: controller.signal }).catch(() => {})
    return {
      send: (value) => void runtime.runFork(Producer.send(topic, { key: null, value })),
      close: async () => {
        controller.abort()
        await running
        await runtime.dispose()
      }
    }
  }

/** When a record of a retry topic is due: the milliseconds of a Java `BigInteger`. */
const dueOf = (headers: Headers.Headers): number => {
  let due = 0
  for (const byte of Headers.getBytes(headers, "retry_topic-backoff-timestamp") ?? []) due = due * 256 + byte
  return due
}

const retry =
  (engineOf: (task: { readonly bootstrap: string; readonly topic: string }) => Engine): NonNullable<Subject["retry"]> =>
  async (task, delayMs, late) => {
    const topic = bytesOf(task.topic)
    const runtime = ManagedRuntime.make(engineOf(task))
    const consumer = Consumer.make(task.group, {
      offsetReset: "latest",
      onFailure: retried(delayMs),
      handlers: [
        Topic.handle(topic, ({ headers, topic }) =>
          Effect.suspend(() => {
            if (topic === task.topic) return Effect.fail(new Failed())
            late(performance.timeOrigin + performance.now() - dueOf(headers))
            return Effect.void
          }))
      ]
    })
    const controller = new AbortController()
    const running = runtime.runPromise(Consumer.run(consumer), { signal: controller.signal }).catch(() => {})
    const message = { key: null, value: task.value }
    return {
      send: (count) => void runtime.runFork(Producer.sendAll(topic, Array.from({ length: count }, () => message))),
      close: async () => {
        controller.abort()
        await running
        await runtime.runPromise(removeRetries(task.group))
        await runtime.dispose()
      }
    }
  }

export const millrace: Subject = {
  consume: consume((task) => confluent(task.bootstrap, task.received === undefined ? undefined : "100 millis")),
  produce: produce((task) => confluent(task.bootstrap)),
  echo: echo((task) => confluent(task.bootstrap)),
  retry: retry((task) => confluent(task.bootstrap))
}

const nothing = { records: 0, value: new Uint8Array(0), keys: 0 }

export const memory: Subject = {
  consume: consume(filled),
  produce: produce((task) => filled({ ...task, content: nothing })),
  echo: echo((task) => filled({ ...task, partitions: 1, content: nothing }))
}
