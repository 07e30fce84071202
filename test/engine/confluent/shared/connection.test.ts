import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { EventEmitter } from "node:events"
import { connect } from "../../../../src/engine/confluent/shared/connection.ts"
import type { NativeError, NativeMetadata } from "../../../../src/engine/confluent/shared/native.ts"

/** A native client whose connecting ends when the test says so. */
class Client extends EventEmitter {
  disconnects = 0
  answer: ((error: NativeError | null, metadata: NativeMetadata) => void) | undefined

  connect(_: unknown, done: (error: NativeError | null | undefined, metadata: NativeMetadata) => void): void {
    this.answer = done
  }

  disconnect(): void {
    this.disconnects++
  }

  isConnected(): boolean {
    return false
  }
}

const context = { operation: "connect", bootstrapServers: "b:1" }
const metadata: NativeMetadata = { topics: [] }

describe("connecting a native client", () => {
  it.live("closes a client that connects after its caller was interrupted", () =>
    Effect.gen(function*() {
      const client = new Client()
      const fiber = yield* Effect.forkChild(connect(client, 5_000, context), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(client.disconnects, 0)
      client.answer?.(null, metadata)
      assert.strictEqual(client.disconnects, 1)
    }))

  it.live("leaves a client that connected in time to its caller", () =>
    Effect.gen(function*() {
      const client = new Client()
      const fiber = yield* Effect.forkChild(connect(client, 5_000, context), { startImmediately: true })
      client.answer?.(null, metadata)
      assert.strictEqual(yield* Fiber.join(fiber), metadata)
      assert.strictEqual(client.disconnects, 0)
    }))

  it.live("ends although the client never answers, with the last thing it said", () =>
    Effect.gen(function*() {
      const [silent, failing] = [new Client(), new Client()]
      const nothing = yield* Effect.flip(connect(silent, 1, context))
      assert.strictEqual(nothing.reason._tag, "Timeout")
      const fiber = yield* Effect.forkChild(Effect.flip(connect(failing, 1, context)), { startImmediately: true })
      failing.emit("event.error", { message: "broker transport failure" })
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "BrokerUnreachable")
    }))

  it.live("does not try again for who waited while others found nobody, but for who comes later", () =>
    Effect.gen(function*() {
      const nobody = { operation: "connect", bootstrapServers: "nobody:1" }
      const [first, second, other, later] = [new Client(), new Client(), new Client(), new Client()]
      const tries = [first, second].map((client) => Effect.flip(connect(client, 10, nobody)))
      const elsewhere = Effect.flip(connect(other, 10, { ...context, bootstrapServers: "elsewhere:1" }))
      const errors = yield* Effect.all([...tries, elsewhere], { concurrency: "unbounded" })
      assert.deepStrictEqual(errors.map(({ reason }) => reason._tag), ["Timeout", "Timeout", "Timeout"])
      assert.deepStrictEqual([first, second, other].map(({ answer }) => answer !== undefined), [true, false, true])
      const fiber = yield* Effect.forkChild(connect(later, 10, nobody), { startImmediately: true })
      later.answer?.(null, metadata)
      assert.strictEqual(yield* Fiber.join(fiber), metadata)
    }))
})
