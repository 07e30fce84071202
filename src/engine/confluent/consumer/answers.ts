/** The answers to the rebalances of a native consumer, in the way of the group's protocol. */
import type { NativeConsumer, NativePosition } from "../shared/native.ts"
import { type Asked, Assigned } from "./assigned.ts"

/** Takes partitions and gives them up. */
export class Answers {
  private protocol: "NONE" | "EAGER" | "COOPERATIVE" = "NONE"
  private readonly consumer: NativeConsumer
  /** What it has. */
  private readonly taken = new Assigned()

  constructor(consumer: NativeConsumer) {
    this.consumer = consumer
  }

  answer(kind: Asked["kind"], partitions: ReadonlyArray<NativePosition>): void {
    const { consumer, taken } = this
    // While closing, the client no longer says which protocol it used.
    const current = consumer.rebalanceProtocol()
    if (current !== "NONE") this.protocol = current
    const isCooperative = this.protocol === "COOPERATIVE"
    if (kind === "assign") {
      if (isCooperative) consumer.incrementalAssign(partitions)
      else consumer.assign(partitions)
      taken.add(partitions)
      return
    }
    // With one that it was given while it closed, and never took, it would give up nothing, and wait for ever.
    if (isCooperative) consumer.incrementalUnassign(partitions.filter(taken.holds))
    else consumer.unassign()
    taken.remove(partitions)
  }
}
