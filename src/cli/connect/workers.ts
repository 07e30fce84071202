/** `millrace connect plugins` and `loggers`: what the workers have. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as KafkaConnect from "../../connect/KafkaConnect.ts"
import { UsageError } from "../exit.ts"
import { json } from "../root.ts"
import { printTable } from "../table.ts"
import { plain } from "../values.ts"
import { select } from "./selecting.ts"

export const plugins = Command.make(
  "plugins",
  {
    all: Flag.Boolean("all").pipe(
      Flag.withDescription("Also converters, transformations and predicates"),
      Flag.withDefault(false)
    ),
    json
  },
  Effect.fnUntraced(function*(flags) {
    const { connect } = yield* select([])
    const found = yield* Effect.flatMap(KafkaConnect.Service, ({ plugins }) => plugins({ all: flags.all })).pipe(
      Effect.provide(connect)
    )
    const sorted = found.toSorted((a, b) => a.class < b.class ? -1 : 1)
    if (flags.json) return yield* Console.log(JSON.stringify(sorted))
    const cells = sorted.map(({ class: name, type, version }) => [name, type, version ?? "-"])
    yield* printTable(["PLUGIN", "TYPE", "VERSION"], cells)
  })
).pipe(Command.withDescription("List the plugins of the workers"))

export const loggers = Command.make(
  "loggers",
  {
    set: Flag.String("set").pipe(
      Flag.withDescription("Set a level: org.apache.kafka.connect=DEBUG"),
      Flag.optional
    ),
    cluster: Flag.Boolean("cluster").pipe(
      Flag.withDescription("On all workers, not on the one that answers"),
      Flag.withDefault(false)
    ),
    json
  },
  Effect.fnUntraced(function*(flags) {
    const { connect: layer } = yield* select([])
    const setting = Option.getOrUndefined(flags.set)
    const [, logger, level] = /^([^=]+)=(\w+)$/.exec(setting ?? "") ?? []
    if (setting !== undefined && (logger === undefined || level === undefined)) {
      return yield* new UsageError({ problem: `--set ${setting}: use logger=LEVEL` })
    }
    const work = Effect.gen(function*() {
      const connect = yield* KafkaConnect.Service
      if (logger !== undefined && level !== undefined) {
        yield* connect.setLogger(logger, level.toUpperCase(), { scope: flags.cluster ? "cluster" : "worker" })
        const set = level.toUpperCase()
        return yield* Console.log(flags.json ? JSON.stringify({ [logger]: set }) : plain(`${logger}: ${set}`))
      }
      const levels = yield* connect.loggers
      if (flags.json) return yield* Console.log(JSON.stringify(levels))
      yield* printTable(["LOGGER", "LEVEL"], Object.entries(levels).toSorted())
    })
    yield* Effect.provide(work, layer)
  })
).pipe(Command.withDescription("List the loggers of a worker, and set their levels"))
