/** A registry in memory, with the semantics of Confluent's: what it refuses is thrown as a reason. */
import { messageOf } from "../../internal/shared/causes.ts"
import { checkDefaults } from "../avro/defaults.ts"
import * as Parse from "../avro/parse.ts"
import type { Needed } from "../format/resolved.ts"
import { documentOf } from "../json/document.ts"
import { parse } from "../protobuf/library.ts"
import * as Errors from "../RegistryError.ts"
import type { Compatibility, Mode, Reference, Registered, SchemaText, Verdict, Version } from "../RegistryModel.ts"
import type { VersionText } from "./compatibility.ts"
import { compares, violations } from "./compatibility.ts"

interface Entry {
  readonly version: number
  readonly id: number
  deleted: boolean
}

interface Subject {
  readonly entries: Array<Entry>
  compatibility: Compatibility | undefined
  mode: Mode | undefined
}

interface Kept {
  readonly schema: SchemaText
  readonly guid: string
}

interface Space {
  readonly schemas: Map<number, Kept>
  readonly ids: Map<string, number>
}

/** A GUID that counts, so that a test sees the same one each time. */
const guidOf = (count: number): string => `00000000-0000-4000-8000-${count.toString(16).padStart(12, "0")}`

const levels: ReadonlySet<string> = new Set<Compatibility>([
  "NONE",
  ...["BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"] as const
])

const modes: ReadonlySet<string> = new Set<Mode>(["READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT"])

const contextPattern = /^:(\.[^:]*):/
const defaultContext = "."

const contextOf = (subject: string | undefined): string =>
  subject === undefined ? defaultContext : contextPattern.exec(subject)?.[1] ?? defaultContext

/** JSON without white space where the text is JSON; with `normalize` also in one order of attributes. */
const canonical = ({ text, type }: SchemaText, normalize: boolean): string => {
  if (type === "PROTOBUF") return text.trim()
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted)
    if (typeof value !== "object" || value === null) return value
    // A schema of JSON may have a property of this name.
    const entries = Object.entries(value).filter(([name]) => type !== "AVRO" || name !== "doc")
    return Object.fromEntries(
      entries.toSorted(([a], [b]) => a < b ? -1 : 1).map(([name, each]) => [name, sorted(each)])
    )
  }
  try {
    const json: unknown = JSON.parse(text)
    return JSON.stringify(normalize ? sorted(json) : json)
  } catch {
    return text.trim()
  }
}

const keyOf = (schema: SchemaText, normalize: boolean): string =>
  JSON.stringify([
    schema.type,
    canonical(schema, normalize),
    (schema.references ?? []).map(({ name, subject, version }) => [name, subject, version]),
    schema.metadata ?? null
  ])

export class MemoryRegistry {
  private readonly subjectsByName = new Map<string, Subject>()
  private readonly spaces = new Map<string, Space>()
  private readonly guids = new Map<string, SchemaText>()
  private globalCompatibility: Compatibility = "BACKWARD"
  private globalMode: Mode = "READWRITE"

  register(name: string, schema: SchemaText, normalize: boolean): number {
    const known = this.findVersion(name, schema, normalize, false)
    if (known !== undefined) return known.id
    if (!this.mode(name).startsWith("READWRITE") && this.mode(name) !== "IMPORT") {
      throw new Errors.Unexpected({ status: 422, code: 42205, problem: `subject "${name}" is in read-only mode` })
    }
    this.validate(name, schema)
    const { isCompatible, messages } = this.check(name, schema, normalize)
    if (!isCompatible) throw new Errors.Incompatible({ subject: name, messages })
    const subject = this.subjectsByName.get(name) ?? { entries: [], compatibility: undefined, mode: undefined }
    this.subjectsByName.set(name, subject)
    const id = this.idOf(name, schema, normalize)
    subject.entries.push({ version: (subject.entries.at(-1)?.version ?? 0) + 1, id, deleted: false })
    return id
  }

  lookup(name: string, schema: SchemaText, normalize: boolean, deleted: boolean): Registered {
    this.existing(name, deleted)
    const found = this.findVersion(name, schema, normalize, deleted)
    if (found === undefined) throw new Errors.SchemaNotFound({ what: "version with this schema", subject: name })
    return this.registered(name, found)
  }

  byId(id: number, subject: string | undefined): SchemaText & { readonly guid: string } {
    const { guid, schema } = this.kept(id, subject)
    return { ...schema, guid }
  }

  byGuid(guid: string): SchemaText {
    const schema = this.guids.get(guid.toLowerCase())
    if (schema === undefined) throw new Errors.SchemaNotFound({ what: `schema with GUID ${guid}` })
    return schema
  }

