/** `millrace connect list`: the connectors of the config, without asking Connect. */
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { json } from "../root.ts"
import { printTable } from "../table.ts"
import { fullName, names, select } from "./selecting.ts"

/** Prints the connectors of a config. */
export const listed = Effect.fnUntraced(function*(wanted: ReadonlyArray<string>, asJson: boolean) {
  const selected = yield* select(wanted)
  const rows = selected.connectors.map((each) => ({
    name: fullName(selected, each),
    plugin: each._tag === "Declared" ? each.plugin : undefined,
    state: each._tag === "Declared" ? each.state : undefined,
    remove: each._tag === "Removed"
  }))
  if (asJson) return yield* Console.log(JSON.stringify(rows))
  const cells = rows.map(({ name, plugin, remove, state }) => [
    name,
    plugin ?? "-",
    remove ? "marked for removal" : state ?? "-"
  ])
  yield* printTable(["CONNECTOR", "PLUGIN", "STATE"], cells)
})

export const list = Command.make("list", { names, json }, (flags) => listed(flags.names, flags.json)).pipe(
  Command.withDescription("List the connectors of the config")
)
