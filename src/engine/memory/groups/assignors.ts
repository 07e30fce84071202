/** How the partitions of a group are shared among its members. Pure, with the results of Kafka's own assignors. */
import type * as KafkaConfig from "../../../KafkaConfig.ts"
import { format } from "../../../TopicPartition.ts"
import type { TopicPartition } from "../../KafkaEngine.ts"

/** What an assignor knows of a member. `held` is what it should keep if possible. */
export interface Claim {
  readonly member: string
  /** Static members are sorted by their instance id, so that restarts do not shuffle. */
  readonly sortedBy: string
  readonly topics: ReadonlySet<string>
  readonly held: ReadonlyArray<TopicPartition>
}

/** How many partitions each topic has. */
export type Partitions = ReadonlyMap<string, number>

/** The partitions of each member; every member is in it. */
export type Assignment = ReadonlyMap<string, ReadonlyArray<TopicPartition>>

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

const sorted = (claims: ReadonlyArray<Claim>): ReadonlyArray<Claim> =>
  [...claims].sort((a, b) => compare(a.sortedBy, b.sortedBy) || compare(a.member, b.member))

const allPartitions = (claims: ReadonlyArray<Claim>, partitions: Partitions): ReadonlyArray<TopicPartition> => {
  const topics = new Set(claims.flatMap((claim) => [...claim.topics]))
  return [...topics].sort(compare).flatMap((topic) =>
    Array.from({ length: partitions.get(topic) ?? 0 }, (_, partition) => ({ topic, partition }))
  )
}

const empty = (claims: ReadonlyArray<Claim>): Map<string, Array<TopicPartition>> =>
  new Map(claims.map((claim) => [claim.member, []]))

/** Each topic in ranges, the first members get the rest. */
export const range = (claims: ReadonlyArray<Claim>, partitions: Partitions): Assignment => {
  const result = empty(claims)
  const members = sorted(claims)
  for (const topic of new Set(allPartitions(claims, partitions).map(({ topic }) => topic))) {
    const takers = members.filter((claim) => claim.topics.has(topic))
    const count = partitions.get(topic) ?? 0
    const share = Math.floor(count / takers.length)
    const rest = count % takers.length
    let partition = 0
    takers.forEach((taker, index) => {
      const end = partition + share + (index < rest ? 1 : 0)
      for (; partition < end; partition++) result.get(taker.member)!.push({ topic, partition })
    })
  }
  return result
}

/** All partitions of all topics dealt out in turn. */
export const roundrobin = (claims: ReadonlyArray<Claim>, partitions: Partitions): Assignment => {
  const result = empty(claims)
  const members = sorted(claims)
  let turn = 0
  for (const tp of allPartitions(claims, partitions)) {
    while (!members[turn % members.length]!.topics.has(tp.topic)) turn++
    result.get(members[turn++ % members.length]!.member)!.push(tp)
  }
  return result
}

/** As even as possible first, as few moves as possible second (KIP-54, KIP-429). */
export const sticky = (claims: ReadonlyArray<Claim>, partitions: Partitions): Assignment => {
  const result = empty(claims)
  const members = sorted(claims)
  const taken = new Set<string>()
  for (const { held, member, topics } of members) {
    for (const tp of held) {
      const key = format(tp)
      if (taken.has(key) || !topics.has(tp.topic) || tp.partition >= (partitions.get(tp.topic) ?? 0)) continue
      taken.add(key)
      result.get(member)!.push(tp)
    }
  }
  const load = (claim: Claim): number => result.get(claim.member)!.length
  const lightest = (topic: string): Claim =>
    members.filter((claim) => claim.topics.has(topic)).reduce((best, claim) => load(claim) < load(best) ? claim : best)
  for (const tp of allPartitions(claims, partitions)) {
    if (!taken.has(format(tp))) result.get(lightest(tp.topic).member)!.push(tp)
  }
  // One at a time, from the member with most: taking more at once would take from one what another should give.
  const moveOne = (): boolean => {
    for (const giver of [...members].sort((a, b) => load(b) - load(a))) {
      const own = result.get(giver.member)!
      for (let index = own.length - 1; index >= 0; index--) {
        const taker = lightest(own[index]!.topic)
        if (load(taker) + 1 >= own.length) continue
        result.get(taker.member)!.push(...own.splice(index, 1))
        return true
      }
    }
    return false
  }
  while (moveOne());
  for (const own of result.values()) own.sort((a, b) => compare(a.topic, b.topic) || a.partition - b.partition)
  return result
}

/** The assignor of a name. */
export const assignor = (
  name: KafkaConfig.Assignor
): (claims: ReadonlyArray<Claim>, partitions: Partitions) => Assignment =>
  name === "range" ? range : name === "roundrobin" ? roundrobin : sticky