  version(name: string, version: Version): Registered {
    return this.registered(name, this.entry(name, version))
  }

  latestWithMetadata(name: string, metadata: Readonly<Record<string, string>>): Registered {
    const found = this.existing(name, false).entries.filter(({ deleted }) => !deleted)
      .map((entry) => this.registered(name, entry))
      .findLast(({ metadata: own = {} }) => Object.entries(metadata).every(([key, value]) => own[key] === value))
    if (found !== undefined) return found
    const what = `version with the metadata ${JSON.stringify(metadata)}`
    throw new Errors.SchemaNotFound({ what, subject: name })
  }

  subjects(prefix: string, deleted: boolean): ReadonlyArray<string> {
    return [...this.subjectsByName]
      .filter(([name, { entries }]) => name.startsWith(prefix) && entries.some((entry) => deleted || !entry.deleted))
      .map(([name]) => name)
      .toSorted()
  }

  versions(name: string, deleted: boolean): ReadonlyArray<number> {
    return this.existing(name, deleted).entries.filter((entry) => deleted || !entry.deleted).map(({ version }) =>
      version
    )
  }

  versionsOf(id: number): ReadonlyArray<{ readonly subject: string; readonly version: number }> {
    this.byId(id, undefined)
    return [...this.subjectsByName].flatMap(([subject, { entries }]) =>
      contextOf(subject) !== defaultContext
        ? []
        : entries.filter((entry) => entry.id === id && !entry.deleted).map(({ version }) => ({ subject, version }))
    )
  }

  referencedBy(name: string, version: Version): ReadonlyArray<number> {
    const { version: wanted } = this.entry(name, version)
    // What was deleted refers to nothing.
    const live = new Set(
      [...this.subjectsByName].flatMap(([subject, { entries }]) =>
        contextOf(subject) === contextOf(name) ? entries.filter(({ deleted }) => !deleted).map(({ id }) => id) : []
      )
    )
    const ids = [...this.space(name).schemas].filter(([id, { schema: { references = [] } }]) =>
      live.has(id) && references.some((reference) => reference.subject === name && reference.version === wanted)
    )
    return ids.map(([id]) => id)
  }

  check(name: string, schema: SchemaText, normalize: boolean): Verdict {
    this.validate(name, schema)
    const entries = this.subjectsByName.get(name)?.entries.filter(({ deleted }) => !deleted) ?? []
    const registered = entries.map((entry) => this.registered(name, entry))
    const level = this.compatibility(name)
    const other = registered.at(-1)
    if (level === "NONE" || other === undefined) return { isCompatible: true, messages: [] }
    if (other.type !== schema.type) {
      return {
        isCompatible: false,
        messages: [`${level}: version ${other.version} is ${other.type}, not ${schema.type}`]
      }
    }
    if (keyOf(other, normalize) === keyOf(schema, normalize)) return { isCompatible: true, messages: [] }
    const before = registered.filter(({ type }) => type === schema.type).map((each): VersionText => ({
      version: each.version,
      text: each.text,
      needed: this.referenced(each.references)
    }))
    const next = { text: schema.text, needed: this.referenced(schema.references) }
    const messages = violations(level, compares[schema.type], next, before)
    return { isCompatible: messages.length === 0, messages }
  }

  compatibility(name: string | undefined): Compatibility {
    return (name === undefined ? undefined : this.subjectsByName.get(name)?.compatibility) ?? this.globalCompatibility
  }

  setCompatibility(name: string | undefined, compatibility: Compatibility): void {
    if (!levels.has(compatibility)) {
      const problem = `${JSON.stringify(compatibility)} is no level; there are ${[...levels].join(", ")}`
      throw new Errors.Unexpected({ status: 422, code: 42203, problem })
    }
    if (name === undefined) this.globalCompatibility = compatibility
    else this.made(name).compatibility = compatibility
  }

  mode(name: string | undefined): Mode {
    return (name === undefined ? undefined : this.subjectsByName.get(name)?.mode) ?? this.globalMode
  }

  setMode(name: string | undefined, mode: Mode): void {
    if (!modes.has(mode)) {
      const problem = `${JSON.stringify(mode)} is no mode; there are ${[...modes].join(", ")}`
      throw new Errors.Unexpected({ status: 422, code: 42204, problem })
    }
    if (name === undefined) this.globalMode = mode
    else this.made(name).mode = mode
  }

  deleteSubject(name: string, permanent: boolean): ReadonlyArray<number> {
    const { entries } = this.existing(name, permanent)
    const going = permanent ? [...entries] : entries.filter(({ deleted }) => !deleted)
    for (const { version } of going) this.deleteVersion(name, version, permanent)
    return going.map(({ version }) => version)
  }

