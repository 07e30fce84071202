/**
 * The coordinator of transactions (KIP-98): ids, epochs, and what an open transaction has touched. Pure but for its own
 * state.
 */
import type { GroupOffsets } from "../groups/groupOffsets.ts"
import type { PartitionLog } from "../topics/log.ts"

/** What the holder of a transactional id knows of itself. */
export interface Claim {
  readonly transactionalId: string
  readonly producerId: number
  readonly epoch: number
}

/** How a claim was judged. `timedOut`: nobody took over, but the broker aborted the transaction (KIP-588). */
export type Standing = "current" | "fenced" | "timedOut"

interface Entry {
  readonly transactionalId: string
  readonly producerId: number
  epoch: number
  /** The epoch that a timeout took away from its holder, who may claim again. */
  timedOut: number | undefined
  /** Which of the transactions of this id is open. */
  open: number | undefined
  readonly logs: Set<PartitionLog>
  readonly offsets: Set<GroupOffsets>
}

/** Owns the open transactions of all transactional ids. */
export class Transactions {
  private readonly entries = new Map<string, Entry>()
  private nextProducerId = 1_000
  private nextTransaction = 1

  /** Claims an id: its former holder is fenced, and the transaction that it left open is aborted. */
  claim(transactionalId: string): Claim {
    let entry = this.entries.get(transactionalId)
    if (entry === undefined) {
      const producerId = this.nextProducerId++
      entry = {
        transactionalId,
        producerId,
        epoch: -1,
        timedOut: undefined,
        open: undefined,
        logs: new Set(),
        offsets: new Set()
      }
      this.entries.set(transactionalId, entry)
    }
    this.end(entry, "abort")
    entry.epoch++
    entry.timedOut = undefined
    return { transactionalId, producerId: entry.producerId, epoch: entry.epoch }
  }

  standing(claim: Claim): Standing {
    const entry = this.entries.get(claim.transactionalId)
    if (entry === undefined || entry.epoch !== claim.epoch) {
      return entry?.timedOut === claim.epoch ? "timedOut" : "fenced"
    }
    return "current"
  }

  /** Opens a transaction and returns its number, for {@link expire}. */
  begin(claim: Claim): number {
    const entry = this.entries.get(claim.transactionalId)!
    entry.open = this.nextTransaction++
    return entry.open
  }

  touchLog(claim: Claim, log: PartitionLog): void {
    this.entries.get(claim.transactionalId)!.logs.add(log)
  }

  touchOffsets(claim: Claim, offsets: GroupOffsets): void {
    this.entries.get(claim.transactionalId)!.offsets.add(offsets)
  }

  /** Ends the open transaction. Returns the logs that have new records for their readers. */
  finish(claim: Claim, outcome: "commit" | "abort"): ReadonlyArray<PartitionLog> {
    return this.end(this.entries.get(claim.transactionalId)!, outcome)
  }

  /** Aborts a transaction that took too long and takes its holder's epoch away. */
  expire(claim: Claim, transaction: number): ReadonlyArray<PartitionLog> {
    const entry = this.entries.get(claim.transactionalId)!
    if (entry.open !== transaction) return []
    const touched = this.end(entry, "abort")
    entry.timedOut = entry.epoch
    entry.epoch++
    return touched
  }

  private end(entry: Entry, outcome: "commit" | "abort"): ReadonlyArray<PartitionLog> {
    const touched = [...entry.logs]
    for (const log of entry.logs) log.finish(entry.producerId, outcome)
    for (const offsets of entry.offsets) offsets.finish(entry.producerId, outcome)
    entry.logs.clear()
    entry.offsets.clear()
    entry.open = undefined
    return touched
  }
}
