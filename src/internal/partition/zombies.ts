/**
 * Workers whose partition was taken away while their handler was still running. Within one process the next worker of
 * such a partition waits for them, whichever member or run of the group it belongs to.
 */
import type * as Fiber from "effect/Fiber"
import type { TopicPartition } from "../../engine/KafkaEngine.ts"
import { format } from "../../TopicPartition.ts"

type Worker = Fiber.Fiber<unknown, unknown>

const none: ReadonlyArray<Worker> = []

/**
 * The zombies of one group. A partition may have several: one may have been waiting for another when it was taken away,
 * too.
 */
export class Zombies {
  private readonly all: Map<string, Set<Worker>>
  private readonly group: string

  /** `all`: those of all groups of an engine, by group and partition. Nothing is kept of those that have ended. */
  constructor(all: Map<string, Set<Worker>>, group: string) {
    this.all = all
    this.group = group
  }

  add(partition: TopicPartition, worker: Worker): void {
    const { all } = this
    const key = this.keyOf(partition)
    const workers = all.get(key) ?? new Set()
    all.set(key, workers.add(worker))
    worker.addObserver(() => {
      workers.delete(worker)
      if (workers.size === 0 && all.get(key) === workers) all.delete(key)
    })
  }

  /** Those of a partition that have not ended. */
  of(partition: TopicPartition): ReadonlyArray<Worker> {
    const workers = this.all.size === 0 ? undefined : this.all.get(this.keyOf(partition))
    return workers === undefined ? none : Array.from(workers)
  }

  private keyOf(partition: TopicPartition): string {
    // No name of a topic has a space.
    return `${format(partition)} ${this.group}`
  }
}

const byEngine = new WeakMap<object, Map<string, Set<Worker>>>()

/** The zombies that all members of a group on an engine share. */
export const ofGroup = (engine: object, group: string): Zombies => {
  const all = byEngine.get(engine) ?? new Map<string, Set<Worker>>()
  byEngine.set(engine, all)
  return new Zombies(all, group)
}
