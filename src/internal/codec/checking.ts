/** Checks messages for what Kafka or a client would refuse, or would change. Pure. */
import type { Headers } from "../../Headers.ts"
import { kindOf, textProblem } from "../shared/utf8.ts"

/** What is wrong with a message besides its key, value and headers, or `undefined`. */
export const messageProblem = (
  message: { readonly partition?: number | undefined; readonly timestamp?: number | undefined }
): string | undefined => {
  if (typeof message !== "object" || message === null) return `a message is needed, and this is ${kindOf(message)}`
  const { partition, timestamp } = message
  if (partition !== undefined && !(Number.isSafeInteger(partition) && partition >= 0)) {
    return `partition ${partition} is not a whole number of at least 0`
  }
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
    return `timestamp ${timestamp} is not a whole number of milliseconds`
  }
  return undefined
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
