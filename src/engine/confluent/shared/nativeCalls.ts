/**
 * Calls of the native client that have not come back. Each may hold a thread of Node's pool, which `process.exit` waits
 * for, also when nobody waits for the call any more.
 */

let running = 0

/** Counts a call from now until its callback is called. */
export const counted = <A extends ReadonlyArray<unknown>>(done: (...values: A) => void): (...values: A) => void => {
  let isRunning = true
  running++
  return (...values) => {
    if (isRunning) running--
    isRunning = false
    done(...values)
  }
}

/** Whether a call is under way. */
export const areRunning = (): boolean => running > 0
