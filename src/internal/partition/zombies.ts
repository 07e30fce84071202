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
  private readonly workers = new Map<string, Set<Worker>>()

  add(partition: TopicPartition, worker: Worker): void {
    const key = format(partition)
    const workers = this.workers.get(key) ?? new Set()
    this.workers.set(key, workers.add(worker))
    worker.addObserver(() => {
      workers.delete(worker)
      if (workers.size === 0 && this.workers.get(key) === workers) this.workers.delete(key)
    })
  }

  /** Those of a partition that have not ended. */
  of(partition: TopicPartition): ReadonlyArray<Worker> {
    const workers = this.workers.get(format(partition))
    return workers === undefined ? none : Array.from(workers)
  }
}

const byEngine = new WeakMap<object, Map<string, Zombies>>()

/** The zombies that all members of a group on an engine share. */
export const ofGroup = (engine: object, group: string): Zombies => {
  const groups = byEngine.get(engine) ?? new Map<string, Zombies>()
  byEngine.set(engine, groups)
  const zombies = groups.get(group) ?? new Zombies()
  groups.set(group, zombies)
  return zombies
}
