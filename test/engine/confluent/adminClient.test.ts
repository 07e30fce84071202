import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { make as makeAdmin } from "../../../src/engine/confluent/admin/adminClient.ts"
import type { Environment } from "../../../src/engine/confluent/shared/environment.ts"
import { partition, world } from "./fakeNative.ts"

type Done = (error: unknown, value?: unknown) => void

/** An admin client whose native one refuses the next `listOffsets` with these codes, one after the other. */
const refusedWith = (...refusals: Array<number>) =>
  Effect.gen(function*() {
    const { environment } = yield* world
    const counts = { described: 0, left: () => refusals.length }
    const native = {
      listOffsets: (_: unknown, __: unknown, done: Done) => {
        const code = refusals.shift()
        const error = code === undefined ? {} : { error: { code, message: `Broker: ${code}` } }
        setImmediate(() => done(null, [{ ...partition, offset: code === undefined ? 7 : -1, ...error }]))
      },
      describeTopics: (_: unknown, __: unknown, done: Done) => {
        counts.described++
        setImmediate(() => done(null, [{ name: "t", isInternal: false, partitions: [] }]))
      },
      disconnect: () => {}
    }
    const admin = yield* makeAdmin({
      ...environment,
      native: {
        ...environment.native,
        AdminClient: { create: () => native },
        OffsetSpec: { EARLIEST: 0, LATEST: 1 }
      } as unknown as Environment["native"]
    })
    return { admin, counts }
  })

describe("an admin client whose caller is interrupted", () => {
  it.live("is closed when the native call has ended: closing it before would stop the event loop until then", () =>
    Effect.gen(function*() {
      const order: Array<string> = []
      let end = () => {}
      yield* Effect.scoped(Effect.gen(function*() {
        const { environment } = yield* world
        const native = {
          listGroups: (_: unknown, done: Done) => {
            end = () => {
              order.push("ended")
              done(null, { groups: [] })
            }
          },
          disconnect: () => order.push("closed")
        }
        const admin = yield* makeAdmin({
          ...environment,
          native: { ...environment.native, AdminClient: { create: () => native } } as unknown as Environment["native"]
        })
        const asking = yield* Effect.forkChild(admin.listGroups, { startImmediately: true })
        yield* Fiber.interrupt(asking)
        setImmediate(end)
      }))
      assert.deepStrictEqual(order, ["ended", "closed"])
    }))
})

describe("an admin client that lists offsets", () => {
  const leaders = {
    5: "LEADER_NOT_AVAILABLE",
    6: "NOT_LEADER_OR_FOLLOWER",
    74: "FENCED_LEADER_EPOCH",
    75: "UNKNOWN_LEADER_EPOCH"
  }
  for (const [code, name] of Object.entries(leaders)) {
    it.live(`looks the leader up and asks again after ${name}, as often as it takes`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { admin, counts } = yield* refusedWith(Number(code), Number(code))
        assert.deepStrictEqual(yield* admin.listOffsets([partition], "latest"), [{ ...partition, offset: 7 }])
        assert.strictEqual(counts.described, 2)
      })))
  }

  it.live("gives up when its time is over, and asks only once after another error", () =>
    Effect.scoped(Effect.gen(function*() {
      const codeOf = (...codes: Array<number>) =>
        Effect.gen(function*() {
          const { admin, counts } = yield* refusedWith(...codes)
          const { reason } = yield* Effect.flip(admin.listOffsets([partition], "latest"))
          return { left: counts.left(), code: reason._tag === "BrokerError" ? reason.code : reason._tag }
        })
      assert.deepStrictEqual(yield* codeOf(9, 9), { left: 1, code: 9 })
      assert.strictEqual((yield* codeOf(...Array.from({ length: 10_000 }, () => 75))).code, 75)
    })))
})