  deleteVersion(name: string, version: Version, permanent: boolean): number {
    const { entries } = this.existing(name, permanent)
    const entry = permanent && version !== "latest"
      ? entries.find((each) => each.version === version) ?? this.entry(name, version)
      : this.entry(name, version)
    if (permanent && !entry.deleted) {
      const problem = `version ${entry.version} of subject "${name}" must be soft-deleted first`
      throw new Errors.Unexpected({ status: 409, code: 40407, problem })
    }
    if (!entry.deleted && this.referencedBy(name, entry.version).length > 0) {
      const problem = `other schemas refer to version ${entry.version} of subject "${name}"`
      throw new Errors.Unexpected({ status: 422, code: 42206, problem })
    }
    if (permanent) entries.splice(entries.indexOf(entry), 1)
    else entry.deleted = true
    if (entries.length === 0) this.subjectsByName.delete(name)
    return entry.version
  }

  contexts(): ReadonlyArray<string> {
    const used = [...this.subjectsByName.keys()].map(contextOf)
    return [...new Set([defaultContext, ...used])].toSorted().map((context) => `:${context}:`)
  }

  private kept(id: number, subject: string | undefined): Kept {
    const kept = this.space(subject).schemas.get(id)
    if (kept === undefined) throw new Errors.SchemaNotFound({ what: `schema with id ${id}` })
    return kept
  }

  private space(subject: string | undefined): Space {
    const context = contextOf(subject)
    const space = this.spaces.get(context) ?? { schemas: new Map(), ids: new Map() }
    this.spaces.set(context, space)
    return space
  }

  private made(name: string): Subject {
    const subject = this.subjectsByName.get(name) ?? { entries: [], compatibility: undefined, mode: undefined }
    this.subjectsByName.set(name, subject)
    return subject
  }

  private existing(name: string, deleted: boolean): Subject {
    const subject = this.subjectsByName.get(name)
    if (subject === undefined || !subject.entries.some((entry) => deleted || !entry.deleted)) {
      throw new Errors.SubjectNotFound({ subject: name })
    }
    return subject
  }

  private entry(name: string, version: Version): Entry {
    const entries = this.existing(name, false).entries.filter(({ deleted }) => !deleted)
    const entry = version === "latest" ? entries.at(-1) : entries.find((each) => each.version === version)
    if (entry === undefined) throw new Errors.SchemaNotFound({ what: `version ${version}`, subject: name })
    return entry
  }

  private registered(subject: string, { id, version }: Entry): Registered {
    const { guid, schema } = this.kept(id, subject)
    return { ...schema, subject, version, id, guid }
  }

  private findVersion(name: string, schema: SchemaText, normalize: boolean, deleted: boolean): Entry | undefined {
    const key = keyOf(schema, normalize)
    return this.subjectsByName.get(name)?.entries.findLast((entry) =>
      (deleted || !entry.deleted) && keyOf(this.byId(entry.id, name), normalize) === key
    )
  }

  private idOf(name: string, schema: SchemaText, normalize: boolean): number {
    const { ids, schemas } = this.space(name)
    const key = keyOf(schema, normalize)
    const known = ids.get(key)
    if (known !== undefined) return known
    const id = schemas.size + 1
    ids.set(key, id)
    const text = schema.type === "PROTOBUF" ? schema.text : canonical(schema, normalize)
    const kept = { schema: { ...schema, text }, guid: guidOf(this.guids.size + 1) }
    this.guids.set(kept.guid, kept.schema)
    schemas.set(id, kept)
    return id
  }

  /** What a schema refers to, and what that refers to, each after those it needs. */
  private referenced(references: ReadonlyArray<Reference> = [], seen: Set<string> = new Set()): ReadonlyArray<Needed> {
    return references.flatMap(({ name, subject, version }) => {
      const key = JSON.stringify([name, subject, version])
      if (seen.has(key)) return []
      seen.add(key)
      const schema = this.version(subject, version)
      return [...this.referenced(schema.references, seen), { name, text: schema.text }]
    })
  }

  private validate(subject: string, schema: SchemaText): void {
    try {
      const needed = this.referenced(schema.references)
      if (schema.type === "JSON") documentOf({ text: schema.text, needed })
      if (schema.type === "PROTOBUF") parse(schema.text, needed)
      if (schema.type !== "AVRO") return
      const names = new Map()
      for (const text of new Set(needed.map((each) => each.text))) Parse.parse(text, names)
      checkDefaults(Parse.parse(schema.text, names))
    } catch (error) {
      const problem = messageOf(error)
      throw new Errors.InvalidSchema({ subject, problem })
    }
  }
}
