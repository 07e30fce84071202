/** Scalars and enums: read as the writer's type and given as the reader's, and written. */
import type { EnumType, Scalar, ScalarType } from "../protoType.ts"
import type { EnumShape, ScalarShape } from "../shape.ts"
import type { Input } from "./input.ts"
import { wireType } from "./input.ts"
import type { Output } from "./output.ts"

export type ReadValue = (input: Input) => unknown
/** The value is of the shape's type: the Schema has made it. */
export type WriteValue = (output: Output, value: any) => void

type Readers = { readonly [S in Scalar]: ReadValue }

const safe = (value: bigint): number => {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw new Error(`${value} cannot be a number without being rounded; Schema.BigInt takes it`)
}

const asNumber: Readers = {
  double: (input) => input.double(),
  float: (input) => input.float(),
  int32: (input) => input.int32(),
  uint32: (input) => input.uint32(),
  sint32: (input) => input.sint32(),
  fixed32: (input) => input.fixed32(),
  sfixed32: (input) => input.sfixed32(),
  int64: (input) => input.int64AsNumber(),
  uint64: (input) => input.uint64AsNumber(),
  sint64: (input) => safe(input.sint64()),
  fixed64: (input) => safe(input.fixed64()),
  sfixed64: (input) => safe(input.sfixed64()),
  bool: (input) => input.bool() ? 1 : 0,
  string: (input) => input.string(),
  bytes: (input) => input.octets()
}

const asBigInt: Readers = {
  ...asNumber,
  int32: (input) => BigInt(input.int32()),
  uint32: (input) => BigInt(input.uint32()),
  sint32: (input) => BigInt(input.sint32()),
  fixed32: (input) => BigInt(input.fixed32()),
  sfixed32: (input) => BigInt(input.sfixed32()),
  int64: (input) => input.int64(),
  uint64: (input) => input.uint64(),
  sint64: (input) => input.sint64(),
  fixed64: (input) => input.fixed64(),
  sfixed64: (input) => input.sfixed64(),
  bool: (input) => input.bool() ? 1n : 0n
}

const signed32: readonly [number, number] = [-2_147_483_648, 2_147_483_647]
const unsigned32: readonly [number, number] = [0, 4_294_967_295]
const signed64: readonly [bigint, bigint] = [-(1n << 63n), (1n << 63n) - 1n]
const unsigned64: readonly [bigint, bigint] = [0n, (1n << 64n) - 1n]

/** The whole numbers that a type holds. */
const ranges: { readonly [S in Scalar]?: readonly [number | bigint, number | bigint] } = {
  int32: signed32,
  sint32: signed32,
  sfixed32: signed32,
  uint32: unsigned32,
  fixed32: unsigned32,
  int64: signed64,
  sint64: signed64,
  sfixed64: signed64,
  uint64: unsigned64,
  fixed64: unsigned64,
  bool: [0, 1]
}

const scalarOf = (type: ScalarType | EnumType): Scalar => type.kind === "enum" ? "int32" : type.scalar

/** The reader's type may hold less than the writer's: a value that does not fit is refused, never cut. */
const checked = (read: ReadValue, written: Scalar, wanted: Scalar, path: string): ReadValue => {
  const [from, to] = [ranges[written], ranges[wanted]]
  if (from === undefined || to === undefined || from[0] >= to[0] && from[1] <= to[1]) return read
  return (input) => {
    const value = read(input) as number | bigint
    if (value >= to[0] && value <= to[1]) return value
    throw new Error(`${path}: ${value} does not fit into ${wanted}`)
  }
}

/** Reads a value that was written as `written`; the types are of one group. */
export const readerOf = (
  written: ScalarType | EnumType,
  shape: ScalarShape | EnumShape,
  path: string
): ReadValue => {
  const type = scalarOf(written)
  if (shape.kind === "enum") {
    const read = checked(asNumber[type], type, "int32", path)
    return (input) => {
      const number = read(input) as number
      if (shape.literals.has(number)) return shape.literals.get(number)
      throw new Error(`${path}: ${number} is not a value of ${shape.type.name} that the topic's Schema has`)
    }
  }
  const { js, type: { scalar: wanted } } = shape
  switch (js) {
    case "string":
      return (input) => input.string()
    case "bytes":
      return (input) => input.octets()
    case "bigint":
      return checked(asBigInt[type], type, wanted, path)
    case "number":
      return checked(asNumber[type], type, wanted, path)
    case "boolean": {
      if (type === "bool") return (input) => input.bool()
      const read = checked(asNumber[type], type, "bool", path)
      return (input) => read(input) === 1
    }
  }
}

