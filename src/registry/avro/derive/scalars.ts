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

const numbers = new Set(["int", "long", "float", "double"])

/** It has fewer digits, and that is meant; one that is too large would be infinite. */
const float = (annotation: Annotation): Shape => ({
  ...logical("float", annotation),
  toAvro: (value: number) => {
    if (!Number.isFinite(value) || Number.isFinite(Math.fround(value))) return value
    throw new Error(`${value} is too large for a float; a double holds it`)
  }
})

/** `int` where a check bounds it to 32 bits, `long` for other whole numbers, else `double`. */
export const number = (ast: SchemaAST.AST, annotation: Annotation, path: Path): Shape => {
  const { type } = annotation
  if (type === "float") return float(annotation)
  if (type !== undefined && !numbers.has(type)) {
    throw new NoAvroType(path, `a number is ${[...numbers].join(", ")}, not ${type}`)
  }
  if (type !== undefined) return logical(type, annotation)
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

/** As few bytes as hold the number and its sign; at once, as {@link unscaledOf}. */
const bytesOf = (unscaled: bigint): Buffer => {
  // Of a negative number, what is left when its sign is taken off.
  const magnitude = (unscaled < 0n ? -unscaled - 1n : unscaled).toString(16)
  const bits = 4 * magnitude.length - Math.clz32(Number.parseInt(magnitude[0]!, 16)) + 28
  const size = Math.floor(bits / 8) + 1
  return Buffer.from(BigInt.asUintN(8 * size, unscaled).toString(16).padStart(2 * size, "0"), "hex")
}

/** At once: byte after byte, some hundred kilobytes of a hostile record would take minutes. */
const unscaledOf = (bytes: Uint8Array): bigint =>
  bytes.length === 0 ? 0n : BigInt.asIntN(8 * bytes.length, BigInt(`0x${buffer(bytes).toString("hex")}`))

/** As many bytes as there are to be: those in front repeat the sign. */
const padded = (bytes: Buffer, size: number | undefined): Buffer => {
  if (size === undefined) return bytes
  const all = Buffer.alloc(size, (bytes[0]! & 0x80) === 0 ? 0 : 0xff)
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
  if (!Number.isSafeInteger(precision) || precision < 1) {
    throw new NoAvroType(path, `the precision of a decimal is a whole number of at least 1, not ${precision}`)
  }
  if (!Number.isSafeInteger(digits) || digits < 0 || digits > precision) {
    throw new NoAvroType(path, `the scale of a decimal of ${precision} digits is 0 to ${precision}, not ${digits}`)
  }
  const json = container()
  const limit = 10n ** BigInt(precision)
  if (size !== undefined && bytesOf(limit - 1n).length > size) {
    throw new NoAvroType(path, `a fixed of ${size} bytes does not hold ${precision} digits`)
  }
  const refuse = (value: BigDecimal.BigDecimal): never => {
    const text = value.value < limit * limit ? BigDecimal.format(value) : "a number"
    throw new Error(`${text} does not fit into ${precision} digits, ${digits} of them after the point`)
  }
  const fits = (unscaled: bigint) => unscaled < limit && -unscaled < limit
  return {
    json: typeof json === "string" && json !== "bytes"
      ? json
      : { ...asObject(json), logicalType: "decimal", precision, scale: digits },
    toAvro: (value: BigDecimal.BigDecimal) => {
      const scaled = BigDecimal.scale(value, digits)
      if (!fits(scaled.value) || !BigDecimal.equals(scaled, value)) refuse(value)
      return padded(bytesOf(scaled.value), size)
    },
    fromAvro: (bytes: Uint8Array) => {
      const value = BigDecimal.make(unscaledOf(bytes), digits)
      return fits(value.value) ? value : refuse(value)
    }
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
