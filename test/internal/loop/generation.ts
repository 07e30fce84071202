/** What the model knows of one assignment of a partition. */

/** A partition between an assignment or a seek and the next one. */
export interface Generation {
  readonly start: number
  readonly done: Set<number>
  /** A reader has them, or had them. */
  readonly received: Set<number>
  /** A reader is about to say that they are done. */
  readonly said: Set<number>
  /** Skipped, and not yet told to the owner of the offsets. */
  readonly untold: Set<number>
  /** To be handled once more. */
  readonly again: Set<number>
  /** Their copies are on their way, or there. */
  readonly routed: Set<number>
  readonly lastStarted: Map<string, number>
  /** When a revoke or a seek of it came. */
  drainsSince: number | undefined
}

/** A record in work. */
export interface Running {
  readonly offset: number
  readonly lane: string
  readonly generation: Generation
}

export const generationFrom = (start: number, done: Set<number>): Generation => ({
  start,
  done,
  received: new Set(),
  said: new Set(),
  untold: new Set(),
  again: new Set(),
  routed: new Set(),
  lastStarted: new Map(),
  drainsSince: undefined
})
