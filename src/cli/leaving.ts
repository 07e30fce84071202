/** The end of the process. */
import { areRunning } from "../engine/confluent/shared/nativeCalls.ts"

/**
 * Ends the process with this exit code, now. `process.exit` waits for the threads of Node's pool, and a call of the
 * native client that nobody waits for any more holds one until its time-out: connecting to a broker that is not there
 * for seconds. Another program in the place of this one waits for nothing, and passes the code on. A signal would end
 * that program with another code: it is put there once none is expected, `quietIn` milliseconds from now.
 */
export const leave = (code: number, quietIn = 0): void => {
  if (process.execve === undefined || process.platform === "win32" || !areRunning()) return process.exit(code)
  if (quietIn > 0) return void setTimeout(() => leave(code), quietIn)
  process.emit("exit", code)
  process.execve(process.execPath, [process.execPath, "-e", `process.exit(${code})`], {})
}
