/** Keys of maps: texts on the encoded side, of any type in Protobuf. */
import type { Scalar } from "../protoType.ts"
import type { Kind, ScalarShape } from "../shape.ts"
import type { Input } from "./input.ts"
import type { Output } from "./output.ts"
import { readerOf, writerOf, zeroOf } from "./scalars.ts"

const kindOf = (scalar: Scalar): Kind =>
  scalar === "string" ? "string" : scalar === "bool" ? "boolean" : scalar.endsWith("64") ? "bigint" : "number"

const shapeOf = (scalar: Scalar): ScalarShape => ({
  kind: "scalar",
  type: { kind: "scalar", scalar },
  js: kindOf(scalar)
})

/** Reads a key that was written as `written`. */
export const keyReader = (key: Scalar, written: Scalar, path: string): (input: Input) => string => {
  const read = readerOf({ kind: "scalar", scalar: written }, shapeOf(key), path)
  return key === "string" ? read as (input: Input) => string : (input) => String(read(input))
}

/** The key of an entry that has none. */
export const zeroKey = (key: Scalar): string => String(zeroOf(shapeOf(key)))

const wholeNumber = /^(?:0|-?[1-9]\d*)$/

/** Writes a key. A text that is not how the key is read is refused: two texts would be one key. */
export const keyWriter = (key: Scalar, path: string): (output: Output, name: string) => void => {
  const write = writerOf(shapeOf(key), path)
  const kind = kindOf(key)
  if (kind === "string") return write
  return (output, name) => {
    if (kind === "boolean" ? name !== "true" && name !== "false" : !wholeNumber.test(name)) {
      throw new Error(`${path}: the key ${JSON.stringify(name)} is not a ${key}`)
    }
    write(output, kind === "boolean" ? name === "true" : kind === "bigint" ? BigInt(name) : Number(name))
  }
}
