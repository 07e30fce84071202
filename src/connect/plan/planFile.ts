/**
 * A plan as a file. It has no secrets, but a salted hash of each, so it cannot be carried out by itself: it is compared
 * with a plan that is made again, which is carried out if both are the same.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { hashOf } from "../config/marker.ts"
import { looksSecret, plain } from "../config/secrets.ts"
import * as Errors from "../ConnectError.ts"
import type { ConnectError } from "../ConnectError.ts"
import type { ConnectorConfig } from "../ConnectModel.ts"
import { markerKey } from "../given.ts"
import type { Entry, Plan, Step } from "../PlanModel.ts"

const format = "millrace-connect-plan/1"

interface Saved {
  readonly format: string
  readonly kafkaClusterId: string
  readonly salt: string
  readonly entries: ReadonlyArray<{ readonly name: string; readonly steps: unknown; readonly changes: unknown }>
}

interface Sealed extends Saved {
  readonly seal: string
}

/** Settings in the order of their names, with hashes for secrets. The marker has a salt of its own, and is left out. */
const settingsOf = (salt: string, config: ConnectorConfig) =>
  Effect.map(
    Effect.forEach(
      Object.keys(config).filter((key) => key !== markerKey).sort(),
      Effect.fnUntraced(function*(key) {
        const value = config[key]!
        return Redacted.isRedacted(value) || looksSecret(key, plain(value))
          ? [key, { secret: yield* hashOf(salt, key, plain(value)) }] as const
          : [key, plain(value)] as const
      })
    ),
    Object.fromEntries
  )

const stepOf = Effect.fnUntraced(function*(salt: string, step: Step) {
  return "config" in step ? { ...step, config: yield* settingsOf(salt, step.config) } : step
})

const entryOf = Effect.fnUntraced(function*(salt: string, { changes, name, steps }: Entry) {
  return { name, steps: yield* Effect.forEach(steps, (step) => stepOf(salt, step)), changes }
})

const savedOf = Effect.fnUntraced(function*(plan: Plan, salt: string): Effect.fn.Return<Saved> {
  const entries = yield* Effect.forEach(
    plan.entries.filter(({ steps }) => steps.length > 0),
    (entry) => entryOf(salt, entry)
  )
  // As it is read again: without what is undefined.
  return JSON.parse(JSON.stringify({ format, kafkaClusterId: plan.kafkaClusterId, salt, entries })) as Saved
})

const sealOf = (saved: Saved): Effect.Effect<string> => hashOf(saved.salt, format, JSON.stringify(saved))

/** The text of the file. */
export const save = Effect.fnUntraced(function*(plan: Plan, salt: string): Effect.fn.Return<string> {
  const saved = yield* savedOf(plan, salt)
  return `${JSON.stringify({ ...saved, seal: yield* sealOf(saved) } satisfies Sealed, null, 2)}\n`
})

const stale = (problem: string) => Errors.make("read a saved plan", new Errors.StalePlan({ problem }))

const parse = (text: string): Effect.Effect<Sealed, ConnectError> =>
  Effect.suspend(() => {
    try {
      const saved = JSON.parse(text) as Partial<Sealed> | null
      return saved?.format === format && Array.isArray(saved.entries) && typeof saved.salt === "string"
        ? Effect.succeed(saved as Sealed)
        : Effect.fail(stale("it is no plan of this version of millrace"))
    } catch {
      return Effect.fail(stale("it is no JSON"))
    }
  })

/** The connectors for which two plans do something else. */
const differing = (before: Saved, now: Saved): ReadonlyArray<string> => {
  const textOf = ({ entries }: Saved) => new Map(entries.map((entry) => [entry.name, JSON.stringify(entry)]))
  const [old, fresh] = [textOf(before), textOf(now)]
  return [...new Set([...old.keys(), ...fresh.keys()])].filter((name) => old.get(name) !== fresh.get(name)).sort()
}

/** Fails unless the text is that of a plan which does what `fresh` does. */
export const verify = Effect.fnUntraced(function*(text: string, fresh: Plan): Effect.fn.Return<void, ConnectError> {
  const { seal, ...saved } = yield* parse(text)
  if (seal !== (yield* sealOf(saved))) return yield* stale("the file was edited")
  if (saved.kafkaClusterId !== fresh.kafkaClusterId) return yield* stale("it was made for another cluster")
  const names = differing(saved, yield* savedOf(fresh, saved.salt))
  if (names.length > 0) {
    return yield* stale(`something else is to be done now for ${names.map((name) => `"${name}"`).join(", ")}`)
  }
})
