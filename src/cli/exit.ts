/** How the command ends: its exit codes, and errors in words instead of stacks. */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { messageOf, nameOf, readOr } from "../internal/shared/causes.ts"
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

/** The work failed; `problem` says why where nothing did yet. */
export class WorkFailed extends Data.TaggedError("WorkFailed")<{ readonly problem?: string }> {
  override get message(): string {
    return this.problem ?? ""
  }
}

/** What one of several consumers failed with. */
export class ConsumerFailed extends Data.TaggedError("ConsumerFailed")<{
  readonly consumer: string
  readonly error: unknown
}> {
  override get message(): string {
    return `consumer ${this.consumer}: ${wordsOf(this.error)}`
  }
}

/** Says in an error which consumer it is about. */
export const naming = (consumer: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.mapError(effect, (error) => new ConsumerFailed({ consumer, error }))

/** Fails with everything that failed, if anything did. */
export const failAll = (exits: ReadonlyArray<Exit.Exit<unknown, unknown>>): Effect.Effect<void, unknown> => {
  const reasons = exits.flatMap((exit) => Exit.isFailure(exit) ? exit.cause.reasons : [])
  return reasons.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons(reasons))
}

/** For codecs that need services of the application, whose layer is not built here. */
export const withCodecs = (topic: string, advice: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.catchDefect(effect, (defect) =>
    Effect.fail(
      new UsageError({
        problem: `the codecs of topic "${topic}" cannot be used by this command, which builds the engine alone: ${
          messageOf(defect)
        }${advice}`,
        cause: defect
      })
    ))

const tagOf = (error: unknown): unknown =>
  readOr(() => typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined, undefined)

/** Wrong settings are in the config module, and what a `Config` lacks is missing in the environment: both are usage. */
const isUsage = (error: unknown): boolean => {
  const tag = tagOf(error)
  if (tag === "ConsumerFailed") return isUsage((error as ConsumerFailed).error)
  if (tag === "ShowHelp") return hasErrors(error)
  if (tag === "UsageError" || tag === "ConfigError") return true
  // By their tags: the config module may have a copy of this package of its own.
  return isErrorOfOurs(tag) && isUnasked((error as { readonly reason?: unknown }).reason)
}

const isErrorOfOurs = (tag: unknown): boolean =>
  tag === "KafkaError" || tag === "RegistryError" || tag === "ConnectError" || tag === "SyncError"

/** Whether a service was not even asked: a setting is wrong, or no URL can have a name. */
const isUnasked = (reason: unknown): boolean =>
  tagOf(reason) === "InvalidSetting"
  || tagOf(reason) === "Unexpected" && (reason as { readonly status?: unknown }).status === 0

/** Whether no broker lets anybody in, whatever is asked for. */
export const isShutOut = (error: unknown): boolean => {
  if (tagOf(error) !== "KafkaError") return false
  const reason = tagOf((error as { readonly reason?: unknown }).reason)
  return reason === "BrokerUnreachable" || reason === "AuthenticationFailed"
}

const hasErrors = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "errors" in error && Array.isArray(error.errors)
  && error.errors.length > 0

/** The exit code of a failure. */
export const codeOf = (cause: Cause.Cause<unknown>): number => {
  const errors = cause.reasons.flatMap((reason) => Cause.isFailReason(reason) ? [reason.error] : [])
  if (errors.some(isUsage)) return codes.usage
  return errors.some((error) => tagOf(error) === "ShowHelp") ? codes.done : codes.failed
}

/** What is said of an error: its message and, as far as that leaves them out, those of its causes. */
const wordsOf = (error: unknown): string => {
  const own = typeof error === "object" && error !== null
    ? readOr(() => "message" in error && typeof error.message === "string" ? error.message : "", "")
    : messageOf(error)
  let words = own === "" ? nameOf(error) : own
  let cause = causeOf(error)
  for (let depth = 0; cause !== undefined && depth < 5; depth++) {
    const more = messageOf(cause)
    if (more !== "" && !words.includes(more)) words += `\n  because: ${more}`
    cause = causeOf(cause)
  }
  return words
}

const causeOf = (error: unknown): unknown =>
  readOr((): unknown => {
    if (typeof error !== "object" || error === null) return undefined
    // A failure's own messages are in what it failed with.
    const inner = tagOf(error) === "ConsumerFailed" ? undefined : "cause" in error ? error.cause : undefined
    return Cause.isCause(inner) ? inner.reasons.find(Cause.isFailReason)?.error : inner ?? undefined
  }, undefined)

/**
 * What is to be printed of a failure: messages; stacks only of defects, or when asked for. Nothing for printed ones.
 */
export const render = (cause: Cause.Cause<unknown>, stacks: boolean): ReadonlyArray<string> =>
  // They may cite what came with a record.
  cause.reasons.flatMap((reason) => linesOf(reason, stacks)).map((text) => text.split("\n").map(plain).join("\n"))

const linesOf = (reason: Cause.Reason<unknown>, stacks: boolean): ReadonlyArray<string> => {
  const stack = () =>
    readOr(() => Cause.pretty(Cause.fromReasons([reason])), "a value that throws when it is looked at")
  if (!Cause.isFailReason(reason)) {
    if (!Cause.isDieReason(reason)) return []
    // A rollback that fails is a defect to Effect, and no mistake of a program.
    return [!stacks && tagOf(reason.defect) === "SqlError" ? wordsOf(reason.defect) : stack()]
  }
  const { error } = reason
  const tag = tagOf(error)
  if (tag === "ShowHelp" || tag === "WorkFailed" && (error as WorkFailed).problem === undefined) return []
  return [stacks ? stack() : wordsOf(error)]
}

/** Whether the arguments ask for so much detail that stacks are wanted. */
export const wantsStacks = (args: ReadonlyArray<string>): boolean => {
  const level = args.find((arg) => arg.startsWith("--log-level="))?.slice("--log-level=".length)
    ?? (args.includes("--log-level") ? args[args.indexOf("--log-level") + 1] : undefined)
  return level === "all" || level === "trace" || level === "debug"
}
