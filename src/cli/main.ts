/** The `millrace` command as a process: signals, logger, exit code. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import { consume } from "./consume.ts"
import { codeOf, codes, render } from "./exit.ts"
import { groups } from "./groups.ts"
import { produce } from "./produce.ts"
import { root } from "./root.ts"
import { tail } from "./tail.ts"
import { topics } from "./topics.ts"

const command = root.pipe(Command.withSubcommands([consume, topics, groups, tail, produce]))

/**
 * Lines for people on a terminal, structured ones elsewhere; both on standard error, which leaves output to the work.
 */
const logger = Logger.layer([
  Logger.withConsoleError(process.stderr.isTTY ? Logger.formatLogFmt : Logger.formatJson)
])

/**
 * Runs the command with these arguments and answers its exit code: 0 done, 1 the work failed, 2 usage or config module
 * wrong. What is to be said about a failure is on standard error.
 *
 * @stability unstable
 * @since 0.1.0
 * @category running
 */
export const run = (version: string, args: ReadonlyArray<string>): Effect.Effect<number> =>
  Command.runWith(command, { version })(args).pipe(
    Effect.provide([logger, NodeServices.layer]),
    Effect.exit,
    Effect.map((exit) => {
      if (Exit.isSuccess(exit)) return codes.done
      const stacks = args.includes("debug") || args.includes("trace")
      for (const line of render(exit.cause, stacks)) process.stderr.write(`${line}\n`)
      return Cause.hasInterruptsOnly(exit.cause) ? codes.done : codeOf(exit.cause)
    })
  )

/**
 * The whole process: runs the command, drains on the first SIGINT or SIGTERM, ends at once with 130 on the second, and
 * exits with the command's code.
 *
 * @stability unstable
 * @since 0.1.0
 * @category running
 */
export const main = (version: string): void => {
  const fiber = Effect.runFork(run(version, process.argv.slice(2)))
  let asked = false
  const onSignal = () => {
    if (asked) process.exit(codes.signal)
    asked = true
    fiber.interruptUnsafe()
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
  fiber.addObserver((exit) => {
    // Interrupted by a signal: everything was drained on the way here.
    process.exit(Exit.isSuccess(exit) ? exit.value : codes.done)
  })
}
