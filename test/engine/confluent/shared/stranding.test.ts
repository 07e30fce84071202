import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { createServer } from "node:net"
import type { AddressInfo, Server } from "node:net"
import { Stranding } from "../../../../src/engine/confluent/shared/stranding.ts"

const pace = { interval: 5, patience: 20 }
const allDown = { code: -1, message: "Local: All broker connections are down" }
const noAnswer = { code: -195, message: "Local: Broker transport failure" }
const refused = { code: 29, message: "Broker: Topic authorization failed" }

type Answer = { readonly code: number; readonly message: string } | null

/** Somebody who listens at a port, for as long as the scope. */
const listen = (port = 0): Effect.Effect<Server> =>
  Effect.callback<Server>((resume) => {
    const server = createServer((socket) => socket.destroy())
    server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
  })

const scoped = (server: Effect.Effect<Server>) =>
  Effect.acquireRelease(server, (server) => Effect.sync(() => server.close()))

const at = (server: Server): string => `127.0.0.1:${(server.address() as AddressInfo).port}`

/** A client that gives these answers, one after the other, and what the watch made of them. */
const watching = Effect.fnUntraced(function*(bootstrapServers: string, answers: ReadonlyArray<Answer>) {
  const rest = [...answers]
  const told: { asked: number; stranded: number; wake: () => void } = { asked: 0, stranded: 0, wake: () => {} }
  const client = {
    isConnected: () => true,
    getMetadata: (_: unknown, done: (error: Answer) => void) => {
      told.asked++
      done(rest.shift()!)
      told.wake()
    }
  }
  const stranding = new Stranding(client, { bootstrapServers, pace }, () => told.stranded++)
  yield* Effect.addFinalizer(() => Effect.sync(() => stranding.stop()))
  const asked = (count: number) =>
    Effect.callback<void>((resume) => {
      const look = () => told.asked === count ? resume(Effect.void) : undefined
      told.wake = look
      look()
    })
  return { stranding, told, asked }
})

describe("a client whose brokers are all down", () => {
  it.live("is stranded when it does not answer twice although somebody listens, and that is told once", () =>
    Effect.scoped(Effect.gen(function*() {
      const answers = [noAnswer, null, noAnswer, noAnswer, noAnswer, noAnswer]
      const { asked, stranding, told } = yield* watching(at(yield* scoped(listen())), answers)
      stranding.onError(allDown)
      yield* asked(2)
      assert.strictEqual(told.stranded, 0)
      stranding.onError(allDown)
      yield* asked(4)
      assert.strictEqual(told.stranded, 1)
      // It is being replaced; only who replaces it may want to look again.
      stranding.onError(allDown)
      stranding.watch()
      yield* asked(6)
      assert.strictEqual(told.stranded, 2)
    })))

  it.live("is not when it answers, be it with an error of the broker's", () =>
    Effect.scoped(Effect.gen(function*() {
      const answers = [null, refused, noAnswer, noAnswer]
      const { asked, stranding, told } = yield* watching(at(yield* scoped(listen())), answers)
      for (const count of [1, 2, 4]) {
        assert.strictEqual(told.stranded, 0)
        stranding.onError(allDown)
        yield* asked(count)
      }
      assert.strictEqual(told.stranded, 1)
    })))

  it.live("is not asked before somebody listens, at any of its servers", () =>
    Effect.scoped(Effect.gen(function*() {
      const gone = yield* listen()
      const address = at(gone)
      const { port } = gone.address() as AddressInfo
      yield* Effect.callback<void>((resume) => void gone.close(() => resume(Effect.void)))
      const there = yield* scoped(listen())
      const first = yield* watching(address, [noAnswer, noAnswer])
      first.stranding.onError(allDown)
      const second = yield* watching(`${address},${at(there)}`, [noAnswer, noAnswer])
      second.stranding.onError(allDown)
      yield* second.asked(2)
      assert.strictEqual(second.told.stranded, 1)
      // As long as the other one waited, nobody listened at the first one's only server.
      assert.strictEqual(first.told.asked, 0)
      yield* scoped(listen(port))
      yield* first.asked(2)
      assert.strictEqual(first.told.stranded, 1)
    })))

  it.live("is not watched for another error", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* scoped(listen())
      const other = yield* watching(at(server), [noAnswer])
      other.stranding.onError(noAnswer)
      const down = yield* watching(at(server), [noAnswer, noAnswer])
      down.stranding.onError(allDown)
      yield* down.asked(1)
      assert.strictEqual(other.told.asked, 0)
    })))
})
