import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import { Leaders } from "../../../../src/engine/confluent/producer/leaders.ts"
import type { NativeError, NativeMetadata, NativeProducer } from "../../../../src/engine/confluent/shared/native.ts"

type Answer<A> = (error: NativeError | null, value: A) => void

/** A producer whose cluster answers what the test says, a turn later. */
class Cluster {
  connected = true
  partitions = 2
  metadataError: number | undefined
  leaderError: number | undefined
  readonly asked: Array<number> = []

  isConnected(): boolean {
    return this.connected
  }

  getMetadata({ topic }: { readonly topic?: string }, done: Answer<NativeMetadata>): void {
    const { metadataError: code, partitions } = this
    const all = Array.from({ length: partitions }, (_, id) => ({ id, leader: 1, replicas: [1], isrs: [1] }))
    setTimeout(() => {
      if (code !== undefined) return done({ message: "refused", code }, { topics: [] })
      done(null, { topics: [{ name: topic!, partitions: all }] })
    }, 1)
  }

  queryWatermarkOffsets(_: string, partition: number, __: number, done: Answer<unknown>): void {
    this.asked.push(partition)
    const code = this.leaderError
    setTimeout(() => done(code === undefined ? null : { message: "refused", code }, undefined), 1)
  }
}

const make = () => {
  const cluster = new Cluster()
  let looked = 0
  // The other methods of a producer are none of its business.
  const leaders = new Leaders(cluster as unknown as NativeProducer, 1_000, () => looked++)
  return { cluster, leaders, looked: () => looked }
}

describe("the leaders of a topic", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it("are asked once, all of them, before the first record goes out", () => {
    const { cluster, leaders, looked } = make()
    assert.isFalse(leaders.admits("orders"))
    assert.isFalse(leaders.admits("orders"))
    assert.isTrue(leaders.isLooking)
    vi.advanceTimersByTime(10)
    assert.isFalse(leaders.isLooking)
    assert.isTrue(leaders.admits("orders"))
    assert.deepStrictEqual(cluster.asked, [0, 1])
    assert.strictEqual(looked(), 1)
    assert.isFalse(leaders.admits("invoices"))
  })

  it("are asked again while they are none", () => {
    const { cluster, leaders } = make()
    cluster.leaderError = 6
    leaders.admits("orders")
    vi.advanceTimersByTime(1_000)
    assert.isFalse(leaders.admits("orders"))
    cluster.leaderError = undefined
    vi.advanceTimersByTime(200)
    assert.isTrue(leaders.admits("orders"))
  })

  it("are given up after a while, for the record to be refused with the reason", () => {
    const { cluster, leaders } = make()
    cluster.partitions = 0
    leaders.admits("nowhere")
    vi.advanceTimersByTime(4_900)
    assert.isFalse(leaders.admits("nowhere"))
    vi.advanceTimersByTime(300)
    assert.isTrue(leaders.admits("nowhere"))
  })

  it("are not waited for when the answer will not change", () => {
    for (const code of [29, -195]) {
      const { cluster, leaders } = make()
      cluster.metadataError = code
      leaders.admits("secret")
      vi.advanceTimersByTime(5)
      assert.isTrue(leaders.admits("secret"), String(code))
    }
    const { cluster, leaders } = make()
    cluster.connected = false
    leaders.admits("orders")
    assert.isTrue(leaders.admits("orders"))
  })

  it("are asked again, once, when a partition is unknown", () => {
    const { cluster, leaders } = make()
    leaders.admits("orders")
    vi.advanceTimersByTime(10)
    cluster.partitions = 3
    assert.isTrue(leaders.looksAgain("orders", false))
    assert.isFalse(leaders.admits("orders"))
    vi.advanceTimersByTime(10)
    assert.deepStrictEqual(cluster.asked, [0, 1, 0, 1, 2])
    assert.isTrue(leaders.admits("orders"))
    // Still unknown: it is.
    assert.isFalse(leaders.looksAgain("orders", false))
    // A record was taken in between: another partition may be new.
    leaders.looksAgain("orders", false)
    vi.advanceTimersByTime(10)
    leaders.took("orders")
    assert.isTrue(leaders.looksAgain("orders", false))
  })

  it("are asked again, once and without patience, when the topic is unknown", () => {
    const { cluster, leaders } = make()
    cluster.partitions = 0
    leaders.admits("young")
    vi.advanceTimersByTime(6_000)
    assert.isTrue(leaders.admits("young"))
    assert.isTrue(leaders.looksAgain("young", true))
    vi.advanceTimersByTime(10)
    assert.isTrue(leaders.admits("young"))
    // Still unknown: it is.
    assert.isFalse(leaders.looksAgain("young", true))
    cluster.partitions = 2
    cluster.leaderError = 6
    assert.isTrue(leaders.looksAgain("young", true))
    vi.advanceTimersByTime(1_000)
    assert.isFalse(leaders.admits("young"))
    cluster.leaderError = undefined
    vi.advanceTimersByTime(200)
    assert.isTrue(leaders.admits("young"))
  })
})
