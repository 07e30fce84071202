/** Types without parts: numbers, texts, bytes, and the classes that well-known types stand for. Pure. */
import type * as SchemaAST from "effect/SchemaAST"
import { hasCheck, isWithin } from "../../checks.ts"
import type { Scalar } from "../protoType.ts"
import type { Annotation, Kind, Shape } from "../shape.ts"
import { NoProtobufType } from "../shape.ts"
import * as WellKnown from "../wellKnown.ts"

type Path = ReadonlyArray<string>

const bits64: ReadonlyArray<Scalar> = ["int64", "uint64", "sint64", "fixed64", "sfixed64"]
const bits32: ReadonlyArray<Scalar> = ["int32", "uint32", "sint32", "fixed32", "sfixed32"]

/** What each kind of value may be written as. */
const allowed: Readonly<Record<Kind, ReadonlyArray<Scalar>>> = {
  number: ["double", "float", ...bits32, ...bits64],
  bigint: bits64,
  boolean: ["bool"],
  string: ["string"],
  bytes: ["bytes"]
}

/** A scalar, or its wrapper, as the annotation says. */
export const scalar = (js: Kind, standard: Scalar, { type = standard }: Annotation, path: Path): Shape => {
  const inWrapper = WellKnown.wrappedScalar(type)
  const wanted = inWrapper ?? type as Scalar
  if (!allowed[js].includes(wanted)) {
    const types = allowed[js].join(", ")
    throw new NoProtobufType(path, `a ${js} cannot be "${type}"; it is ${types}, or a wrapper of Google's`)
  }
  return inWrapper === undefined
    ? { kind: "scalar", type: { kind: "scalar", scalar: wanted }, js }
    : WellKnown.wrapper(type, wanted, js)
}

/** `int32` and `uint32` where a check bounds it to them, `int64` for other whole numbers, else `double`. */
export const numberType = (ast: SchemaAST.AST): Scalar => {
  if (!hasCheck(ast, "isInt")) return "double"
  if (isWithin(ast, -2_147_483_648, 2_147_483_647)) return "int32"
  return isWithin(ast, 0, 4_294_967_295) ? "uint32" : "int64"
}

/** Literals of one type, as that type: only the Schema knows which values there are. */
export const literals = (values: ReadonlyArray<unknown>, said: Annotation, path: Path): Shape => {
  if (values.every((value) => typeof value === "string")) return scalar("string", "string", said, path)
  if (values.every((value) => typeof value === "boolean")) return scalar("boolean", "bool", said, path)
  if (values.every((value) => typeof value === "bigint")) return scalar("bigint", "int64", said, path)
  if (values.every((value) => typeof value === "number")) {
    return scalar("number", values.every(Number.isSafeInteger) ? "int64" : "double", said, path)
  }
  throw new NoProtobufType(path, "literals of several types have no Protobuf type; make them a tagged union of Structs")
}

/** The classes that have a Protobuf type, by what Effect calls their Schemas. */
export const declared = (id: string | undefined, said: Annotation, path: Path): Shape => {
  switch (id) {
    case "effect/schema/Uint8Array":
      return scalar("bytes", "bytes", said, path)
    case "effect/schema/Date":
      return WellKnown.date
    case "effect/schema/DateTimeUtc":
      return WellKnown.dateTime
    case "effect/schema/Duration":
      return WellKnown.duration
    default: {
      const name = id?.slice(id.lastIndexOf("/") + 1) ?? "this class"
      throw new NoProtobufType(path, `${name} has no Protobuf type; encode it to one that has, such as a text`)
    }
  }
}

const keys: ReadonlyArray<Scalar> = ["string", "bool", ...bits32, ...bits64]

/** The type of a map's keys, which are texts in JavaScript. */
export const mapKey = ({ key = "string" }: Annotation, path: Path): Scalar => {
  const found = keys.find((each) => each === key)
  if (found !== undefined) return found
  throw new NoProtobufType(path, `the keys of a map cannot be "${key}"; they are ${keys.join(", ")}`)
}
