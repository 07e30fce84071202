/** What of one partition is in work, and how often something was: for messages and for the stall guard. */
import * as Effect from "effect/Effect"

/** A record in work among others. `turn` counts the executions in this slot. */
export interface Slot {
  readonly offset: number | undefined
  readonly turn: number
}

interface MutableSlot extends Slot {
  offset: number | undefined
  turn: number
}

/** Changed by the worker alone. */
export class InWork {
  private offset: number | undefined = undefined
  private readonly open = new Set<MutableSlot>()
  private busySlots = 0
  private finishedSteps = 0
  private otherTurns = 0
  private gathering = false
  private readonly undecoded = new Set<number>()

  /** A record goes to the handler, in a slot where several do at once. */
  begin(offset: number, slot?: Slot): void {
    this.offset = offset
    if (slot === undefined) return
    // Slots are made here alone.
    const mine = slot as MutableSlot
    if (mine.offset === undefined) this.busySlots++
    mine.offset = offset
    mine.turn++
  }

  /** Nothing runs (in the slot): its record is done, or waits, or its copy is on the way. */
  rest(slot?: Slot): void {
    if (slot !== undefined) {
      if (slot.offset === undefined) return
      ;(slot as MutableSlot).offset = undefined
      if (--this.busySlots > 0) return
    }
    this.offset = undefined
  }

  openSlot(): Slot {
    const slot: MutableSlot = { offset: undefined, turn: 0 }
    this.open.add(slot)
    return slot
  }

  closeSlot(slot: Slot): void {
    this.rest(slot)
    this.open.delete(slot as MutableSlot)
  }

  /** What is in work where it is several records at once. */
  get slots(): ReadonlySet<Slot> {
    return this.open
  }

  /** The offset in work, for messages. */
  get current(): number | undefined {
    return this.offset
  }

  /** Counts what was begun and is no finished step: executions that failed, codecs that were waited for. */
  turn(): void {
    this.otherTurns++
  }

  /** Changes whenever something was finished or begun, for the stall guard. */
  get turns(): number {
    return this.finishedSteps + this.otherTurns
  }

  /** How many records are done. */
  get steps(): number {
    return this.finishedSteps
  }

  /** Decodes a record whose codec has to wait. */
  decoding<A, E>(offset: number, decode: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      this.undecoded.add(offset)
      return Effect.ensuring(decode, Effect.sync(() => this.undecoded.delete(offset)))
    })
  }

  /** The offsets of records whose codecs are waited for. */
  get awaited(): ReadonlySet<number> {
    return this.undecoded
  }

  /** Whether the worker waits for more records than it has, and wants to know when none can come. */
  get isGathering(): boolean {
    return this.gathering
  }

  gather(gathering: boolean): void {
    this.gathering = gathering
  }

  /** Counts a record that is done. */
  protected step(): void {
    this.finishedSteps++
  }
}
