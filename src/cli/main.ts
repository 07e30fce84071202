/** The `millrace` command as a process: signals, logger, exit code. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import { connect } from "./connect/connect.ts"
import { consume } from "./consume.ts"
import { dlt } from "./dlt.ts"
import * as Ending from "./ending.ts"
import { codeOf, codes, render, wantsStacks } from "./exit.ts"
import { groups } from "./groups.ts"
import { leave } from "./leaving.ts"
import { produce } from "./produce.ts"
import { retry } from "./retry.ts"
import { root } from "./root.ts"
import { schemas } from "./schemas/schemas.ts"
import { sql } from "./sql/sql.ts"
import { tail } from "./tail.ts"
import { topics } from "./topics.ts"

const command = root.pipe(
  Command.withSubcommands([consume, topics, groups, tail, produce, retry, dlt, schemas, connect, sql])
)

/**
 * Lines for people on a terminal, structured ones elsewhere; both on standard error, which leaves output to the work.
 */
const logger = Logger.layer([
  Logger.withConsoleError(
    process.stderr.isTTY ? Logger.formatLogFmt : Logger.formatJson
  )
])

/** A wrong call is shown on standard error alone: what reads the output must not take the help for it. */
const presenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.consoleWith((console) =>
        Effect.provideService(
          CliOutput.defaultPresenter.present(event),
          Console.Console,
          Object.assign(Object.create(console), { log: console.error })
        )
      )
      : CliOutput.defaultPresenter.present(event)
})

const work = (version: string, args: ReadonlyArray<string>, ending: Ending.State) =>
  Command.runWith(command, { version })(args).pipe(
    Effect.provide([logger, presenter, NodeServices.layer]),
    Effect.provideService(Ending.Ending, ending)
  )

/** Says what there is to say about a failure, and returns the exit code. */
const settle = (exit: Exit.Exit<unknown, unknown>, args: ReadonlyArray<string>, ending: Ending.State): number => {
  if (Exit.isSuccess(exit)) return codes.done
  for (const line of render(exit.cause, wantsStacks(args))) process.stderr.write(`${line}\n`)
  // Interrupted by a signal and nothing else: everything that was begun is done by now.
  return Cause.hasInterruptsOnly(exit.cause) ? ending.interrupted : codeOf(exit.cause)
}

/**
 * Runs the command with these arguments and returns its exit code: 0 done, 1 the work failed, 2 usage or config module
 * wrong. What is to be said about a failure is on standard error.
 *
 * **When to use**: to run a command inside of another program or a test. It leaves signals and the process alone.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { run } from "millrace/cli"
 *
 * export const program = Effect.map(run("1.0.0", ["consume", "--list"]), (code) => code === 0)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category running
 */
export const run = (version: string, args: ReadonlyArray<string>): Effect.Effect<number> =>
  Effect.suspend(() => {
    const ending = Ending.make()
    return Effect.map(Effect.exit(work(version, args, ending)), (exit) => settle(exit, args, ending))
  })

/**
 * A signal to all processes of a session or a service reaches this one, and again from a parent that passes it on, such
 * as npm. Within this many milliseconds the same signal is the same request.
 */
const echoMillis = 250

/**
 * The whole process: runs the command, drains on the first SIGINT, SIGTERM or SIGHUP, ends at once with 130 on the
 * second, and exits with the command's code. A command that prints ends as well when nobody reads its output any more
 * (`millrace tail orders | head`); one that works goes on, whatever becomes of its output and its log.
 *
 * @example
 * ```ts
 * import { main } from "millrace/cli"
 *
 * // A command of your own name, over the same config module.
 * export const start = () => main("1.0.0")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category running
 */
export const main = (version: string): void => {
  const args = process.argv.slice(2)
  const ending = Ending.make()
  const fiber = Effect.runFork(work(version, args, ending))
  let asked: { readonly signal: NodeJS.Signals; readonly at: number } | undefined
  const onSignal = (signal: NodeJS.Signals) => {
    if (asked === undefined) {
      asked = { signal, at: performance.now() }
      return fiber.interruptUnsafe()
    }
    // A terminal that closes is in no hurry, and may be closed by somebody who pressed Ctrl-C before.
    if (signal === "SIGHUP") return
    const isEcho = performance.now() - asked.at <= echoMillis && (signal === asked.signal || asked.signal === "SIGHUP")
    if (!isEcho) leave(codes.signal)
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal)
  let unwritten: string | undefined
  Ending.watch(ending, (problem) => {
    unwritten = problem
    fiber.interruptUnsafe()
  })
  fiber.addObserver((exit) => {
    const code = settle(exit, args, ending)
    // What became of the last line is heard a moment later.
    setImmediate(() => {
      const quietIn = asked === undefined ? 0 : asked.at + echoMillis - performance.now()
      if (unwritten === undefined) return leave(code, quietIn)
      process.stderr.write(`${unwritten}\n`)
      leave(codes.failed, quietIn)
    })
  })
}
