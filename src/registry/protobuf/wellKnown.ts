/** Google's well-known types that stand for values of Effect and JavaScript. Pure. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import type { Field, MessageType, Scalar } from "./protoType.ts"
import type { Kind, MessageShape, Property } from "./shape.ts"

const scalarField = (name: string, number: number, scalar: Scalar): Field => ({
  name,
  number,
  type: { kind: "scalar", scalar },
  label: "implicit"
})

const property = (field: Field, js: Kind): Property => ({
  kind: "field",
  key: field.name,
  field,
  shape: { kind: "scalar", type: field.type as never, js },
  absence: "default"
})

interface Moment {
  readonly seconds: bigint
  readonly nanos: number
}

const secondsAndNanos = (name: string): MessageType => ({
  kind: "message",
  name,
  fields: [scalarField("seconds", 1, "int64"), scalarField("nanos", 2, "int32")]
})

const momentShape = (
  type: MessageType,
  toProto: MessageShape["toProto"],
  fromProto: MessageShape["fromProto"]
): MessageShape => ({
  kind: "message",
  type,
  properties: [property(type.fields[0]!, "bigint"), property(type.fields[1]!, "number")],
  constants: {},
  toProto,
  fromProto
})

const timestampType = secondsAndNanos("google.protobuf.Timestamp")
const durationType = secondsAndNanos("google.protobuf.Duration")

const nanosPerSecond = 1_000_000_000n
const nanosPerMilli = 1_000_000

const momentOf = (millis: number): Moment => {
  if (!Number.isFinite(millis)) throw new Error("an invalid date has no Timestamp")
  const seconds = Math.floor(millis / 1_000)
  return { seconds: BigInt(seconds), nanos: Math.round((millis - seconds * 1_000) * nanosPerMilli) }
}

/** Dates have milliseconds: what a Timestamp has beyond them is left out, as every reader of dates does. */
const millisOf = ({ nanos, seconds }: Moment): number => {
  const millis = Number(seconds) * 1_000 + Math.floor(nanos / nanosPerMilli)
  // The range of JavaScript's dates.
  if (Math.abs(millis) > 8.64e15) throw new Error(`a Timestamp of ${seconds} seconds is beyond any date`)
  return millis
}

export const date: MessageShape = momentShape(
  timestampType,
  (value: Date) => momentOf(value.getTime()),
  (moment: Moment) => new Date(millisOf(moment))
)

export const dateTime: MessageShape = momentShape(
  timestampType,
  (value: DateTime.Utc) => momentOf(DateTime.toEpochMillis(value)),
  (moment: Moment) => DateTime.makeUnsafe(millisOf(moment))
)

const nanosOf = (value: Duration.Duration): bigint => {
  if (!Duration.isFinite(value)) throw new Error("an infinite Duration has no Protobuf value")
  return Duration.toNanosUnsafe(value)
}

/** Both parts have the same sign, as Protobuf asks. */
export const duration: MessageShape = momentShape(
  durationType,
  (value: Duration.Duration) => {
    const nanos = nanosOf(value)
    return { seconds: nanos / nanosPerSecond, nanos: Number(nanos % nanosPerSecond) }
  },
  ({ nanos, seconds }: Moment) => Duration.nanos(seconds * nanosPerSecond + BigInt(nanos))
)

const wrapped: Readonly<Record<string, Scalar>> = {
  DoubleValue: "double",
  FloatValue: "float",
  Int64Value: "int64",
  UInt64Value: "uint64",
  Int32Value: "int32",
  UInt32Value: "uint32",
  BoolValue: "bool",
  StringValue: "string",
  BytesValue: "bytes"
}

const prefix = "google.protobuf."

/** The scalar in a wrapper, by the wrapper's name. */
export const wrappedScalar = (name: string): Scalar | undefined =>
  name.startsWith(prefix) ? wrapped[name.slice(prefix.length)] : undefined

export const wrapper = (name: string, scalar: Scalar, js: Kind): MessageShape => {
  const field = scalarField("value", 1, scalar)
  return {
    kind: "message",
    type: { kind: "message", name, fields: [field] },
    properties: [property(field, js)],
    constants: {},
    toProto: (value: unknown) => ({ value }),
    fromProto: (message: { readonly value: unknown }) => message.value
  }
}

/** The file that declares a well-known type. */
export const fileOf = (name: string): string | undefined => {
  if (!name.startsWith(prefix)) return undefined
  const simple = name.slice(prefix.length)
  return `google/protobuf/${simple in wrapped ? "wrappers" : simple.toLowerCase()}.proto`
}
