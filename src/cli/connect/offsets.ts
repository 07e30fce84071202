/** `millrace connect offsets`: where a connector is, and moving it. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ConnectorOffset } from "../../connect/ConnectModel.ts"
import { isOffset } from "../../connect/given.ts"
import * as KafkaConnect from "../../connect/KafkaConnect.ts"
import { agreed } from "../confirm.ts"
import { yes } from "../dltFilter.ts"
import { UsageError } from "../exit.ts"
import { json } from "../root.ts"
import { plain } from "../values.ts"
import { fullName, select } from "./selecting.ts"

const parse = (text: string): Effect.Effect<ReadonlyArray<ConnectorOffset>, UsageError> =>
  Effect.suspend(() => {
    const wrong = new UsageError({ problem: "--set: use JSON such as [{\"partition\":{…},\"offset\":{…}}]" })
    try {
      const value: unknown = JSON.parse(text)
      const places = Array.isArray(value) ? value : [value]
      return places.every(isOffset) ? Effect.succeed(places) : Effect.fail(wrong)
    } catch {
      return Effect.fail(wrong)
    }
  })

export const offsets = Command.make(
  "offsets",
  {
    name: Argument.String("name").pipe(Argument.withDescription("A connector of the config")),
    set: Flag.String("set").pipe(
      Flag.withDescription("Move a stopped connector: JSON as this command prints it; an offset of null removes one"),
      Flag.optional
    ),
    reset: Flag.Boolean("reset").pipe(
      Flag.withDescription("Forget where a stopped connector was"),
      Flag.withDefault(false)
    ),
    yes,
    json
  },
  Effect.fnUntraced(function*(flags) {
    if (flags.reset && Option.isSome(flags.set)) return yield* new UsageError({ problem: "use --set or --reset" })
    const places = Option.isSome(flags.set) ? yield* parse(flags.set.value) : undefined
    const selected = yield* select([flags.name])
    const name = fullName(selected, selected.connectors[0]!)
    const work = Effect.gen(function*() {
      const connect = yield* KafkaConnect.Service
      const before = yield* connect.offsets(name)
      if (places === undefined && !flags.reset) {
        if (flags.json) return yield* Console.log(JSON.stringify(before))
        for (const each of before) yield* Console.log(plain(JSON.stringify(each)))
        return
      }
      for (const each of before) yield* Console.error(plain(`before: ${JSON.stringify(each)}`))
      if (!flags.yes) yield* agreed(`Change the offsets of ${plain(name)}?`)
      yield* places === undefined ? connect.resetOffsets(name) : connect.alterOffsets(name, places)
      if (flags.json) return yield* Console.log(JSON.stringify(yield* connect.offsets(name)))
      yield* Console.log(plain(`${name}: offsets ${places === undefined ? "forgotten" : "changed"}`))
    })
    yield* Effect.provide(work, selected.connect)
  })
).pipe(Command.withDescription("Show where a connector is; move it, or let it forget, while it is stopped"))
