/** Producing with any client whose sends are promises. */
import { batchSize, inFlight } from "./task.ts"
import type { ProduceTask } from "./task.ts"

export const sendAll = async (task: ProduceTask, send: (count: number) => Promise<unknown>): Promise<number> => {
  await send(task.partitions)
  task.begin()
  const end = performance.now() + task.capMs
  let sent = 0
  const mayGo = () => sent < task.records && performance.now() < end
  switch (task.sending) {
    case "one":
      for (; mayGo(); sent++) await send(1)
      break
    case "batch":
      for (; mayGo(); sent += batchSize) await send(batchSize)
      break
    case "inflight":
      await Promise.all(Array.from({ length: inFlight }, async () => {
        while (mayGo()) {
          sent++
          await send(1)
        }
      }))
      break
    case "all": {
      const sends = new Array<Promise<unknown>>(task.records)
      for (; sent < task.records; sent++) sends[sent] = send(1)
      await Promise.all(sends)
    }
  }
  return sent
}
