/** Producer clients over the native producer, with and without transactions. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as KafkaConfig from "../../../KafkaConfig.ts"
import * as Errors from "../../../KafkaError.ts"
import { KafkaError } from "../../../KafkaError.ts"
import { checked, positionsProblem } from "../../checkOffsets.ts"
import type { Delivery, DeliveryCallback, ProducerClient, RawMessage, TransactionalClient } from "../../KafkaEngine.ts"
import { toNative } from "../consumer/commits.ts"
import type { ConfluentGroup } from "../consumer/consumerSession.ts"
import { connect, disconnect } from "../shared/connection.ts"
import type { Environment } from "../shared/environment.ts"
import { construct } from "../shared/environment.ts"
import { fromNative } from "../shared/errors.ts"
import type { NativeError, NativeHeader, NativeProducer, NativeReport } from "../shared/native.ts"
import * as NativeCalls from "../shared/nativeCalls.ts"
import * as Settings from "../shared/settings.ts"
import { Leaders } from "./leaders.ts"
import { afterLog, Refusals } from "./refusals.ts"

const queueFull = -184
const unknownPartition = -190
const unknownTopic = -188
/** Kafka's UNKNOWN_MEMBER_ID. */
const leftGroup = { code: 25, message: "the consumer has left its group", isTxnRequiresAbort: true }

/** How long the last flush of a producer may take. */
const closeTimeoutMs = 30_000

const toHeaders = (headers: RawMessage["headers"]): ReadonlyArray<NativeHeader> | undefined =>
  headers === undefined || headers.length === 0 ? undefined : headers.map(([name, value]) => ({
    // The binding sends an empty buffer as null, and an empty text as empty.
    [name]: value === null ? nothing : value.length === 0 ? "" : toBuffer(value)
  }))

/** Without any memory: that is what the binding takes for null. */
const nothing = Buffer.alloc(0)

/** The binding takes Buffers; this is the same memory. */
const toBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const orNull = (bytes: Uint8Array | null): Buffer | null => bytes === null ? null : toBuffer(bytes)

const toDelivery = ({ offset, partition, timestamp, topic }: NativeReport): Delivery => ({
  topic,
  partition,
  offset,
  timestamp
})

const makeNative = Effect.fnUntraced(function*(
  environment: Environment,
  transactionalId: string | undefined,
  lastFlush: (producer: NativeProducer) => Effect.Effect<void, KafkaError>
): Effect.fn.Return<NativeProducer, KafkaError, Scope.Scope> {
  const { bootstrapServers, connectTimeoutMs, native } = environment
  const { requestTimeout } = environment.connection
  const settings = Settings.producer(environment.producer, transactionalId, environment.door, requestTimeout)
  if (settings instanceof KafkaError) return yield* settings
  const producer = yield* construct(() =>
    new native.Producer({
      ...Settings.common(environment.connection, environment.statistics, environment.door),
      ...settings,
      ...environment.callbacks
    })
  )
  environment.watch(producer, () => {})
  let connected = false
  yield* Effect.addFinalizer(() =>
    connected && producer.isConnected()
      ? Effect.catch(end(producer, lastFlush(producer)), (error) => Effect.logWarning("records may be lost", error))
      : Effect.void
  )
  const operation = transactionalId === undefined ? "connect the producer" : `connect producer "${transactionalId}"`
  yield* connect(producer, connectTimeoutMs, { operation, bootstrapServers })
  connected = true
  producer.setPollInBackground(true)
  return producer
})

/** The last flush, whose failure is reported, then the end: `disconnect` alone would lose what is left in silence. */
const end = (producer: NativeProducer, lastFlush: Effect.Effect<void, KafkaError>): Effect.Effect<void, KafkaError> =>
  Effect.ensuring(
    lastFlush,
    Effect.ignore(disconnect((done) => producer.disconnect(done), closeTimeoutMs, "close the producer"))
  )

const flush = (producer: NativeProducer, timeoutMs: number): Effect.Effect<void, KafkaError> =>
  Effect.callback<void, KafkaError>((resume) => {
    const done = NativeCalls.counted((error: NativeError | null | undefined) => {
      const operation = "flush the producer"
      resume(
        error === null || error === undefined
          ? Effect.void
          : Effect.fail(Errors.make(operation, new Errors.Timeout({ operation, timeoutMs }), error))
      )
    })
    producer.flush(timeoutMs, done)
  })

/** A client over one native producer. */
export interface Client extends ProducerClient {
  /** Forgets what is known of the transaction before. */
  readonly beginAnew: () => void
  /** How many records, since it was last asked, are not known to be in the log. */
  readonly takeUnconfirmed: () => number
  /** Lets the senders that wait for space try again. */
  readonly wake: () => void
  /** Ends when every record taken so far was reported. Occupies no thread, as a native flush would. */
  readonly allTold: Effect.Effect<void>
}

