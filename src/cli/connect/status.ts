/** `millrace connect status` and `watch`: what connectors do. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Connectors from "../../connect/Connectors.ts"
import type { Watched } from "../../connect/WatchModel.ts"
import { runsOn } from "../ending.ts"
import { WorkFailed } from "../exit.ts"
import { json } from "../root.ts"
import { printTable } from "../table.ts"
import { plain } from "../values.ts"
import { duration } from "./durations.ts"
import { declared, names, sayRemoved, select, type Selected } from "./selecting.ts"

const tasksOf = ({ status }: Watched): string => {
  if (status === undefined || status.tasks.length === 0) return "-"
  const running = status.tasks.filter(({ state }) => state === "RUNNING").length
  return `${running}/${status.tasks.length}`
}

const jsonOf = ({ health, name, problem, restarts, status }: Watched) => ({ name, health, problem, restarts, status })

/** A connector that was published just now starts for some seconds. */
const startsWithin = 3_000
const lookEvery = "500 millis"

/** What is seen of connectors, in the order of their declaration. */
const looked = Effect.fnUntraced(function*(selected: Selected) {
  const { length } = declared(selected)
  const { connectors, prefix } = selected
  // The first look is one element for each.
  const look = Stream.runCollect(Stream.take(Connectors.watch(connectors, { prefix, restart: "never" }), length))
  let seen = yield* look
  const until = (yield* Clock.currentTimeMillis) + startsWithin
  while (seen.some(({ health }) => health === "starting") && (yield* Clock.currentTimeMillis) < until) {
    yield* Effect.sleep(lookEvery)
    seen = yield* look
  }
  return seen
})

/** It is not about one connector, so it is said once. */
const isUnreachable = ({ health }: Watched): boolean => health === "unreachable"

/** Prints what connectors do, and returns how many are not well. */
export const statusOf = Effect.fnUntraced(function*(wanted: ReadonlyArray<string>, asJson: boolean) {
  const selected = yield* select(wanted)
  if (!asJson) yield* sayRemoved(selected, "not looked at")
  const seen = yield* Effect.provide(looked(selected), selected.connect)
  if (asJson) yield* Console.log(JSON.stringify(seen.map(jsonOf)))
  else {
    const cells = seen.map((each) => [
      each.name,
      each.status?.state ?? "-",
      tasksOf(each),
      each.status?.worker ?? "-",
      isUnreachable(each) ? each.health : each.problem ?? each.health
    ])
    yield* printTable(["CONNECTOR", "STATE", "TASKS", "WORKER", "HEALTH"], cells)
  }
  const unreachable = asJson ? undefined : seen.find(isUnreachable)
  if (unreachable !== undefined) return yield* new WorkFailed({ problem: unreachable.problem ?? unreachable.health })
  return seen.filter(({ health }) => health !== "well").length
})

export const status = Command.make(
  "status",
  { names, json },
  Effect.fnUntraced(function*(flags) {
    const bad = yield* statusOf(flags.names, flags.json)
    if (bad > 0) return yield* new WorkFailed({ problem: `${bad} connectors are not well` })
  })
).pipe(
  Command.withDescription(
    "Show what connectors and their tasks do; exit code 1 if one failed, is missing, or does not start in 3 seconds"
  )
)

/** More often only loads the workers. */
const leastEvery = 100

export const watch = Command.make(
  "watch",
  {
    names,
    every: Flag.String("every").pipe(
      Flag.withDescription("How often to look: 10s (unless given), 1m"),
      Flag.optional
    ),
    restart: Flag.Boolean("restart").pipe(
      Flag.withDescription("Restart failed tasks, with a budget for each cause; unless given, only look"),
      Flag.withDefault(false)
    ),
    json
  },
  Effect.fnUntraced(function*(flags) {
    const every = yield* duration("--every", flags.every, leastEvery)
    const { connect, connectors, prefix } = yield* select(flags.names)
    yield* runsOn
    let said: string | undefined
    const lineOf = (each: Watched) => {
      const problem = isUnreachable(each) && each.problem === said ? undefined : each.problem
      said = isUnreachable(each) ? each.problem : undefined
      return `${each.name}: ${each.health}${problem === undefined ? "" : `: ${problem}`}`
    }
    yield* Connectors.watch(connectors, { prefix, every, restart: flags.restart ? undefined : "never" }).pipe(
      Stream.runForEach((each) =>
        flags.json
          ? Console.log(JSON.stringify(jsonOf(each)))
          : Console.log(plain(lineOf(each)))
      ),
      Effect.provide(connect)
    )
  })
).pipe(
  Command.withDescription("Report each change of connectors until interrupted; with --restart, restart what failed")
)
