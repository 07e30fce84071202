/** `millrace sql`: the config's database. */
import * as Command from "effect/cli/Command"
import { check } from "./check.ts"
import { migrate } from "./migrate.ts"
import { outbox } from "./outbox.ts"
import { status } from "./status.ts"
import { resync, verify } from "./verify.ts"
import { waiting } from "./waiting.ts"

/** Everything about the database. */
export const sql = Command.make("sql").pipe(
  Command.withSubcommands([migrate, outbox, waiting, check, status, verify, resync]),
  Command.withDescription("Make Millrace's tables in the config's database, and look after what they hold")
)
