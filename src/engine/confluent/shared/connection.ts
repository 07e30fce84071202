/** Connecting and disconnecting native clients, with the error that really happened and within a bound. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import { fromNative } from "./errors.ts"
import type { Context } from "./errors.ts"
import type { NativeError, NativeMetadata } from "./native.ts"
import * as NativeCalls from "./nativeCalls.ts"

/** The part of a native client that connecting needs. */
interface Connectable {
  connect(
    options: { readonly timeout: number },
    done: (error: NativeError | null | undefined, metadata: NativeMetadata) => void
  ): void
  disconnect(done: () => void): void
  isConnected(): boolean
  poll?(): unknown
  on(event: "event.error", listener: (error: NativeError) => void): unknown
  on(event: "event.log", listener: (entry: { readonly message: string }) => void): unknown
  on(event: "error", listener: (error: unknown) => void): unknown
}

/** How the client's own errors about a token begin. */
const tokenRefresh = "oauthbearer_token_refresh_cb: "

/** How much later than the client itself the bound falls, in milliseconds. */
const graceMs = 1_000

/** Connecting occupies a thread of the process's small pool: one client at a time. */
const turn = Semaphore.makeUnsafe(1)

/** The last attempt on each cluster that found nobody, by its bootstrap servers. */
const inVain = new Map<string, { readonly endedAt: number; readonly error: KafkaError }>()

const isInVain = ({ reason }: KafkaError): boolean => reason._tag === "BrokerUnreachable" || reason._tag === "Timeout"

/**
 * Takes its turn. Who waited while others found nobody does not try for as long again: each of many clients fails in
 * about the time that one may take.
 */
const inTurn = (
  timeoutMs: number,
  { bootstrapServers, operation }: Context,
  attempt: Effect.Effect<NativeMetadata, KafkaError>
): Effect.Effect<NativeMetadata, KafkaError> =>
  Effect.suspend(() => {
    const askedAt = performance.now()
    return turn.withPermits(1)(Effect.suspend(() => {
      const last = inVain.get(bootstrapServers)
      const waited = performance.now() - askedAt
      if (last !== undefined && last.endedAt > askedAt && waited >= timeoutMs / 2) {
        return Effect.fail(Errors.make(operation, last.error.reason, last.error.cause))
      }
      return Effect.tapError(attempt, (error) =>
        Effect.sync(() => {
          if (isInVain(error)) inVain.set(bootstrapServers, { endedAt: performance.now(), error })
        }))
    }))
  })

/** What the log says, at once and with the broker's own words, long before the error arrives. */
const refusal = /(SASL authentication error: .*?(?= \(after|$)|SSL handshake failed: .*?certificate verify failed)/

/**
 * Connects. librdkafka tries a wrong password for ever; here the first refusal ends it, and any other failure carries
 * the last thing the client said. A client that did not connect cleans up after itself.
 */
export const connect = (
  client: Connectable,
  timeoutMs: number,
  context: Context
): Effect.Effect<NativeMetadata, KafkaError> =>
  inTurn(
    timeoutMs,
    context,
    Effect.callback<NativeMetadata, KafkaError>((resume) => {
      let last: NativeError | undefined
      let settled = false
      // A producer serves its events only when polled, before it is ready.
      const polling = setInterval(() => {
        try {
          client.poll?.()
        } catch {
          // Not connected yet.
        }
      }, 50)
      const stop = () => {
        settled = true
        clearInterval(polling)
        clearTimeout(bound)
      }
      const settle = (result: Effect.Effect<NativeMetadata, KafkaError>) => {
        if (settled) return
        stop()
        resume(result)
      }
      const refuse = (problem: string) =>
        settle(Effect.fail(Errors.make(context.operation, new Errors.AuthenticationFailed({ problem }))))
      // The client keeps its own timeout, but may then take its time to clean up.
      const bound = setTimeout(() => {
        const { operation } = context
        settle(Effect.fail(
          last === undefined
            ? Errors.make(operation, new Errors.Timeout({ operation, timeoutMs }))
            : fromNative(last, context)
        ))
      }, timeoutMs + graceMs)
      client.on("event.error", (error) => {
        last = error
      })
      client.on("error", (error) => {
        const message = error instanceof Error ? error.message : String(error)
        if (message.startsWith(tokenRefresh)) refuse(`no token: ${message.slice(tokenRefresh.length)}`)
      })
      client.on("event.log", ({ message }) => {
        if (settled) return
        const problem = refusal.exec(message)?.[1]
        if (problem !== undefined) refuse(problem)
      })
      const done = (error: NativeError | null | undefined, metadata: NativeMetadata) => {
        if (error === null || error === undefined) {
          // Nobody waits for it any more, and so nobody else would close it.
          if (settled) client.disconnect(NativeCalls.counted(() => {}))
          return settle(Effect.succeed(metadata))
        }
        settle(Effect.fail(fromNative(last !== undefined && isTransport(error) ? last : error, context)))
      }
      client.connect({ timeout: timeoutMs }, NativeCalls.counted(done))
      return Effect.sync(stop)
    })
  )

/** Whether an error says no more than that nothing came back. */
const isTransport = (error: NativeError): boolean => error.code === -195 || error.code === -185

/** Disconnects once; a native client never answers a second time. Fails with `Timeout` past the bound. */
export const disconnect = (
  start: (done: () => void) => void,
  timeoutMs: number,
  operation: string
): Effect.Effect<void, KafkaError> =>
  Effect.callback<void, KafkaError>((resume) => {
    // Real time on purpose: the native client does not know of a test's clock.
    const timer = setTimeout(() => {
      resume(Effect.fail(Errors.make(operation, new Errors.Timeout({ operation, timeoutMs }))))
    }, timeoutMs)
    start(NativeCalls.counted(() => {
      clearTimeout(timer)
      resume(Effect.void)
    }))
  })
