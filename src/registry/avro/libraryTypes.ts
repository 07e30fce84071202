/**
 * The types of the Avro library, with what it lacks: 64-bit integers as BigInt; unions that are wrapped exactly where
 * `unions` says, and read what was written as one of their branches as that branch; a check of texts; and
 * arrays and maps that believe no count which the bytes cannot hold (it would loop, or allocate, as often as a hostile
 * record says).
 */
import type * as Avsc from "avsc"
import { isWrapped } from "./derive/unions.ts"
import { checkText, items, type Tap } from "./tap.ts"

type Reads = { readonly _read: (tap: Tap) => unknown }

/** A type, as far as its typings do not show it. */
interface Node extends Reads {
  readonly itemsType: Node
  readonly valuesType: Node
  readonly types: ReadonlyArray<Node>
  readonly typeName: string
  readonly name?: string | undefined
  readonly _skip: (tap: Tap) => void
  readonly _write: (tap: Tap, value: unknown) => void
  readonly _update: (resolver: object, writer: Node, options: unknown) => void
  readonly createResolver: (writer: Node, options: unknown) => Reads
  readonly _branchConstructor: (new(value: unknown) => unknown) | null | undefined
}

const prototypeOf = (type: { readonly prototype: unknown }): Node => type.prototype as Node

/** Longs that are read as BigInt are longs. */
const kindOf = ({ typeName }: Node): string => typeName.replace("abstract:", "")

const shortName = ({ name }: Node): string | undefined => name?.slice(name.lastIndexOf(".") + 1)

/**
 * What reads values of a union's own branch. The library takes the first branch that can be read: it would make bytes
 * of a text.
 */
const ownBranch = (
  union: Node,
  writer: Node,
  options: unknown
): { readonly branch: Node; readonly reads: Reads } | undefined => {
  const branch = union.types.find((each) => kindOf(each) === kindOf(writer) && shortName(each) === shortName(writer))
  if (branch === undefined) return undefined
  try {
    return { branch, reads: branch.createResolver(writer, options) }
  } catch {
    return undefined
  }
}

/**
 * What makes an Avro type of a part of a schema, where it is not the library's own. `strict` types refuse to write
 * texts that would be others in UTF-8.
 */
export const typeHookOf = (avsc: typeof Avsc, strict: boolean) => {
  const { types } = avsc
  const [mapType, stringType, wrappedType, unwrappedType] = [
    types.MapType,
    types.StringType,
    types.WrappedUnionType,
    types.UnwrappedUnionType
  ].map(prototypeOf) as [Node, Node, Node, Node]

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
      items(tap, () => entries.push([tap.readString() ?? "", this.valuesType._read(tap)]))
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

  class StrictMap extends BoundedMap {
    _write(tap: Tap, map: unknown): void {
      // What is no map is refused by the library.
      for (const key of Object.keys(map ?? {})) checkText(key)
      mapType._write.call(this, tap, map)
    }
  }

  class StrictText extends types.StringType {
    _write(tap: Tap, text: unknown): void {
      if (typeof text === "string") checkText(text)
      stringType._write.call(this, tap, text)
    }
  }

  class Unwrapped extends types.UnwrappedUnionType {
    _update(this: Node, resolver: { _read?: Reads["_read"] }, writer: Node, options: unknown): void {
      const own = ownBranch(this, writer, options)
      if (own === undefined) unwrappedType._update.call(this, resolver, writer, options)
      else resolver._read = (tap) => own.reads._read(tap)
    }
  }

  class Wrapped extends types.WrappedUnionType {
    _update(this: Node, resolver: { _read?: Reads["_read"] }, writer: Node, options: unknown): void {
      const own = ownBranch(this, writer, options)
      if (own === undefined) return wrappedType._update.call(this, resolver, writer, options)
      const Wrapper = own.branch._branchConstructor
      resolver._read = Wrapper ? (tap) => new Wrapper(own.reads._read(tap)) : () => null
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

  return (schema: unknown, options: Avsc.ForSchemaOptions): Avsc.Type | undefined => {
    if (Array.isArray(schema)) {
      const branches = schema.map((branch) => avsc.Type.forSchema(branch, options))
      const Union = isWrapped(schema) ? Wrapped : Unwrapped
      return new Union(branches as never, options)
    }
    if (schema === "string" && strict) return new StrictText()
    if (typeof schema !== "object" || schema === null) return undefined
    const { bigint, type } = schema as { readonly type?: unknown; readonly bigint?: boolean }
    switch (type) {
      case "string":
        return strict ? new StrictText() : undefined
      case "long":
        return bigint === true ? bigLong : undefined
      case "array":
        return new BoundedArray(schema as never, options)
      case "map":
        return strict ? new StrictMap(schema as never, options) : new BoundedMap(schema as never, options)
      default:
        return undefined
    }
  }
}
