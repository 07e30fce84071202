/** What is broken on purpose. Pure but for its own state. */
import type { Reason } from "../../../KafkaError.ts"

/**
 * Something that needs an ACL.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Resource {
  readonly resource: "topic" | "group" | "cluster" | "transactional id"
  readonly name: string
}

interface Planned {
  left: number
  readonly reason: Reason | undefined
  readonly topic: string | undefined
}

const keyOf = ({ name, resource }: Resource): string => `${resource}/${name}`

/** Owned by the cluster. */
export class Faults {
  /** Whether the broker answers. */
  up = true
  /** How long it takes to. */
  latencyMillis = 0
  private readonly denied = new Set<string>()
  private produces: Array<Planned> = []
  private commits: Array<Planned> = []

  deny(resource: Resource): void {
    this.denied.add(keyOf(resource))
  }

  grant(resource: Resource): void {
    this.denied.delete(keyOf(resource))
  }

  isDenied(resource: Resource["resource"], name: string): boolean {
    return this.denied.size > 0 && this.denied.has(keyOf({ resource, name }))
  }

  planProduceFailures(times: number, reason: Reason, topic: string | undefined): void {
    if (times > 0) this.produces.push({ left: times, reason, topic })
  }

  planCommitFailures(times: number, reason: Reason | undefined): void {
    if (times > 0) this.commits.push({ left: times, reason, topic: undefined })
  }

  /** The reason why a record for this topic is refused, which counts as one of the planned times. */
  takeProduceFailure(topic: string): Reason | undefined {
    if (this.produces.length === 0) return undefined
    const planned = this.produces.find((planned) => planned.topic === undefined || planned.topic === topic)
    if (planned === undefined) return undefined
    if (--planned.left === 0) this.produces = this.produces.filter((other) => other !== planned)
    return planned.reason
  }

  /** Whether a commit is refused, and with what reason if one was named; counts as one of the planned times. */
  takeCommitFailure(): { readonly reason: Reason | undefined } | undefined {
    const planned = this.commits[0]
    if (planned === undefined) return undefined
    if (--planned.left === 0) this.commits.shift()
    return { reason: planned.reason }
  }
}
