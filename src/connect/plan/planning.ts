/** Makes a plan: what is declared, what there is, what the plugins say, and what follows from it. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import { render } from "../config/render.ts"
import { isReference, plain } from "../config/secrets.ts"
import * as Errors from "../ConnectError.ts"
import type { ConnectError } from "../ConnectError.ts"
import type { Connect, ConnectorConfig, Definition, Described, Validation } from "../ConnectModel.ts"
import type { Connector, Declared } from "../Connector.ts"
import type { Entry, Plan, Settings } from "../PlanModel.ts"
import { diff, markerKey } from "./diff.ts"
import type { Linted } from "./lint.ts"
import { lint } from "./lint.ts"
import * as Marker from "./marker.ts"
import { stepsTo } from "./steps.ts"

const ignoring = (patterns: ReadonlyArray<string>) => (key: string): boolean =>
  patterns.some((pattern) => pattern.endsWith("*") ? key.startsWith(pattern.slice(0, -1)) : key === pattern)

const duplicateIn = (names: ReadonlyArray<string>): string | undefined =>
  names.find((name, i) => names.indexOf(name) !== i)

/** What a plugin says; an unknown one is a problem of this connector alone. */
const validated = (
  connect: Connect,
  name: string,
  config: ConnectorConfig
): Effect.Effect<Validation | ReadonlyArray<Errors.Problem>, ConnectError> =>
  connect.validate({ ...config, name }).pipe(
    Effect.catch((error) =>
      error.reason._tag === "UnknownPlugin"
        ? Effect.succeed([{ key: "connector.class", messages: [error.reason.message] }])
        : Effect.fail(error)
    )
  )

const problemsOf = ({ settings }: Validation): ReadonlyArray<Errors.Problem> =>
  settings.filter(({ errors }) => errors.length > 0).map(({ errors, key }) => ({ key, messages: errors }))

const definitionsOf = ({ settings }: Validation): ReadonlyMap<string, Definition> =>
  new Map(settings.flatMap(({ definition, key }) => definition === undefined ? [] : [[key, definition] as const]))

/** The settings that are secret: given as such, or of a type that says so. */
const secretsIn = (config: ConnectorConfig, definitions: ReadonlyMap<string, Definition>): ReadonlyArray<string> =>
  Object.entries(config).flatMap(([key, value]) =>
    Redacted.isRedacted(value) || definitions.get(key)?.type === "PASSWORD" && !isReference(value) ? [key] : []
  )

export const newSalt = Effect.map(
  Effect.replicateEffect(Random.nextIntBetween(0, 0x1_00_00_00_00), 4),
  (parts) => parts.map((part) => part.toString(16).padStart(8, "0")).join("")
)

/** What is known of a connector before it is compared. */
interface Looked {
  readonly name: string
  readonly declared: Declared
  readonly config: ConnectorConfig
  readonly validation: Validation | ReadonlyArray<Errors.Problem>
}

const isValidation = (validation: Looked["validation"]): validation is Validation => !Array.isArray(validation)

/** The settings with what tells secrets apart later. The same secrets keep their salt, so that nothing differs. */
const marked = Effect.fnUntraced(function*(
  config: ConnectorConfig,
  secrets: ReadonlyArray<string>,
  before: Marker.Marker | undefined
) {
  const marker = yield* Marker.make(before?.salt ?? (yield* newSalt), config, secrets)
  return marker === undefined ? config : { ...config, [markerKey]: marker }
})

const entryOf = Effect.fnUntraced(function*(
  { config, declared, name, validation }: Looked,
  actual: Described | undefined,
  findings: Entry["findings"],
  { ignore = [], remember = true, sendUnknown = false }: Settings
): Effect.fn.Return<Entry> {
  if (!isValidation(validation)) return { name, steps: [], changes: [], problems: validation, findings }
  const problems = problemsOf(validation)
  if (!validation.isValid) return { name, steps: [], changes: [], problems, findings }
  const definitions = definitionsOf(validation)
  const secrets = secretsIn(config, definitions)
  const kept = actual?.info.config[markerKey]
  const marker = kept === undefined ? undefined : Marker.parse(plain(kept))
  const known = marker === undefined ? new Map<string, boolean>() : yield* Marker.compare(marker, config, secrets)
  const changes = diff(config, actual?.info.config ?? {}, {
    definitions,
    wasApplied: (key) => known.get(key),
    isIgnored: ignoring(ignore)
  })
  const isChanged = changes.some(({ kind }) => kind !== "unknown" || sendUnknown)
  const { offsets, state } = declared
  const sent = remember && (actual === undefined || isChanged) ? yield* marked(config, secrets, marker) : config
  return { name, steps: stepsTo({ config: sent, state, offsets }, actual, isChanged), changes, problems: [], findings }
})

const deletion = (name: string): Entry => ({
  name,
  steps: [{ _tag: "Delete" }],
  changes: [],
  problems: [],
  findings: []
})

/** Plugins are asked for several connectors at once; some connect to a database to answer. */
const validatedAtOnce = 4

/** Makes the plan; nothing is changed. */
export const make = Effect.fnUntraced(function*(
  connect: Connect,
  connectors: ReadonlyArray<Connector>,
  settings: Settings
): Effect.fn.Return<Plan, ConnectError> {
  const { prefix = "" } = settings
  const twice = duplicateIn(connectors.map(({ name }) => name))
  if (twice !== undefined) {
    const problem = `two connectors are called "${prefix}${twice}"; give one of them another name`
    return yield* Errors.make("plan", new Errors.InvalidSetting({ problem }))
  }
  const { kafkaClusterId } = yield* connect.worker
  const there = new Map((yield* connect.connectors).map((each) => [each.info.name, each]))
  const looked = yield* Effect.forEach(
    connectors.filter((each) => each._tag === "Declared"),
    Effect.fnUntraced(function*(declared): Effect.fn.Return<Looked, ConnectError> {
      const name = prefix + declared.name
      const config = yield* render(declared)
      return { name, declared, config, validation: yield* validated(connect, name, config) }
    }),
    { concurrency: validatedAtOnce }
  )
  const types = new Map((yield* connect.plugins()).map((plugin) => [plugin.class, plugin.type]))
  const found = lint(looked.map(({ config, name }): Linted => {
    const type = types.get(plain(config["connector.class"]!))
    return { name, config, type: type === "source" || type === "sink" ? type : "unknown" }
  }))
  const entries = new Map<string, Entry>()
  for (const each of looked) {
    entries.set(each.name, yield* entryOf(each, there.get(each.name), found.get(each.name) ?? [], settings))
  }
  for (const { _tag, name } of connectors) {
    if (_tag !== "Removed") continue
    const full = prefix + name
    entries.set(full, there.has(full) ? deletion(full) : { ...deletion(full), steps: [] })
  }
  const undeclared = settings.prune === true
    ? [...there.keys()].filter((name) => name.startsWith(prefix) && !entries.has(name))
    : []
  // In the order of their declaration.
  return {
    kafkaClusterId,
    entries: [...connectors.map(({ name }) => entries.get(prefix + name)!), ...undeclared.map(deletion)]
  }
})
