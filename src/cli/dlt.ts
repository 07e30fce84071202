/** `millrace dlt`: dead letters: look, redrive, park, discard. */
import * as Command from "effect/cli/Command"
import { discard } from "./dltDiscard.ts"
import { imported } from "./dltImport.ts"
import { looking } from "./dltLook.ts"
import { park, redrive } from "./dltMove.ts"
import { show } from "./dltShow.ts"

/** Everything that is done with dead letters. */
export const dlt = Command.make("dlt").pipe(
  Command.withSubcommands([...looking, show, redrive, park, discard, imported]),
  Command.withDescription("Inspect, redrive, park and discard dead letters")
)
