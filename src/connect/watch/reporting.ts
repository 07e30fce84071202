/** What a watch says: lines in the log where something changes, and metrics. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { Watched } from "../WatchModel.ts"

const up = Metric.gauge("millrace_connect_connector_up", {
  description: "1 if a connector and its tasks do what they were asked to, else 0"
})
const failedTasks = Metric.gauge("millrace_connect_failed_tasks", { description: "Tasks of a connector that failed" })
const restarts = Metric.gauge("millrace_connect_restarts", {
  description: "Restarts of a connector since its watch began"
})

/** Sets the metrics of all connectors. */
export const measure = (all: ReadonlyArray<Watched>): Effect.Effect<void> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.sync(() => {
      for (const { health, name, restarts: count, status } of all) {
        const attributes = { connector: name }
        const set = (metric: Metric.Gauge<number>, value: number) =>
          Metric.withAttributes(metric, attributes).updateUnsafe(value, context)
        set(up, health === "well" ? 1 : 0)
        set(failedTasks, status?.tasks.filter(({ state }) => state === "FAILED").length ?? 0)
        set(restarts, count)
      }
    })
  )

/** Whether something is to be said: a wait that became shorter is nothing new. */
export const isNews = (before: Watched | undefined, now: Watched): boolean =>
  before?.health !== now.health || before.restarts !== now.restarts || before.status?.state !== now.status?.state

export const log = ({ health, name, problem, restarts: count }: Watched): Effect.Effect<void> => {
  const line = `connector ${name} is ${health}${problem === undefined ? "" : `: ${problem}`}`
  const at = health === "well" || health === "starting"
    ? Effect.logInfo(line)
    : health === "given-up"
    ? Effect.logError(line)
    : Effect.logWarning(line)
  return Effect.annotateLogs(at, { connector: name, restarts: count })
}