const clientOf = (
  producer: NativeProducer,
  environment: Environment,
  transactionalId: string | undefined
): Client => {
  let waiters = new Set<() => void>()
  let full = false
  let taken = 0
  let told = 0
  let flushes: Array<{ readonly target: number; readonly done: () => void }> = []
  let unconfirmed = 0
  const confirmed = environment.producer.acks !== "none"
  const room = environment.producer.bufferRecords ?? KafkaConfig.producerDefaults.bufferRecords
  const refusals = transactionalId === undefined ? undefined : new Refusals(producer)
  const toError = (reported: NativeError, { partition, topic }: RawMessage, sizeBytes: number): KafkaError => {
    const error = refusals?.causeOf(reported, topic) ?? reported
    return error.code === -149 || error.code === -150 || error.code === -144
      ? fromNative(error, { operation: "produce", bootstrapServers: environment.bootstrapServers, transactionalId })
      : fromNative(error, {
        operation: "produce",
        bootstrapServers: environment.bootstrapServers,
        topic,
        // Other codes are about the topic, whatever partition was named.
        partition: error.code === unknownPartition ? partition : undefined,
        sizeBytes,
        timeoutMs: environment.requestTimeoutMs
      })
  }
  const refusalOf = (error: NativeError, message: RawMessage, sizeBytes: number): KafkaError => {
    const { topic } = message
    if (!producer.isConnected()) return Errors.make("produce", new Errors.Closed({ client: "producer" }), error)
    // An empty buffer that is full: the record alone is larger than it.
    if (error.code === queueFull) {
      return Errors.make("produce", new Errors.RecordTooLarge({ topic, sizeBytes }), error)
    }
    // What has no code of librdkafka was thrown before the native client saw the record.
    return typeof error.code !== "number"
      ? Errors.make("produce", new Errors.InvalidRecord({ topic, problem: error.message }), error)
      : toError(error, message, sizeBytes)
  }
  /** The client takes a later record's acknowledgement for this one's: nobody knows whether it is in the log. */
  const notConfirmed = ({ partition, topic }: NativeReport): KafkaError => {
    unconfirmed++
    return Errors.make("produce", new Errors.Unconfirmed({ topic, partition }))
  }
  const tell = (error: NativeError | null, report: NativeReport): void => {
    told++
    full = false
    report.opaque(error, report)
    if (flushes.length > 0) {
      for (const { done, target } of flushes) if (told >= target) done()
      flushes = flushes.filter(({ target }) => told < target)
    }
    wake()
  }
  producer.on("delivery-report", refusals === undefined ? tell : afterLog(tell))
  const wake = () => {
    if (waiters.size === 0) return
    const waiting = waiters
    waiters = new Set()
    for (const resume of waiting) resume()
  }
  const leaders = new Leaders(producer, environment.requestTimeoutMs, wake)
  /** The native flush ends when the broker answered; the answers still come in turn by turn of the event loop. */
  const allTold = Effect.callback<void>((resume) => {
    if (told >= taken) return resume(Effect.void)
    const waiting = { target: taken, done: () => resume(Effect.void) }
    flushes.push(waiting)
    return Effect.sync(() => {
      flushes = flushes.filter((one) => one !== waiting)
    })
  })
  return {
    wake,
    allTold,
    beginAnew: () => {
      unconfirmed = 0
      refusals?.forget()
    },
    takeUnconfirmed: () => {
      const count = unconfirmed
      unconfirmed = 0
      return count
    },
    produce: (message: RawMessage, done: DeliveryCallback) => {
      // The native buffer has room again before its records are reported: they count until then.
      if (taken - told >= room) {
        full = true
        return false
      }
      const { key, partition, timestamp, topic, value } = message
      if (!leaders.admits(topic)) return false
      const size = (key?.length ?? 0) + (value?.length ?? 0)
      const opaque: NativeReport["opaque"] = (error, report) =>
        error !== null && error !== undefined
          ? done(toError(error, message, size), undefined)
          : report.offset < 0 && confirmed
          ? done(notConfirmed(report), undefined)
          : done(undefined, toDelivery(report))
      try {
        producer.produce(
          topic,
          partition ?? null,
          orNull(value),
          orNull(key),
          // 0 means none to the client, which would put in its own time: the closest it can send is 1.
          timestamp === undefined ? null : Math.max(1, timestamp),
          opaque,
          toHeaders(message.headers)
        )
        taken++
        leaders.took(topic)
        return true
      } catch (cause) {
        const error = cause as NativeError
        const isUnknown = error.code === unknownPartition || error.code === unknownTopic
        if (isUnknown && producer.isConnected() && leaders.looksAgain(topic, error.code === unknownTopic)) return false
        if (error.code === queueFull && taken > told) {
          full = true
          return false
        }
        const typed = refusalOf(error, message, size)
        queueMicrotask(() => done(typed, undefined))
        return true
      }
    },
    whenSpace: Effect.callback<void>((resume) => {
      if (!full && !leaders.isLooking) return resume(Effect.void)
      const waiter = () => resume(Effect.void)
      waiters.add(waiter)
      return Effect.sync(() => waiters.delete(waiter))
    }),
    flush: (timeout) => {
      const timeoutMs = Duration.toMillis(timeout)
      const operation = "flush the producer"
      return Effect.timeoutOrElse(Effect.andThen(flush(producer, timeoutMs), allTold), {
        duration: timeout,
        orElse: () => Effect.fail(Errors.make(operation, new Errors.Timeout({ operation, timeoutMs })))
      })
    }
  }
}

