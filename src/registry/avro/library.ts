/**
 * The Avro library, with what it lacks: 64-bit integers as BigInt, unions that are wrapped exactly where `unions` says,
 * and arrays and maps that believe no count which the bytes cannot hold (it would loop, or allocate, as often as a
 * hostile record says).
 */
import type * as Avsc from "avsc"
import * as Effect from "effect/Effect"
import { isWrapped } from "./derive/unions.ts"
import type { AvroJson } from "./shape.ts"

/** An Avro type that reads and writes. */
export interface Binary {
  /** The bytes of a value, after a prefix (default none). */
  readonly write: (value: unknown, prefix?: Uint8Array) => Uint8Array
  /** Reads what was written with this type. Throws where bytes are missing, or left over. */
  readonly read: (bytes: Uint8Array) => unknown
  /** What reads, from `at` on (default 0), what was written with another type. Throws where this one cannot. */
  readonly reading: (writer: Binary) => (bytes: Uint8Array, at?: number) => unknown
}

/** Makes types; `references` are the schemas that the text needs, each after those it needs itself. */
export type MakeBinary = (schema: AvroJson, references?: ReadonlyArray<AvroJson>) => Binary

interface Tap {
  readonly buf: Buffer
  pos: number
  readonly readLong: () => number
  readonly skipLong: () => void
  readonly readString: () => string
}

interface Node {
  readonly itemsType: Node
  readonly valuesType: Node
  readonly _read: (tap: Tap) => unknown
  readonly _skip: (tap: Tap) => void
}

const nothing = new Uint8Array(0)

/** How many items without a byte each (nulls, empty records) an array may have. */
const mostEmpty = 10_000

/** The size of a block of items. Only as many are believed as bytes are left, but for items without bytes. */
const blockSize = (tap: Tap): number => {
  let count = tap.readLong()
  if (count < 0) {
    count = -count
    tap.skipLong()
  }
  const left = tap.buf.length - tap.pos
  if (left < 0 || count > left && count > mostEmpty) throw new Error(`${count} items do not fit into ${left} bytes`)
  return count
}

const items = (tap: Tap, item: () => void): void => {
  for (let count = blockSize(tap); count > 0; count = blockSize(tap)) {
    for (let i = 0; i < count; i++) {
      item()
      if (tap.pos > tap.buf.length) throw new Error("truncated buffer")
    }
  }
}

const load = Effect.promise(() => import("avsc"))

const make = (avsc: typeof Avsc): MakeBinary => {
  const { types } = avsc

  class BoundedArray extends types.ArrayType {
    _read(this: Node, tap: Tap): ReadonlyArray<unknown> {
      const values: Array<unknown> = []
      items(tap, () => values.push(this.itemsType._read(tap)))
      return values
    }

    _skip(this: Node, tap: Tap): void {
      items(tap, () => this.itemsType._skip(tap))
    }
  }

  class BoundedMap extends types.MapType {
    _read(this: Node, tap: Tap): Readonly<Record<string, unknown>> {
      const entries: Array<readonly [string, unknown]> = []
      items(tap, () => entries.push([tap.readString(), this.valuesType._read(tap)]))
      // Not by assignment: a key may be "__proto__".
      return Object.fromEntries(entries)
    }

    _skip(this: Node, tap: Tap): void {
      items(tap, () => {
        tap.readString()
        this.valuesType._skip(tap)
      })
    }
  }

  const bigLong = types.LongType.__with({
    fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
    toBuffer: (value: bigint) => {
      const buffer = Buffer.alloc(8)
      buffer.writeBigInt64LE(value)
      return buffer
    },
    fromJSON: BigInt,
    toJSON: Number,
    isValid: (value: unknown) => typeof value === "bigint" && BigInt.asIntN(64, value) === value,
    compare: (a: bigint, b: bigint) => a < b ? -1 : a > b ? 1 : 0
  })

  const typeHook = (schema: unknown, options: Avsc.ForSchemaOptions): Avsc.Type | undefined => {
    if (Array.isArray(schema)) {
      const branches = schema.map((branch) => avsc.Type.forSchema(branch, options))
      const Union = isWrapped(schema) ? types.WrappedUnionType : types.UnwrappedUnionType
      return new Union(branches as never, options)
    }
    if (typeof schema !== "object" || schema === null) return undefined
    const { bigint, type } = schema as { readonly type?: unknown; readonly bigint?: boolean }
    if (type === "long" && bigint === true) return bigLong
    if (type === "array") return new BoundedArray(schema as never, options)
    return type === "map" ? new BoundedMap(schema as never, options) : undefined
  }

  const binaries = new WeakMap<Binary, Avsc.Type>()
  /** Most values fit; one for all, because nothing is awaited while a value is written. */
  const scratch = Buffer.allocUnsafeSlow(16_384)

  const encode = (type: Avsc.Type, value: unknown, prefix: Uint8Array): Uint8Array => {
    const end = type.encode(value, scratch, prefix.length)
    // A negative number of bytes is what it lacked.
    const bytes = Buffer.allocUnsafe(end < 0 ? scratch.length - end : end)
    if (end < 0) type.encode(value, bytes, prefix.length)
    else scratch.copy(bytes, prefix.length, prefix.length, end)
    bytes.set(prefix)
    return bytes
  }

  const decode = (type: Avsc.Type, bytes: Uint8Array, at: number, resolver?: Avsc.Resolver): unknown => {
    const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const { offset, value } = type.decode(buffer, at, resolver)
    if (offset < 0) throw new Error("truncated buffer")
    if (offset < buffer.length) throw new Error("trailing data")
    return value
  }

  return (schema, references = []) => {
    const options = { typeHook, registry: {} } as unknown as Avsc.ForSchemaOptions
    for (const reference of references) avsc.Type.forSchema(reference as Avsc.Schema, options)
    const type = avsc.Type.forSchema(schema as Avsc.Schema, options)
    const binary: Binary = {
      write: (value, prefix = nothing) => encode(type, value, prefix),
      read: (bytes) => decode(type, bytes, 0),
      reading: (writer) => {
        // As the specification says: names match without their namespaces.
        const resolver = type.createResolver(binaries.get(writer)!, { ignoreNamespaces: true })
        return (bytes, at = 0) => decode(type, bytes, at, resolver)
      }
    }
    binaries.set(binary, type)
    return binary
  }
}

let made: MakeBinary | undefined

/** The library, loaded when it is first needed. A missing one is a defect that says how to install it. */
export const binaries: Effect.Effect<MakeBinary> = Effect.suspend(() => {
  if (made !== undefined) return Effect.succeed(made)
  return load.pipe(
    Effect.catchDefect(() => Effect.die(new Error("Avro needs the package \"avsc\": npm install avsc"))),
    Effect.map((avsc) => (made = make("default" in avsc ? avsc.default as typeof Avsc : avsc)))
  )
})
