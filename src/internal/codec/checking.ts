/** Checks messages for what Kafka or a client would refuse, or would change. Pure. */
import type { Headers } from "../../Headers.ts"
import type { AnyMessage } from "../../Message.ts"
import { unknownField } from "../shared/fields.ts"
import { kindOf, textProblem } from "../shared/utf8.ts"

const fields = ["key", "value", "headers", "headerValues", "partition", "timestamp"]

const hasFields = (value: unknown): boolean =>
  typeof value === "object" && value !== null ? Object.keys(value).length > 0 : value !== undefined && value !== null

/**
 * What is wrong with a field that a message does not have, or that has no effect in it. A record is a message, too: the
 * fields that say where it came from are none of a message, and its headers hold the header values already.
 */
const fieldProblem = (message: object, name: string, value: unknown): string | undefined => {
  switch (name) {
    case "headerValues":
      return hasFields(value) && !("raw" in message && "headers" in message)
        ? "headerValues: the topic has no Schema of headers; make it with one, or use headers"
        : undefined
    case "raw":
    case "topic":
    case "offset":
    case "timestampType":
    case "leaderEpoch":
      return undefined
    default:
      return value === undefined ? undefined : unknownField(name, fields)
  }
}

/** The first field that would be dropped. */
const droppedField = (message: AnyMessage & object, hasHeaderSchema: boolean): string | undefined => {
  for (const [name, value] of Object.entries(message)) {
    if (!fields.includes(name) || name === "headerValues" && !hasHeaderSchema) {
      const problem = fieldProblem(message, name, value)
      if (problem !== undefined) return problem
    }
  }
  return undefined
}

/** Whether it has the fields that have an effect, and no others. Runs per message: counting is the cheapest way. */
const isPlain = (message: AnyMessage, hasHeaderSchema: boolean): boolean => {
  let more = 0
  for (const _ in message) more++
  if (message.key !== undefined) more--
  if (message.value !== undefined) more--
  if (message.headers !== undefined) more--
  if (message.partition !== undefined) more--
  if (message.timestamp !== undefined) more--
  if (hasHeaderSchema && message.headerValues !== undefined) more--
  return more === 0
}

/** What is wrong with a message besides its key, value and headers, or `undefined`. */
export const messageProblem = (
  message: AnyMessage,
  hasHeaderSchema: boolean
): string | undefined => {
  if (typeof message !== "object" || message === null) return `a message is needed, and this is ${kindOf(message)}`
  const { partition, timestamp } = message
  if (partition !== undefined && !(Number.isSafeInteger(partition) && partition >= 0)) {
    return `partition ${partition} is not a whole number of at least 0`
  }
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
    return `timestamp ${timestamp} is not a whole number of milliseconds`
  }
  return isPlain(message, hasHeaderSchema) ? undefined : droppedField(message, hasHeaderSchema)
}

const nameProblem = (name: unknown): string | undefined => {
  if (typeof name !== "string") return `the name of a header is ${kindOf(name)}, not a text`
  // The native client cuts a name there, so two names could become one.
  if (name.includes("\0")) return `the name of header ${JSON.stringify(name)} has a NUL character`
  const problem = textProblem(name)
  return problem === undefined ? undefined : `the name of header ${JSON.stringify(name)}: ${problem}`
}

/** What is wrong with headers, or `undefined`. */
export const headersProblem = (headers: Headers): string | undefined => {
  if (!Array.isArray(headers)) return `headers are a list or an object, and this is ${kindOf(headers)}`
  for (const header of headers) {
    if (!Array.isArray(header)) return `header ${JSON.stringify(header)} is not a pair of a name and bytes`
    const problem = nameProblem(header[0])
    if (problem !== undefined) return problem
    if (header[1] !== null && !(header[1] instanceof Uint8Array)) {
      return `the value of header ${JSON.stringify(header[0])} is ${kindOf(header[1])}, not bytes or null`
    }
  }
  return undefined
}
