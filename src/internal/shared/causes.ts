/** Causes in few words. The errors are the user's: if a getter of theirs throws, that must end no consumer. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

/** What `read` returns, or `otherwise` when it throws: for looking at a value whose class is not ours. */
export const readOr = <A>(read: () => A, otherwise: A): A => {
  try {
    return read()
  } catch {
    return otherwise
  }
}

/** Whether a value is an error. A revoked proxy throws even at this check, and is none. */
export const isError = (error: unknown): error is Error => readOr(() => error instanceof Error, false)

const ownNameOf = (error: object): string => {
  if ("_tag" in error && typeof error._tag === "string") return error._tag
  const name: unknown = error instanceof Error ? error.name : undefined
  if (typeof name === "string" && name !== "" && name !== "Error") return name
  const className: unknown = error.constructor?.name
  return typeof className === "string" && className !== "" ? className : "Object"
}

/** The tag of an error, or its name, or the name of its class: a subclass of `Error` without a name says `Error`. */
export const nameOf = (error: unknown): string =>
  typeof error !== "object" || error === null ? typeof error : readOr(() => ownNameOf(error), "Object")

/** As JSON; a `bigint`, which JSON cannot express, as its digits. */
const json = (value: unknown): string =>
  JSON.stringify(value, (_, part) => typeof part === "bigint" ? String(part) : part) ?? String(value)

const inWords = (error: unknown): string => {
  if (typeof error === "string") return error
  if (!(error instanceof Error)) return json(error)
  const message: unknown = error.message
  if (message === undefined || message === "") return String(error.name)
  return `${error.name}: ${typeof message === "string" ? message : json(message)}`
}

/** Whether the stack was full: a value, or a schema, is nested too deeply for what goes through it. */
export const isTooDeep = (error: unknown): boolean =>
  readOr(() => error instanceof RangeError && error.message === "Maximum call stack size exceeded", false)

/** The message of an error; of another object its JSON; of anything else, what it is as a text. */
export const messageOf = (error: unknown): string =>
  readOr(() => {
    if (isTooDeep(error)) return "nested too deeply: JavaScript's stack is full"
    if (error instanceof Error) return String(error.message)
    return typeof error === "object" && error !== null ? json(error) : String(error)
  }, nameOf(error))

/** A message of several lines in one, as the messages about Schemas are. */
export const oneLine = (message: string): string => message.replaceAll(/\s*\n\s*/g, " ")

/** The messages of a cause; a stack only where it is a bug. */
export const brief = (cause: Cause.Cause<unknown>): string =>
  cause.reasons.map((reason) => {
    if (Cause.isFailReason(reason)) return readOr(() => inWords(reason.error), nameOf(reason.error))
    const name = Cause.isDieReason(reason) ? nameOf(reason.defect) : "Interrupted"
    return readOr(() => Cause.pretty(Cause.fromReasons([reason])), name)
  }).join("; ")

/** Long enough for a stack, too short for a payload in a message. */
const longestLine = 2_000

/** A text that is not too long for a line of the log. */
export const shortened = (text: string): string =>
  text.length <= longestLine ? text : `${text.slice(0, longestLine)}… (${text.length} characters)`

/** Logs a line with a cause; its messages as text, shortened, if the logger fails at the cause or it is too long. */
export const logCause = (
  log: (...message: ReadonlyArray<unknown>) => Effect.Effect<void>,
  line: string,
  cause: Cause.Cause<unknown>
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const words = brief(cause)
    const short = shortened(words)
    return short === words
      ? Effect.catchDefect(log(line, cause), () => log(`${line}: ${words}`))
      : log(`${line}: ${short}`)
  })

/** The error of a failure, or else its defect. */
export const errorOf = (cause: Cause.Cause<unknown>): unknown => {
  for (const reason of cause.reasons) if (Cause.isFailReason(reason)) return reason.error
  for (const reason of cause.reasons) if (Cause.isDieReason(reason)) return reason.defect
  return undefined
}

/** The tag or name of the error or defect; "Interrupted" for a handler that interrupted itself. */
export const tagOf = (cause: Cause.Cause<unknown>): string =>
  Cause.hasInterruptsOnly(cause) ? "Interrupted" : nameOf(errorOf(cause))

/** Whether an error has one of these tags, or, without a tag, such a name or class. */
export const tagsIn = (cause: Cause.Cause<unknown>, tags: ReadonlyArray<string>): boolean => {
  const error = errorOf(cause)
  return tags.includes(tagOf(cause))
    || typeof error === "object" && error !== null && readOr(() => tags.includes(error.constructor?.name), false)
}
