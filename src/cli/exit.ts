/** How the command ends: its exit codes, and errors in words instead of stacks. */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import { KafkaError } from "../KafkaError.ts"
import { plain } from "./values.ts"

/** 0 done, 1 the work failed, 2 usage or config module wrong, 130 second signal. */
export const codes = { done: 0, failed: 1, usage: 2, signal: 130 } as const

/** The command was called, or configured, wrong. */
export class UsageError extends Data.TaggedError("UsageError")<{
  readonly problem: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return this.problem
  }
}

/** The work failed and everything worth saying was said. */
export class WorkFailed extends Data.TaggedError("WorkFailed")<{}> {}

const tagOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined

/** The exit code of a failure. */
export const codeOf = (cause: Cause.Cause<unknown>): number => {
  for (const reason of cause.reasons) {
    if (!Cause.isFailReason(reason)) continue
    const tag = tagOf(reason.error)
    if (tag === "UsageError" || isWrongSetting(reason.error)) return codes.usage
    if (tag === "ShowHelp") return hasErrors(reason.error) ? codes.usage : codes.done
  }
  return codes.failed
}

/** A setting comes from the config module, whenever it is found to be wrong. */
const isWrongSetting = (error: unknown): boolean =>
  error instanceof KafkaError && error.reason._tag === "InvalidSetting"

const hasErrors = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "errors" in error && Array.isArray(error.errors)
  && error.errors.length > 0

/**
 * What is to be printed of a failure: messages; stacks only of defects, or when asked for. Nothing for printed ones.
 */
export const render = (cause: Cause.Cause<unknown>, stacks: boolean): ReadonlyArray<string> =>
  // They may cite what came with a record.
  wordsOf(cause, stacks).map((text) => text.split("\n").map(plain).join("\n"))

const wordsOf = (cause: Cause.Cause<unknown>, stacks: boolean): ReadonlyArray<string> =>
  cause.reasons.flatMap((reason) => {
    if (Cause.isFailReason(reason)) {
      const { error } = reason
      const tag = tagOf(error)
      if (tag === "ShowHelp" || tag === "WorkFailed") return []
      if (stacks) return [Cause.pretty(Cause.fromReasons([reason]))]
      return [error instanceof Error && error.message !== "" ? error.message : String(tag ?? error)]
    }
    return Cause.isDieReason(reason) ? [Cause.pretty(Cause.fromReasons([reason]))] : []
  })

/** Whether the arguments ask for so much detail that stacks are wanted. */
export const wantsStacks = (args: ReadonlyArray<string>): boolean => {
  const level = args.find((arg) => arg.startsWith("--log-level="))?.slice("--log-level=".length)
    ?? (args.includes("--log-level") ? args[args.indexOf("--log-level") + 1] : undefined)
  return level === "all" || level === "trace" || level === "debug"
}
