/** What callers without types hand in where handlers and policies belong. Pure. */
import { isOnFailure } from "../../FailurePolicy.ts"
import * as Handler from "../../Handler.ts"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import * as Source from "../../Source.ts"

const words = (value: unknown): string =>
  value === null ? "null" : typeof value === "string" ? `"${value}"` : typeof value

const policyProblem = (value: unknown, of: string): KafkaError | undefined => {
  if (isOnFailure(value)) return undefined
  const help = typeof value === "function" ? "wrap the function in OnFailure.make" : "use e.g. OnFailure.stop"
  return invalidSetting("onFailure", `${of}${words(value)} is not a failure policy; ${help}`)
}

const handlerProblem = (handler: unknown, index: number): KafkaError | undefined => {
  if (!Handler.isHandler(handler)) {
    return invalidSetting("handlers", `index ${index}: ${words(handler)} is not a handler; make one with Topic.handle`)
  }
  const { call, onFailure, source } = handler
  if (!Source.isSource(source)) {
    return invalidSetting("handlers", `index ${index}: ${words(source)} is not a topic; make one with Topic.make`)
  }
  const name = Source.show(source)
  const run: unknown = call._tag === "Stream" ? call.read : call.run
  if (typeof run !== "function") {
    return invalidSetting("handlers", `${name}: ${words(run)} is not a function that returns an Effect`)
  }
  return onFailure === undefined ? undefined : policyProblem(onFailure, `${name}: `)
}

/** The first of them that is not what it should be, and how to make one. */
export const problemOf = (
  consumer: { readonly handlers: unknown; readonly onFailure: unknown }
): KafkaError | undefined => {
  const { handlers, onFailure } = consumer
  if (!Array.isArray(handlers)) return invalidSetting("handlers", `${words(handlers)} is not an array of handlers`)
  for (const [index, handler] of handlers.entries()) {
    const problem = handlerProblem(handler, index)
    if (problem !== undefined) return problem
  }
  return policyProblem(onFailure, "")
}
