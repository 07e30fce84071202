/** The Avro library: what reads and writes bytes by schemas. */
import type * as Avsc from "avsc"
import * as Effect from "effect/Effect"
import { typeHookOf } from "./libraryTypes.ts"
import type { AvroJson } from "./shape.ts"
import { begin } from "./tap.ts"

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

const nothing = new Uint8Array(0)

const replacement = Buffer.from("\uFFFD")
/** Below this, a loop is faster than a call into native code. */
const few = 1_024

/**
 * Whether bytes may hold what the library makes of half a surrogate pair: U+FFFD, or the half as if it were a
 * character. To look at each text before it is written would cost a fifth of the time.
 */
const mayHoldOthers = (bytes: Buffer, from: number): boolean => {
  const { length } = bytes
  if (length < few) {
    for (let i = from; i < length; i++) {
      const byte = bytes[i]!
      if (byte === 0xed && bytes[i + 1]! >= 0xa0 || byte === 0xef && bytes[i + 1] === 0xbf) return true
    }
    return false
  }
  for (let at = bytes.indexOf(0xed, from); at >= 0; at = bytes.indexOf(0xed, at + 1)) {
    if (bytes[at + 1]! >= 0xa0) return true
  }
  return bytes.includes(replacement, from)
}

const load = Effect.promise(() => import("avsc"))

const make = (avsc: typeof Avsc): MakeBinary => {
  const [typeHook, strictHook] = [typeHookOf(avsc, false), typeHookOf(avsc, true)]
  const binaries = new WeakMap<Binary, Avsc.Type>()
  /** Most values fit; one for all, because nothing is awaited while a value is written. */
  const scratch = Buffer.allocUnsafeSlow(16_384)

  const encode = (type: Avsc.Type, value: unknown, prefix: Uint8Array): Buffer => {
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
    begin()
    const { offset, value } = type.decode(buffer, at, resolver)
    if (offset < 0) throw new Error("truncated buffer")
    if (offset < buffer.length) throw new Error("trailing data")
    return value
  }

  return (schema, references = []) => {
    const typeWith = (hook: typeof typeHook): Avsc.Type => {
      const options = { typeHook: hook, registry: {} } as unknown as Avsc.ForSchemaOptions
      for (const reference of references) avsc.Type.forSchema(reference as Avsc.Schema, options)
      return avsc.Type.forSchema(schema as Avsc.Schema, options)
    }
    const type = typeWith(typeHook)
    let strict: Avsc.Type | undefined
    const binary: Binary = {
      write: (value, prefix = nothing) => {
        const bytes = encode(type, value, prefix)
        if (mayHoldOthers(bytes, prefix.length)) encode(strict ??= typeWith(strictHook), value, prefix)
        return bytes
      },
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
