/** Whether what is written as one message is the same in another, and where it first is not. Pure. */
import { sameName } from "./derive/typeNames.ts"
import type { EnumType, Field, MessageType } from "./protoType.ts"
import { groupOf, hasPresence, showField, showType } from "./protoType.ts"

/** Whether the given message may have fields that the Schema lacks. */
export interface Rules {
  readonly others: boolean
}

class Comparison {
  private readonly seen = new Map<MessageType, Set<MessageType>>()
  private readonly rules: Rules

  constructor(rules: Rules) {
    this.rules = rules
  }

  first(given: MessageType, own: MessageType, path: string): string | undefined {
    const seen = this.seen.get(given) ?? new Set()
    if (seen.has(own)) return undefined
    this.seen.set(given, seen.add(own))
    for (const field of own.fields) {
      const other = given.fields.find(({ number }) => number === field.number)
      const problem = this.field(other, field, `${path}.${field.name}`)
      if (problem !== undefined) return problem
    }
    const extra = given.fields.find(({ number }) => !own.fields.some((field) => field.number === number))
    return extra === undefined || this.rules.others
      ? undefined
      : `${path}.${extra.name}: ${showField(extra)} = ${extra.number} instead of nothing`
  }

  private field(given: Field | undefined, own: Field, path: string): string | undefined {
    if (given === undefined) return `${path}: nothing instead of ${showField(own)} = ${own.number}`
    if (!sameName(given.name, own.name)) {
      return `${path}: the field ${own.number} is named ${given.name} there: .annotateKey({ protobuf: { name: "…" } })`
    }
    const isSame = given.type.kind === own.type.kind && given.key === own.key
      && (given.label === "repeated") === (own.label === "repeated") && hasPresence(given) === hasPresence(own)
      && (given.oneof === undefined) === (own.oneof === undefined) && given.isGroup !== true
      && (given.type.kind !== "scalar" || showType(given.type) === showType(own.type))
    if (!isSame) return `${path}: ${showField(given)} instead of ${showField(own)}`
    if (given.type.kind === "enum" && own.type.kind === "enum") return this.enums(given.type, own.type, path)
    if (given.type.kind !== "message" || own.type.kind !== "message") return undefined
    return this.first(given.type, own.type, path)
  }

  private enums(given: EnumType, own: EnumType, path: string): string | undefined {
    const missing = own.values.find(({ isFiller, number }) =>
      isFiller !== true && !given.values.some((value) => value.number === number)
    )
    return missing && `${path}: the enum ${given.name} has no value ${missing.number}, which is ${missing.name} here`
  }
}

/** The first difference, as `path: one instead of other`. Names of types, and of enums' values, write no bytes. */
export const firstDifference = (given: MessageType, own: MessageType, rules: Rules): string | undefined =>
  new Comparison(rules).first(given, own, own.name)

/** What a message cannot be read as, with its path. */
export interface Problem {
  readonly path: string
  readonly message: string
}

class Evolution {
  readonly problems: Array<Problem> = []
  private readonly seen = new Map<MessageType, Set<MessageType>>()

  compare(reader: MessageType, writer: MessageType, path: string): void {
    const seen = this.seen.get(reader) ?? new Set()
    if (seen.has(writer)) return
    this.seen.set(reader, seen.add(writer))
    for (const field of reader.fields) {
      const written = writer.fields.find(({ number }) => number === field.number)
      if (written !== undefined) this.field(field, written, `${path}.${field.name}`)
    }
  }

  private field(reader: Field, writer: Field, path: string): void {
    const { type } = reader
    const isMap = (field: Field) => field.label === "map"
    const isList = (field: Field) => field.label === "repeated"
    const fits = isMap(reader) === isMap(writer) && (isList(reader) || !isList(writer))
      && (type.kind === "message") === (writer.type.kind === "message")
      && (!isMap(reader) || groupOf({ kind: "scalar", scalar: reader.key! }) === groupOf({
            kind: "scalar",
            scalar: writer.key!
          }))
      && (type.kind === "message" || writer.type.kind === "message" || groupOf(type) === groupOf(writer.type))
      && (reader.isGroup === true) === (writer.isGroup === true)
    if (!fits) {
      const message = `the field ${reader.number} is ${showField(writer)} there, and cannot be read as ${
        showField(reader)
      }`
      this.problems.push({ path, message })
    } else if (type.kind === "message" && writer.type.kind === "message") {
      this.compare(type, writer.type, path)
    }
  }
}

/**
 * Why a message cannot be read as another, by Protobuf's rules: fields match by their numbers, a type may change within
 * its group, one value may become a list, and what is not there is the default.
 */
export const problemsOf = (reader: MessageType, writer: MessageType): ReadonlyArray<Problem> => {
  const evolution = new Evolution()
  evolution.compare(reader, writer, reader.name)
  return evolution.problems
}
