/** Makes a plan: what is declared, what there is, what the plugins say, and what follows from it. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Marker from "../config/marker.ts"
import { render } from "../config/render.ts"
import { isMasked, plain, redacting, settingIn } from "../config/secrets.ts"
import * as Errors from "../ConnectError.ts"
import type { ConnectError } from "../ConnectError.ts"
import type { Connect, ConnectorConfig, Definition, Described, Validation } from "../ConnectModel.ts"
import type { Connector, Declared } from "../Connector.ts"
import { markerKey } from "../given.ts"
import type { Entry, Plan, Settings } from "../PlanModel.ts"
import { diff, isOwnOfConnect } from "./diff.ts"
import type { Linted } from "./lint.ts"
import { lint } from "./lint.ts"
import { isSameClass } from "./normal.ts"
import { isDown } from "./serving.ts"
import { mayBeUnfinished, stepsTo } from "./steps.ts"

const ignoring = (patterns: ReadonlyArray<string>) => (key: string): boolean =>
  !isOwnOfConnect(key) &&
  patterns.some((pattern) => pattern.endsWith("*") ? key.startsWith(pattern.slice(0, -1)) : key === pattern)

const duplicateIn = (names: ReadonlyArray<string>): string | undefined =>
  names.find((name, i) => names.indexOf(name) !== i)

/** What a plugin says. If it says nothing at all, or there is none, that is a problem of this connector alone. */
const validated = (
  connect: Connect,
  name: string,
  config: ConnectorConfig
): Effect.Effect<Validation | ReadonlyArray<Errors.Problem>, ConnectError> =>
  connect.validate({ ...config, name }).pipe(
    Effect.catch(Effect.fnUntraced(function*(error) {
      if (error.reason._tag === "Unauthorized" || (yield* isDown(connect, error))) return yield* error
      const key = error.reason._tag === "UnknownPlugin" ? "connector.class" : undefined
      return [{ key, messages: [error.reason.message] }]
    }))
  )

const problemsOf = ({ settings }: Validation): ReadonlyArray<Errors.Problem> =>
  settings.filter(({ errors }) => errors.length > 0).map(({ errors, key }) => ({ key, messages: errors }))

const definitionsOf = ({ settings }: Validation): ReadonlyMap<string, Definition> =>
  new Map(settings.flatMap(({ definition, key }) => definition === undefined ? [] : [[key, definition] as const]))

/** A configuration with all that is secret redacted: given as such, of a type that says so, or by the looks of it. */
const concealed = (config: ConnectorConfig, definitions: ReadonlyMap<string, Definition>): ConnectorConfig =>
  redacting(config, (key) => definitions.get(key)?.type === "PASSWORD")

const secretsIn = (config: ConnectorConfig): ReadonlyArray<string> =>
  Object.keys(config).filter((key) => Redacted.isRedacted(config[key]))

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

/** What an update sends: what is ignored stays as it is, for it replaces all settings. A mask cannot be sent. */
const withIgnored = (
  config: ConnectorConfig,
  actual: ConnectorConfig,
  isIgnored: (key: string) => boolean
): ConnectorConfig => ({
  ...Object.fromEntries(
    Object.entries(config).filter(([key]) => !isIgnored(key) || isMasked(plain(settingIn(actual, key) ?? "")))
  ),
  ...Object.fromEntries(Object.entries(actual).filter(([key, value]) => isIgnored(key) && !isMasked(plain(value))))
})

const entryOf = Effect.fnUntraced(function*(
  connect: Connect,
  { config: declaredConfig, declared, name, validation }: Looked,
  actual: Described | undefined,
  findings: Entry["findings"],
  { ignore = [], remember = true, sendUnknown = false }: Settings
): Effect.fn.Return<Entry, ConnectError> {
  if (!isValidation(validation)) return { name, steps: [], changes: [], problems: validation, findings }
  const problems = problemsOf(validation)
  if (!validation.isValid) return { name, steps: [], changes: [], problems, findings }
  const definitions = definitionsOf(validation)
  const config = concealed(declaredConfig, definitions)
  const secrets = secretsIn(config)
  const kept = actual?.info.config[markerKey]
  const marker = kept === undefined ? undefined : Marker.parse(plain(kept))
  const known = marker === undefined ? new Map<string, boolean>() : yield* Marker.compare(marker, config, secrets)
  // A new connector gets all that is declared.
  const isIgnored = actual === undefined ? () => false : ignoring(ignore)
  const changes = diff(config, actual?.info.config ?? {}, {
    definitions,
    wasApplied: (key) => known.get(key),
    isIgnored
  })
  const isChanged = changes.some(({ kind }) => kind !== "unknown" || sendUnknown)
  const { offsets, state } = declared
  const full = actual === undefined ? config : withIgnored(config, actual.info.config, isIgnored)
  const sent = remember && (actual === undefined || isChanged) ? yield* marked(full, secretsIn(full), marker) : full
  const at = mayBeUnfinished(offsets, actual) ? yield* connect.offsets(name) : undefined
  const steps = stepsTo({ config: sent, state, offsets }, actual, isChanged, at)
  return { name, steps, changes, problems: [], findings }
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
  if (settings.prune === true && prefix === "") {
    const problem = "prune needs a prefix: without one it would delete all connectors that are not declared here"
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
  const plugins = yield* connect.plugins()
  const typeOf = (config: ConnectorConfig): Linted["type"] => {
    const wanted = plain(config["connector.class"]!)
    const type = plugins.find((plugin) => isSameClass(plugin.class, wanted))?.type
    return type === "source" || type === "sink" ? type : "unknown"
  }
  const named = new Set(connectors.map(({ name }) => prefix + name))
  const found = lint(
    looked.map(({ config, name }): Linted => ({ name, config, type: typeOf(config) })),
    [...there.values()].flatMap(({ info }) => named.has(info.name) ? [] : [info])
  )
  const entries = new Map<string, Entry>()
  for (const each of looked) {
    entries.set(each.name, yield* entryOf(connect, each, there.get(each.name), found.get(each.name) ?? [], settings))
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
