/** Types without parts: numbers, texts, literals, and the classes of Effect and JavaScript that Avro has types for. */
import * as BigDecimal from "effect/BigDecimal"
import * as DateTime from "effect/DateTime"
import type * as SchemaAST from "effect/SchemaAST"
import { hasCheck, isWithin } from "../../checks.ts"
import type { Annotation, AvroJson, Shape } from "../shape.ts"
import { NoAvroType, plain } from "../shape.ts"

type Path = ReadonlyArray<string>

/** A primitive type, with the logical type that an annotation gives it. */
export const logical = (type: string, { logicalType }: Annotation): Shape =>
  plain(logicalType === undefined ? type : { type, logicalType })

/** `int` where a check bounds it to 32 bits, `long` for other whole numbers, else `double`. */
export const number = (ast: SchemaAST.AST, annotation: Annotation): Shape => {
  if (annotation.type !== undefined) return logical(annotation.type, annotation)
  if (!hasCheck(ast, "isInt")) return logical("double", annotation)
  return logical(isWithin(ast, -2_147_483_648, 2_147_483_647) ? "int" : "long", annotation)
}

export const string = (ast: SchemaAST.AST, annotation: Annotation): Shape => {
  return logical("string", hasCheck(ast, "isUUID") ? { logicalType: "uuid" } : annotation)
}

/** Read and written as BigInt by the library, because of the attribute `bigint`. */
export const bigInteger = ({ logicalType }: Annotation = {}): Shape => ({
  json: { type: "long", ...(logicalType === undefined ? {} : { logicalType }), bigint: true },
  toAvro: (value: bigint) => {
    if (BigInt.asIntN(64, value) === value) return value
    throw new Error(`${value} does not fit into Avro's long, which has 64 bits`)
  },
  fromAvro: undefined
})

const symbol = /^[A-Za-z_]\w*$/

/** Texts that are symbols make an enum, still without a name; others are a string. */
export const literals = (values: ReadonlyArray<unknown>, path: Path): Shape => {
  if (values.every((value) => typeof value === "string")) {
    return values.every((value) => symbol.test(value))
      ? plain({ type: "enum", symbols: [...new Set(values)] })
      : plain("string")
  }
  if (values.every((value) => typeof value === "boolean")) return plain("boolean")
  if (values.every((value) => typeof value === "bigint")) return bigInteger()
  if (values.every((value) => typeof value === "number")) {
    return plain(values.every(Number.isSafeInteger) ? "long" : "double")
  }
  throw new NoAvroType(path, "literals of several types have no Avro type; make them a union of Schemas")
}

const bytesOf = (unscaled: bigint): Uint8Array => {
  const bytes: Array<number> = []
  let rest = unscaled
  while (true) {
    const byte = Number(BigInt.asUintN(8, rest))
    bytes.push(byte)
    rest >>= 8n
    const sign = (byte & 0x80) !== 0
    if (rest === 0n && !sign || rest === -1n && sign) return Uint8Array.from(bytes.toReversed())
  }
}

const unscaledOf = (bytes: Uint8Array): bigint => {
  let value = 0n
  for (const byte of bytes) value = value << 8n | BigInt(byte)
  return bytes.length === 0 ? 0n : BigInt.asIntN(8 * bytes.length, value)
}

/** As many bytes as there are to be: those in front repeat the sign. */
const padded = (bytes: Uint8Array, size: number | undefined): Uint8Array => {
  if (size === undefined) return bytes
  if (bytes.length > size) throw new Error(`a number of ${bytes.length} bytes does not fit into ${size}`)
  const all = new Uint8Array(size).fill((bytes[0]! & 0x80) === 0 ? 0 : 0xff)
  all.set(bytes, size - bytes.length)
  return all
}

/** Bytes, or those of a fixed, as the Avro type of a class. */
type Container = () => AvroJson

/** Bytes with a fixed scale: a value with more digits behind the point is refused, never rounded. */
const decimal = ({ precision, scale, size }: Annotation, path: Path, container: Container): Shape => {
  if (precision === undefined) {
    throw new NoAvroType(path, "a BigDecimal needs its digits: .annotate({ avro: { precision: 12, scale: 2 } })")
  }
  const digits = scale ?? 0
  const json = container()
  return {
    json: typeof json === "string" && json !== "bytes"
      ? json
      : { ...asObject(json), logicalType: "decimal", precision, scale: digits },
    toAvro: (value: BigDecimal.BigDecimal) => {
      const scaled = BigDecimal.scale(value, digits)
      const text = scaled.value < 0n ? -scaled.value : scaled.value
      if (!BigDecimal.equals(scaled, value) || String(text).length > precision) {
        throw new Error(
          `${BigDecimal.format(value)} does not fit into ${precision} digits, ${digits} of them after the point`
        )
      }
      return Buffer.from(padded(bytesOf(scaled.value), size))
    },
    fromAvro: (bytes: Uint8Array) => BigDecimal.make(unscaledOf(bytes), digits)
  }
}

const asObject = (json: AvroJson): object => typeof json === "object" ? json : { type: json }

const moments = { "timestamp-millis": 1, "timestamp-micros": 1_000, "local-timestamp-millis": 1 } as const

/** A point in time in milliseconds, or in microseconds by annotation; `make` and `millis` are of its class. */
const moment = <A>(
  { logicalType = "timestamp-millis" }: Annotation,
  path: Path,
  millis: (value: A) => number,
  make: (millis: number) => A
): Shape => {
  if (!(logicalType in moments)) {
    throw new NoAvroType(path, `a time is ${Object.keys(moments).join(", ")}, not ${logicalType}`)
  }
  const factor = moments[logicalType as keyof typeof moments]
  return {
    json: { type: "long", logicalType },
    toAvro: (value: A) => millis(value) * factor,
    fromAvro: (value: number) => make(Math.floor(value / factor))
  }
}

const buffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * The classes that have an Avro type, by what Effect calls their Schemas. `container` is bytes or a fixed, for those
 * that become bytes.
 */
export const declared = (
  id: string | undefined,
  annotation: Annotation,
  path: Path,
  container: Container
): Shape | undefined => {
  switch (id) {
    case "effect/schema/Uint8Array": {
      const { logicalType } = annotation
      const json = container()
      // A fixed that was written before is a name.
      const isName = typeof json === "string" && json !== "bytes"
      return {
        json: logicalType === undefined || isName ? json : { ...asObject(json), logicalType },
        toAvro: buffer,
        fromAvro: undefined
      }
    }
    case "effect/schema/BigDecimal":
      return decimal(annotation, path, container)
    case "effect/schema/Date":
      return moment<Date>(annotation, path, (date) => date.getTime(), (millis) => new Date(millis))
    case "effect/schema/DateTimeUtc":
      return moment<DateTime.Utc>(annotation, path, DateTime.toEpochMillis, (millis) => DateTime.makeUnsafe(millis))
    default:
      return undefined
  }
}
