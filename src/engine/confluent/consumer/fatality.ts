/** The end of a native client: the error says that it is one, and the log, which may come later, what it is about. */
import type { NativeError } from "../shared/native.ts"

/** How long the log is waited for, in milliseconds. */
const patience = 2_000

/** Brings both together; tells once. */
export class Fatality {
  private readonly tell: (error: NativeError) => void
  private reason: string | undefined
  private error: NativeError | undefined
  private timer: NodeJS.Timeout | undefined
  private told = false

  constructor(tell: (error: NativeError) => void) {
    this.tell = tell
  }

  onLog(message: string): void {
    this.reason = message
    if (this.error !== undefined) this.end()
  }

  onError(error: NativeError): void {
    this.error ??= error
    if (this.reason !== undefined) this.end()
    else this.timer ??= setTimeout(() => this.end(), patience)
  }

  /** Nobody wants to know any more. */
  stop(): void {
    this.told = true
    clearTimeout(this.timer)
  }

  private end(): void {
    if (this.told || this.error === undefined) return
    this.stop()
    this.tell(this.reason === undefined ? this.error : { ...this.error, message: this.reason })
  }
}
