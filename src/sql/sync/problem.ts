/** Why a record becomes no operation. Pure. */
import type { Reason } from "../SyncErrorReason.ts"

/** A reason why a record cannot be stored. */
export class Problem {
  readonly reason: Reason
  constructor(reason: Reason) {
    this.reason = reason
  }
}
