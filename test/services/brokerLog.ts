import { existsSync, readFileSync } from "node:fs"
import { isAlive, until } from "./processes.ts"

/** What a broker logged since `from`, a size of the file in bytes. */
export const readLog = (file: string, from = 0) => existsSync(file) ? readFileSync(file).subarray(from).toString() : ""

/** Waits until the broker that logs to `file` serves; fails with its last words when it ends instead. */
export const untilStarted = (file: string, from: number, pid: number, folder: string): Promise<void> => {
  const serves = () => {
    if (readLog(file, from).includes("Kafka Server started")) return true
    if (isAlive(pid, folder)) return false
    throw new Error(`Kafka ended while starting:\n${readLog(file, from).slice(-3000)}`)
  }
  return until("Kafka starts", serves, 60_000)
}
