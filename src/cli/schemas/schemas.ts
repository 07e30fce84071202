/** `millrace schemas`: the Schema Registry, and the schemas of the config's topics. */
import * as Command from "effect/cli/Command"
import { check } from "./check.ts"
import { remove } from "./delete.ts"
import { diff } from "./diff.ts"
import { generate } from "./generate.ts"
import { ls } from "./ls.ts"
import { register } from "./register.ts"
import { show } from "./show.ts"
import { versions } from "./versions.ts"

/** Everything that is done with schemas. */
export const schemas = Command.make("schemas").pipe(
  Command.withSubcommands([ls, show, versions, register, check, diff, generate, remove]),
  Command.withDescription("Compare the schemas of the config's topics with a Schema Registry, and register them")
)
