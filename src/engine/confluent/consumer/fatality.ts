/**
 * The end of a native client: the error says that it is one, and the log what it is about. The binding drops an error
 * that is behind fetched records, so either of them is enough.
 */
import type { NativeError } from "../shared/native.ts"

/** How long the log is waited for, in milliseconds. */
const patience = 2_000

/** The code of an error that ends a client. */
export const fatalCode = -150

/** Brings both together; tells once. */
export class Fatality {
  private readonly tell: (error: NativeError) => void
  private timer: NodeJS.Timeout | undefined
  private told = false

  constructor(tell: (error: NativeError) => void) {
    this.tell = tell
  }

  onLog(message: string): void {
    this.end({ code: fatalCode, message })
  }

  onError(error: NativeError): void {
    this.timer ??= setTimeout(() => this.end(error), patience)
  }

  /** Nobody wants to know any more. */
  stop(): void {
    this.told = true
    clearTimeout(this.timer)
  }

  private end(error: NativeError): void {
    if (this.told) return
    this.stop()
    this.tell(error)
  }
}
