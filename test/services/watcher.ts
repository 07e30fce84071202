/** node watcher.ts <folder>: ends a run when the process that began it is gone. */
import { endRun } from "./runFolder.ts"

const [run] = process.argv.slice(2)
if (run === undefined) throw new Error("usage: node watcher.ts <folder of a run>")

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {})
process.stdin.resume()
process.stdin.on("close", () => void endRun(run))