/** A connected native producer, as it is. */
export const makeRaw = (environment: Environment): Effect.Effect<NativeProducer, KafkaError, Scope.Scope> =>
  makeNative(environment, undefined, (producer) => flush(producer, closeTimeoutMs))

/** A client whose callbacks are all called before its native producer ends. */
export const makeClient = Effect.fnUntraced(function*(
  environment: Environment,
  transactionalId: string | undefined
): Effect.fn.Return<readonly [NativeProducer, Client], KafkaError, Scope.Scope> {
  const made: { client: Client | undefined } = { client: undefined }
  const producer = yield* makeNative(
    environment,
    transactionalId,
    (producer) =>
      made.client === undefined
        ? flush(producer, closeTimeoutMs)
        : made.client.flush(Duration.millis(closeTimeoutMs))
  )
  const client = clientOf(producer, environment, transactionalId)
  made.client = client
  return [producer, client]
})

/** Connects a transactional producer and claims its id. */
export const makeTransactional = Effect.fnUntraced(function*(
  environment: Environment,
  transactionalId: string
): Effect.fn.Return<TransactionalClient, KafkaError, Scope.Scope> {
  const { bootstrapServers, requestTimeoutMs } = environment
  const [producer, client] = yield* makeClient(environment, transactionalId)
  const step = (
    operation: string,
    start: (done: (error: NativeError | null | undefined) => void) => void
  ): Effect.Effect<void, KafkaError> =>
    Effect.timeoutOrElse(
      Effect.callback<void, KafkaError>((resume) => {
        const fail = (error: NativeError) =>
          resume(Effect.fail(fromNative(error, { operation, bootstrapServers, transactionalId })))
        try {
          start(
            NativeCalls.counted((error) => error === null || error === undefined ? resume(Effect.void) : fail(error))
          )
        } catch (cause) {
          fail(cause as NativeError)
        }
      }),
      {
        // The native call has a timeout of its own that it does not always keep (librdkafka #5456).
        duration: requestTimeoutMs * 2,
        orElse: () => {
          const problem = `${operation} was not answered; its outcome is unknown`
          return Effect.fail(
            Errors.make(operation, new Errors.TransactionFailed({ transactionalId, problem, retryable: true }))
          )
        }
      }
    )
  yield* step("begin to use the transactional id", (done) => producer.initTransactions(requestTimeoutMs, done))
  return {
    ...client,
    begin: Effect.suspend(() => {
      client.beginAnew()
      return step("begin a transaction", (done) => producer.beginTransaction(done))
    }),
    sendOffsets: (positions, group) =>
      checked(
        positionsProblem("sendOffsets", positions),
        step("send offsets to the transaction", (done) => {
          const consumer = (group as ConfluentGroup)["~millrace/engine/GroupMetadata"]
          // The binding does not look, and ends the process.
          if (!consumer.isConnected()) return done(leftGroup)
          producer.sendOffsetsToTransaction(positions.map(toNative), consumer, requestTimeoutMs, done)
        })
      ),
    commit: Effect.suspend(() => {
      const operation = "commit the transaction"
      const lost = client.takeUnconfirmed()
      if (lost === 0) return step(operation, (done) => producer.commitTransaction(requestTimeoutMs, done))
      const problem = `${lost} of its records are not known to be in the log; run it again`
      return Effect.fail(
        Errors.make(operation, new Errors.TransactionFailed({ transactionalId, problem, retryable: true }))
      )
    }),
    abort: step("abort the transaction", (done) => producer.abortTransaction(requestTimeoutMs, done))
  }
})
