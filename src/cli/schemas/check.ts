/** `millrace schemas check`: whether the schemas of the config may be registered. */
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { messageOf } from "../../internal/shared/causes.ts"
import { resolve } from "../../registry/codec/readers.ts"
import { compares, type Text, type VersionText, violations } from "../../registry/memory/compatibility.ts"
import { parser } from "../../registry/protobuf/library.ts"
import type { Compatibility, SchemaType } from "../../registry/RegistryModel.ts"
import * as SchemaRegistry from "../../registry/SchemaRegistry.ts"
import { WorkFailed } from "../exit.ts"
import { config, json } from "../root.ts"
import { registryOf } from "../services.ts"
import { plain } from "../values.ts"
import { type Target, targetsOf, topics } from "./registrations.ts"
import { concurrency, stateOf, statusOf } from "./state.ts"

/** By our own rules; what cannot be compared is said so, instead of nothing. */
const compared = (
  level: Compatibility,
  type: SchemaType,
  next: Text,
  before: ReadonlyArray<VersionText>
): ReadonlyArray<string> => {
  try {
    return violations(level, compares[type], next, before)
  } catch (error) {
    return [`${level}: the versions cannot be compared: ${messageOf(error)}`]
  }
}

/** Why a schema is not compatible, by our own rules: for registries that do not say. */
const reasonsOf = Effect.fnUntraced(function*({ schema, subject }: Target, level: Compatibility) {
  const registry = yield* SchemaRegistry.Service
  if (schema.type === "PROTOBUF") yield* parser
  const next = yield* resolve(registry, schema)
  const before = yield* Effect.forEach(
    yield* registry.versions(subject),
    Effect.fnUntraced(function*(version) {
      return { ...yield* resolve(registry, yield* registry.version(subject, version)), version }
    }),
    { concurrency }
  )
  const other = before.findLast(({ type }) => type !== schema.type)
  if (other !== undefined) return [`${level}: version ${other.version} is ${other.type}, and the schema ${schema.type}`]
  return compared(level, schema.type, next, before)
})

/** Why a schema may not follow another one that is to be registered before it. */
const againstOther = Effect.fnUntraced(function*(
  registry: SchemaRegistry.Registry,
  { schema }: Target,
  other: Target,
  { level, version }: { readonly level: Compatibility; readonly version: number }
) {
  if (level === "NONE") return []
  if (schema.type !== other.schema.type) {
    return [`${level}: that is ${other.schema.type}, and the schema ${schema.type}`]
  }
  if (schema.type === "PROTOBUF") yield* parser
  const [next, before] = [yield* resolve(registry, schema), yield* resolve(registry, other.schema)]
  return compared(level, schema.type, next, [{ ...before, version }])
})

/** What a check found of a target. */
export const checkOf = Effect.fnUntraced(function*(target: Target) {
  const { normalize, part, schema, subject, topic } = target
  const state = yield* stateOf(target)
  const site = { subject, topic, part, compatibility: state.compatibility, latest: state.latest?.version }
  const status = statusOf(state)
  if (status !== "unregistered") {
    return { ...site, status, version: state.own?.version, id: state.own?.id, messages: [] }
  }
  const registry = yield* SchemaRegistry.Service
  const { isCompatible, messages } = yield* registry.check(subject, schema, { normalize })
  const found = isCompatible ? "compatible" as const : "incompatible" as const
  const reasons = isCompatible || messages.length > 0 ? messages : yield* reasonsOf(target, state.compatibility)
  return { ...site, status: found, version: undefined, id: undefined, messages: reasons }
})

/** What was found, in JSON. */
export type Checked = Effect.Success<ReturnType<typeof checkOf>>

/** Whether a schema is still to be registered, and may be. */
export const isMissing = ({ status }: Pick<Checked, "status">): boolean => status === "new" || status === "compatible"

/**
 * Checks targets, also against each other: those of one subject are registered one after the other, and the registry
 * knows of none yet.
 */
export const checksOf = Effect.fnUntraced(function*(targets: ReadonlyArray<Target>) {
  const registry = yield* SchemaRegistry.Service
  const found = yield* Effect.forEach(targets, checkOf, { concurrency })
  const pending = new Map<string, Array<Target>>()
  const checked: Array<Checked & { readonly next: number | undefined }> = []
  for (const [i, target] of targets.entries()) {
    const own = found[i]!
    if (!isMissing(own)) {
      checked.push({ ...own, next: undefined })
      continue
    }
    const { schema, subject, topic } = target
    const before = pending.get(subject) ?? []
    const latest = own.latest ?? 0
    const same = before.findIndex((each) => JSON.stringify(each.schema) === JSON.stringify(schema))
    const other = same < 0 ? before.at(-1) : undefined
    const place = { level: own.compatibility, version: latest + before.length }
    const problems = other === undefined ? [] : yield* againstOther(registry, target, other, place)
    if (problems.length > 0) {
      const of = topic === other?.topic ? `another codec of topic ${topic}` : `topic ${other?.topic}`
      const messages = problems.map((problem) => `after the one of ${of}: ${problem}`)
      const none = { version: undefined, id: undefined, next: undefined }
      checked.push({ ...own, ...none, status: "incompatible", messages })
      continue
    }
    if (same < 0) pending.set(subject, [...before, target])
    checked.push({ ...own, next: latest + 1 + (same < 0 ? before.length : same) })
  }
  return checked
})

/** The verdict in a line. */
const wordsOf = ({ compatibility, latest, status, subject, version }: Checked): string => {
  switch (status) {
    case "new":
      return `${subject}: new`
    case "registered":
    case "older":
      return `${subject}: version ${version}${status === "older" ? `, not the latest, which is ${latest}` : ""}`
    default:
      return `${subject}: ${status} (${compatibility}, ${
        latest === undefined ? "no version" : `latest version ${latest}`
      })`
  }
}

/** The verdict, with the reasons. */
export const linesOf = (checked: Checked): ReadonlyArray<string> =>
  [wordsOf(checked), ...checked.messages.map((message) => `  ${message}`)].map(plain)

/** Checks the schemas of the config's topics. */
export const check = Command.make(
  "check",
  { topics, json },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const registry = yield* registryOf(loaded)
    const targets = yield* targetsOf(loaded, flags.topics)
    const found = yield* checksOf(targets).pipe(Effect.provide(registry))
    if (flags.json) yield* Console.log(JSON.stringify(found.map(({ next: _, ...checked }) => checked)))
    else for (const line of found.flatMap(linesOf)) yield* Console.log(line)
    const wrong = found.filter(({ status }) => status === "incompatible").length
    if (wrong > 0) {
      return yield* new WorkFailed({
        problem: `${wrong} of ${found.length} may not be registered; change the Schema so that it stays compatible, or `
          + "write into another topic"
      })
    }
  })
).pipe(
  Command.withDescription("Check that the schemas of the config's topics may be registered; exit code 1 if one may not")
)
