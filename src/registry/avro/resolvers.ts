/**
 * Schema resolution record by record, on the types of the Avro library: a branch of a writer's union, or a symbol of
 * its enum, that the reader does not have fails the records that hold it, and no others. The library would refuse the
 * writer's schema as a whole, and Java's does not.
 */
import { messageOf } from "../../internal/shared/causes.ts"
import type { Tap } from "./tap.ts"

/** What reads values of a writer's type. */
export interface Reads {
  readonly _read: (tap: Tap) => unknown
}

/** What the library hands through one resolution, and what is kept with it. */
export interface Resolution {
  /** Of pairs of records, by their names: such a pair may be met again within itself. */
  registry?: Record<string, { _read?: Reads["_read"] | null } | undefined>
  failed?: Map<string, unknown>
}

/** A type, as far as its typings do not show it. */
export interface Node extends Reads {
  readonly itemsType: Node
  readonly valuesType: Node
  readonly types: ReadonlyArray<Node>
  readonly symbols: ReadonlyArray<string>
  readonly typeName: string
  readonly name?: string | undefined
  readonly aliases?: ReadonlyArray<string> | undefined
  readonly _skip: (tap: Tap) => void
  readonly _write: (tap: Tap, value: unknown) => void
  readonly _update: (resolver: object, writer: Node, options: Resolution) => void
  readonly createResolver: (writer: Node, options: Resolution) => Reads
  readonly _branchConstructor: (new(value: unknown) => unknown) | null | undefined
}

/** Longs that are read as BigInt are longs. */
export const kindOf = ({ typeName }: Node): string => typeName.replace("abstract:", "")

const short = (name: string): string => name.slice(name.lastIndexOf(".") + 1)

export const shortName = ({ name }: Node): string | undefined => name === undefined ? undefined : short(name)

const words = (type: Node): string => type.name ?? kindOf(type)

const throwing = (problem: string) => (): never => {
  throw new Error(problem)
}

/** Reads the branch that the bytes name. */
class Branches implements Reads {
  readonly _readerType: Node
  private readonly branches: ReadonlyArray<Reads>

  constructor(reader: Node, branches: ReadonlyArray<Reads>) {
    this._readerType = reader
    this.branches = branches
  }

  _read(tap: Tap): unknown {
    const index = tap.readLong()
    const branch = this.branches[index]
    if (branch === undefined) throw new Error(`invalid union index: ${index}`)
    return branch._read(tap)
  }

  /** For a value that two fields of the reader take. */
  _peek(tap: Tap): unknown {
    const { pos } = tap
    const value = this._read(tap)
    tap.pos = pos
    return value
  }
}

const ofUnion = (reader: Node, writer: Node, options: Resolution): Reads => {
  const problems: Array<unknown> = []
  const branches = writer.types.map((branch): Reads => {
    try {
      return reader.createResolver(branch, options)
    } catch (error) {
      problems.push(error)
      return { _read: throwing(`the topic's Schema has nothing for ${words(branch)}: ${messageOf(error)}`) }
    }
  })
  // No record could be read.
  if (problems.length === branches.length && problems.length > 0) throw problems[0]
  return new Branches(reader, branches)
}

const isRecord = ({ typeName }: Node): boolean => typeName === "record" || typeName === "error"

/** What reads a writer's type as a reader's. Throws where no record could be read. `original` is the library's. */
export const resolverOf = (
  original: Node["createResolver"],
  reader: Node,
  writer: Node,
  options: Resolution
): Reads => {
  if (writer.typeName.startsWith("union")) return ofUnion(reader, writer, options)
  if (!isRecord(reader) || !isRecord(writer)) return original.call(reader, writer, options)
  const key = `${reader.name}:${writer.name}`
  const failed = (options.failed ??= new Map<string, unknown>())
  // The library would find the half that it made of such a pair, and take it for whole.
  if (failed.has(key)) throw failed.get(key)
  try {
    return original.call(reader, writer, options)
  } catch (error) {
    failed.set(key, error)
    const half = options.registry?.[key]
    // What was resolved within the pair may hold it.
    if (half !== undefined) half._read = throwing(messageOf(error))
    throw error
  }
}

/** Reads the symbols of a writer's enum of which the reader's has some, and no default for others. */
export const resolveSymbols = (reader: Node, resolver: { _read?: Reads["_read"] }, writer: Node): void => {
  if (writer.typeName !== "enum") return
  const names = [reader.name ?? "", ...reader.aliases ?? []].map(short)
  if (!names.includes(shortName(writer)!) || !writer.symbols.some((symbol) => reader.symbols.includes(symbol))) return
  resolver._read = (tap) => {
    const index = tap.readLong()
    const symbol = writer.symbols[index]
    if (symbol === undefined) throw new Error(`invalid ${writer.name} enum index: ${index}`)
    if (reader.symbols.includes(symbol)) return symbol
    throw new Error(`the enum ${reader.name} of the topic's Schema has no "${symbol}", and no default`)
  }
}
