/** The command without its subcommands: the flags they share, and the config module behind them. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { load } from "./configModule.ts"

/** `millrace`. */
export const root = Command.make("millrace").pipe(
  Command.withSharedFlags({
    config: Flag.String("config").pipe(
      Flag.withAlias("c"),
      Flag.withDescription(
        "The config module; unless given, millrace.config.ts in this folder or the nearest one above"
      ),
      Flag.optional
    )
  }),
  Command.withDescription("Run consumers, and inspect and operate their Kafka topics")
)

/** The application's config. */
export const config = Effect.flatMap(root, ({ config }) => load(Option.getOrUndefined(config), process.cwd()))

/** `--json`, on listings. */
export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON instead of a table"),
  Flag.withDefault(false)
)
