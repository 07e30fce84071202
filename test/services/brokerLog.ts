import { existsSync, readFileSync } from "node:fs"

/** What a broker logged since `from`, a size of the file in bytes. */
export const readLog = (file: string, from = 0) =>
  existsSync(file) ? readFileSync(file).subarray(from).toString() : ""

export const hasStarted = (file: string, from: number) => readLog(file, from).includes("Kafka Server started")
