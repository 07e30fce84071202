import { assert, describe, it } from "@effect/vitest"
import { Failings } from "../../../src/internal/partition/failings.ts"
import * as OffsetNotes from "../../../src/internal/partition/offsetNotes.ts"
import type { Ticket } from "../../../src/internal/partition/offsetTracker.ts"
import { Progress } from "../../../src/internal/partition/progress.ts"
import { randomOf } from "../loop/random.ts"

const place = { topic: "t", partition: 0 }

/** A partition whose records, some of them far apart, are begun as there is room, fail and finish in any order. */
const work = (seed: number, characters: number, keepsAttempts: boolean) => {
  const random = randomOf(seed)
  const failings = new Failings(keepsAttempts)
  const progress = new Progress(place, failings, { characters }, undefined, [])
  const { tracker } = progress
  const open: Array<{ readonly ticket: Ticket; readonly offset: number }> = []
  const finished = new Set<number>()
  const waiting = new Map<number, number>()
  let offset = random.between(0, 1_000)
  let refused = 0
  progress.took(offset)
  const check = () => {
    const { metadata, offset } = progress.noted!
    const kept = OffsetNotes.decode(offset, metadata)
    assert.isAtMost(metadata?.length ?? 0, characters)
    for (const done of finished) {
      if (done < offset) finished.delete(done)
      else assert.isTrue(kept.finished.some(({ from, to }) => from <= done && done < to), `${done} is kept`)
    }
    for (const { offset } of open) {
      assert.isFalse(kept.finished.some(({ from, to }) => from <= offset && offset < to), `${offset} is not done`)
    }
    if (keepsAttempts) {
      for (const [at, executions] of waiting) {
        assert.strictEqual(kept.attempts.find((note) => note.offset === at)?.executions, executions)
      }
    }
  }
  const slow = random.chance(0.5)
  for (let step = 0; step < 800; step++) {
    if (!tracker.isFirstBegun && open.length === 0 || progress.hasRoom(open.length)) {
      const ticket = tracker.deliver(offset, offset + 1, undefined)
      tracker.begin(ticket)
      progress.began()
      open.push({ ticket, offset })
      offset += random.chance(0.2) ? random.between(1, 300) : 1
    } else refused++
    if (random.chance(0.3)) {
      const one = random.pick(open)
      if (one !== undefined) {
        failings.failed(one.offset, true, 1_000 + step, undefined)
        waiting.set(one.offset, (waiting.get(one.offset) ?? 0) + 1)
      }
    }
    const most = slow ? 40 : 10
    while (open.length > most || random.chance(0.2) && open.length > 1) {
      // The first one takes long, where it is slow.
      const [{ offset, ticket }] = open.splice(random.between(slow ? 1 : 0, open.length - 1), 1) as [typeof open[0]]
      failings.settled(offset)
      waiting.delete(offset)
      finished.add(offset)
      if (tracker.finish(ticket)) progress.advance(tracker.position!, undefined)
    }
    if (step % 50 === 0) check()
  }
  check()
  return refused
}

describe("what is kept with a position", () => {
  it("is all that is finished or failing behind it, whatever was begun", () => {
    for (let seed = 1; seed <= 6; seed++) {
      assert.isAtLeast(work(seed, 4_000, true), 0)
      assert.isAtLeast(work(seed, 600, false), 0)
    }
  })

  it("lets no more be begun than fits", () => {
    let refused = 0
    for (let seed = 0; seed < 5; seed++) refused += work(seed, 400, false)
    assert.isAbove(refused, 0)
  })

  it("is not believed when the partition begins before it, or elsewhere", () => {
    const runs = [{ from: 20, to: 30 }]
    const committed = { ...place, offset: 10 }
    const known = new Progress(place, new Failings(false), { characters: 100 }, committed, runs)
    known.took(10)
    assert.deepStrictEqual([15, 20, 29, 30].map((offset) => known.wasFinished(offset)), [false, true, true, false])
    const before = new Progress(place, new Failings(false), { characters: 100 }, committed, runs)
    before.took(0)
    assert.isFalse(before.wasFinished(20))
  })

  it("keeps what an earlier owner finished until the position is behind it", () => {
    const committed = { ...place, offset: 10 }
    const progress = new Progress(place, new Failings(false), { characters: 100 }, committed, [{ from: 20, to: 30 }])
    progress.took(10)
    progress.advance(15, undefined)
    assert.deepStrictEqual(OffsetNotes.decode(15, progress.unstored!.metadata).finished, [{ from: 20, to: 30 }])
    progress.advance(25, undefined)
    assert.deepStrictEqual(OffsetNotes.decode(25, progress.unstored!.metadata).finished, [{ from: 25, to: 30 }])
    progress.advance(30, undefined)
    assert.isUndefined(progress.unstored!.metadata)
  })
})