const wireTypes: { readonly [S in Scalar]?: number } = {
  double: wireType.fixed64,
  fixed64: wireType.fixed64,
  sfixed64: wireType.fixed64,
  float: wireType.fixed32,
  fixed32: wireType.fixed32,
  sfixed32: wireType.fixed32,
  string: wireType.length,
  bytes: wireType.length
}

export const wireTypeOf = (type: ScalarType | EnumType): number => wireTypes[scalarOf(type)] ?? wireType.varint

/** The value of a field that was not written; `undefined` for an enum whose 0 is no literal. */
export const zeroOf = (shape: ScalarShape | EnumShape): unknown => {
  if (shape.kind === "enum") return shape.literals.get(0)
  return { number: 0, bigint: 0n, boolean: false, string: "", bytes: new Uint8Array(0) }[shape.js]
}

const writers: { readonly [S in Scalar]: WriteValue } = {
  double: (output, value: number) => output.double(value),
  float: (output, value: number) => output.float(value),
  int32: (output, value: number) => output.int(value),
  uint32: (output, value: number) => output.uint32(value),
  sint32: (output, value: number) => output.uint32((value << 1 ^ value >> 31) >>> 0),
  fixed32: (output, value: number) => output.fixed32(value),
  sfixed32: (output, value: number) => output.fixed32(value),
  int64: (output, value: number | bigint) =>
    typeof value === "number" ? output.int(value) : output.big(BigInt.asUintN(64, value)),
  uint64: (output, value: number | bigint) => typeof value === "number" ? output.int(value) : output.big(value),
  sint64: (output, value: number | bigint) => {
    const all = BigInt(value)
    output.big(BigInt.asUintN(64, all << 1n ^ all >> 63n))
  },
  fixed64: (output, value: number | bigint) => output.fixed64(BigInt.asUintN(64, BigInt(value))),
  sfixed64: (output, value: number | bigint) => output.fixed64(BigInt.asUintN(64, BigInt(value))),
  bool: (output, value: boolean) => output.uint32(value ? 1 : 0),
  string: (output, value: string) => output.string(value),
  bytes: (output, value: Uint8Array) => output.octets(value)
}

/** Writes a value; one that the type cannot hold is refused. */
export const writerOf = (shape: ScalarShape | EnumShape, path: string): WriteValue => {
  if (shape.kind === "enum") {
    return (output, value: unknown) => {
      const number = shape.numbers.get(value)
      if (number === undefined) throw new Error(`${path}: ${String(value)} is not a value of ${shape.type.name}`)
      output.int(number)
    }
  }
  const { js, type: { scalar } } = shape
  const write = writers[scalar]
  const range = js === "number" || js === "bigint" ? ranges[scalar] : undefined
  if (range !== undefined) {
    const [least, most] = range
    return (output, value: number | bigint) => {
      if (value < least || value > most || typeof value === "number" && !Number.isSafeInteger(value)) {
        throw new Error(`${path}: ${value} does not fit into ${scalar}`)
      }
      write(output, value)
    }
  }
  if (js !== "string") return write
  return (output, value: string) => {
    if (!value.isWellFormed()) {
      throw new Error(`${path}: the text has half of a surrogate pair, which UTF-8 cannot express`)
    }
    output.string(value)
  }
}

/** Whether a value is its type's default, which is not written where the field has no presence. */
export const isZero = (shape: ScalarShape | EnumShape): (value: unknown) => boolean => {
  if (shape.kind === "enum") return (value) => shape.numbers.get(value) === 0
  switch (shape.js) {
    case "number":
      // Not minus zero.
      return (value) => Object.is(value, 0)
    case "bigint":
      return (value) => value === 0n
    case "boolean":
      return (value) => value === false
    case "string":
      return (value) => value === ""
    case "bytes":
      return (value) => (value as Uint8Array).length === 0
  }
}
