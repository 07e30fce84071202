/**
 * The types of the Avro library, with what it lacks: 64-bit integers as BigInt; unions that are wrapped exactly where
 * `unions` says, and read what was written as one of their branches as that branch; resolution record by record (see
 * `resolvers`); a check of texts; and arrays and maps that believe no count which the bytes cannot hold (it would loop,
 * or allocate, as often as a hostile record says).
 */
import type * as Avsc from "avsc"
import { isWrapped } from "./derive/unions.ts"
import type { Node, Reads, Resolution } from "./resolvers.ts"
import { kindOf, resolverOf, resolveSymbols, shortName } from "./resolvers.ts"
import { checkText, items, type Tap } from "./tap.ts"

const prototypeOf = (type: { readonly prototype: unknown }): Node => type.prototype as Node

/**
 * What reads values of a union's own branch. The library takes the first branch that can be read: it would make bytes
 * of a text.
 */
const ownBranch = (
  union: Node,
  writer: Node,
  options: Resolution
): { readonly branch: Node; readonly reads: Reads } | undefined => {
  const branch = union.types.find((each) => kindOf(each) === kindOf(writer) && shortName(each) === shortName(writer))
  if (branch === undefined) return undefined
  try {
    return { branch, reads: branch.createResolver(writer, options) }
  } catch {
    return undefined
  }
}

type Types = typeof Avsc.types

/** The classes of the library, which resolve as `resolvers` does. */
const resolving = ({ Type, types }: typeof Avsc): Types => {
  const original = prototypeOf(Type as unknown as { readonly prototype: unknown }).createResolver
  const each = (Base: new(...args: ReadonlyArray<never>) => object) =>
    class extends Base {
      createResolver(writer: Node, options: Resolution): Reads {
        return resolverOf(original, this as unknown as Node, writer, options)
      }
    }
  const entries = Object.entries(types) as ReadonlyArray<[string, Parameters<typeof each>[0]]>
  // The abstract one has no constructor of its own.
  const made = entries.map(([name, Base]) => [name, name === "LogicalType" ? Base : each(Base)])
  return { ...types, ...Object.fromEntries(made) } as Types
}

/**
 * What makes an Avro type of a part of a schema, where it is not the library's own. `strict` types refuse to write
 * texts that would be others in UTF-8.
 */
export const typeHookOf = (avsc: typeof Avsc, strict: boolean) => {
  const types = resolving(avsc)
  const simple = {
    null: types.NullType,
    boolean: types.BooleanType,
    int: types.IntType,
    float: types.FloatType,
    double: types.DoubleType,
    bytes: types.BytesType
  }
  const [enumType, mapType, stringType, wrappedType, unwrappedType] = [
    types.EnumType,
    types.MapType,
    types.StringType,
    types.WrappedUnionType,
    types.UnwrappedUnionType
  ].map(prototypeOf) as [Node, Node, Node, Node, Node]

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

  class LenientEnum extends types.EnumType {
    _update(this: Node, resolver: { _read?: Reads["_read"] }, writer: Node, options: Resolution): void {
      enumType._update.call(this, resolver, writer, options)
      if (!resolver._read) resolveSymbols(this, resolver, writer)
    }
  }

  class Unwrapped extends types.UnwrappedUnionType {
    _update(this: Node, resolver: { _read?: Reads["_read"] }, writer: Node, options: Resolution): void {
      const own = ownBranch(this, writer, options)
      if (own === undefined) unwrappedType._update.call(this, resolver, writer, options)
      else resolver._read = (tap) => own.reads._read(tap)
    }
  }

  class Wrapped extends types.WrappedUnionType {
    _update(this: Node, resolver: { _read?: Reads["_read"] }, writer: Node, options: Resolution): void {
      const own = ownBranch(this, writer, options)
      if (own === undefined) return wrappedType._update.call(this, resolver, writer, options)
      const Wrapper = own.branch._branchConstructor
      resolver._read = Wrapper ? (tap) => new Wrapper(own.reads._read(tap)) : () => null
    }
  }

  const bigLong = Object.create(
    types.LongType.__with({
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
    }),
    { createResolver: { value: types.LongType.prototype.createResolver } }
  ) as Avsc.Type

  return (schema: unknown, options: Avsc.ForSchemaOptions): Avsc.Type | undefined => {
    if (Array.isArray(schema)) {
      const branches = schema.map((branch) => avsc.Type.forSchema(branch, options))
      const Union = isWrapped(schema) ? Wrapped : Unwrapped
      return new Union(branches as never, options)
    }
    const attributes = typeof schema === "string" ? { type: schema } : schema as { readonly type?: unknown }
    const { type } = attributes
    if (typeof type === "object" && type !== null) return avsc.Type.forSchema(type as Avsc.Schema, options)
    switch (type) {
      case "string":
        return strict ? new StrictText() : new types.StringType()
      case "long":
        return "bigint" in attributes && attributes.bigint === true ? bigLong : new types.LongType()
      case "array":
        return new BoundedArray(schema as never, options)
      case "map":
        return strict ? new StrictMap(schema as never, options) : new BoundedMap(schema as never, options)
      case "enum":
        return new LenientEnum(schema as never, options)
      case "fixed":
        return new types.FixedType(schema as never, options)
      case "record":
      case "error":
        return new types.RecordType(schema as never, options)
      default:
        return typeof type === "string" && type in simple ? new simple[type as keyof typeof simple]() : undefined
    }
  }
}
