/** `millrace sql`: the config's database. */
import * as Command from "effect/cli/Command"
import { migrate } from "./migrate.ts"
import { outbox } from "./outbox.ts"

/** Everything about the database. */
export const sql = Command.make("sql").pipe(
  Command.withSubcommands([migrate, outbox]),
  Command.withDescription("Make Millrace's tables in the config's database, and look after what they hold")
)
