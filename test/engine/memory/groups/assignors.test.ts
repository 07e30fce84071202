import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { range, roundrobin, sticky } from "../../../../src/engine/memory/groups/assignors.ts"
import type { Assignment, Claim } from "../../../../src/engine/memory/groups/assignors.ts"
import { format } from "../../../../src/TopicPartition.ts"

const topicNames = ["a", "b", "c"]
const count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
const Counts = Arbitrary.array(Arbitrary.schema(count), { minLength: 3, maxLength: 3 })
const Wanted = Arbitrary.array(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 7 }))),
  { minLength: 1, maxLength: 6 }
)

const partitionsOf = (counts: ReadonlyArray<number>) =>
  new Map(topicNames.map((topic, index) => [topic, counts[index]!]))

const claimsOf = (wanted: ReadonlyArray<number>): ReadonlyArray<Claim> =>
  wanted.map((bits, index) => ({
    member: `m${index}`,
    sortedBy: `m${index}`,
    topics: new Set(topicNames.filter((_, topic) => (bits & 1 << topic) !== 0)),
    held: []
  }))

const holding = (claims: ReadonlyArray<Claim>, assignment: Assignment): ReadonlyArray<Claim> =>
  claims.map((claim) => ({ ...claim, held: assignment.get(claim.member) ?? [] }))

const sizes = (assignment: Assignment): Array<number> => [...assignment.values()].map(({ length }) => length)

const owners = (assignment: Assignment): Map<string, string> =>
  new Map([...assignment].flatMap(([member, tps]) => tps.map((tp) => [format(tp), member] as const)))

const moved = (before: Assignment, after: Assignment): number => {
  const now = owners(after)
  return [...owners(before)].filter(([key, member]) => now.get(key) !== member).length
}

describe.each([["range", range], ["roundrobin", roundrobin], ["sticky", sticky]] as const)("%s", (_, assign) => {
  it.prop("gives each wanted partition to exactly one member that wants it", [Counts, Wanted], ([counts, wanted]) => {
    const claims = claimsOf(wanted)
    const partitions = partitionsOf(counts)
    const assignment = assign(claims, partitions)
    const given = [...assignment].flatMap(([member, tps]) => tps.map((tp) => ({ member, ...tp })))
    for (const { member, topic } of given) {
      assert.isTrue(claims.find((claim) => claim.member === member)!.topics.has(topic))
    }
    const expected = topicNames.filter((topic) => claims.some((claim) => claim.topics.has(topic))).flatMap((topic) =>
      Array.from({ length: partitions.get(topic)! }, (_, partition) => `${topic}/${partition}`)
    )
    assert.deepStrictEqual(given.map(format).sort(), expected.sort())
    assert.strictEqual(assignment.size, claims.length)
  })
})

describe("range", () => {
  it("gives the first members the rest of each topic", () => {
    const assignment = range(claimsOf([1, 1]), new Map([["a", 3]]))
    assert.deepStrictEqual(sizes(assignment), [2, 1])
    assert.deepStrictEqual(assignment.get("m0")!.map(({ partition }) => partition), [0, 1])
  })
})

describe("roundrobin", () => {
  it("deals topics out as one row", () => {
    const assignment = roundrobin(claimsOf([3, 3]), new Map([["a", 3], ["b", 3]]))
    assert.deepStrictEqual(assignment.get("m0")!.map(format), ["a/0", "a/2", "b/1"])
  })
})

describe("sticky", () => {
  it.prop("is even when all want the same", [Counts, Wanted], ([counts, wanted]) => {
    const shares = sizes(sticky(claimsOf(wanted.map(() => 7)), partitionsOf(counts)))
    assert.isAtMost(Math.max(...shares) - Math.min(...shares), 1)
  })

  it.prop("has no single move left that would make it more even", [Counts, Wanted], ([counts, wanted]) => {
    const claims = claimsOf(wanted)
    const assignment = sticky(claims, partitionsOf(counts))
    for (const tps of assignment.values()) {
      for (const { topic } of tps) {
        for (const claim of claims) {
          if (claim.topics.has(topic)) assert.isAtMost(tps.length, assignment.get(claim.member)!.length + 1)
        }
      }
    }
  })

  it.prop("moves nothing when nothing changed", [Counts, Wanted], ([counts, wanted]) => {
    const claims = claimsOf(wanted)
    const before = sticky(claims, partitionsOf(counts))
    assert.strictEqual(moved(before, sticky(holding(claims, before), partitionsOf(counts))), 0)
  })

  it.prop("moves only what must move when a member comes or goes", [Counts, Wanted], ([counts, wanted]) => {
    const partitions = partitionsOf(counts)
    const claims = claimsOf(wanted.map(() => 7))
    const before = sticky(claims, partitions)
    const more = claimsOf([...wanted.map(() => 7), 7])
    const joined = sticky(holding(more, before), partitions)
    assert.strictEqual(moved(before, joined), joined.get(`m${wanted.length}`)!.length)
    if (claims.length === 1) return
    const left = sticky(holding(claims.slice(1), before), partitions)
    assert.strictEqual(moved(before, left), before.get("m0")!.length)
  })
})
