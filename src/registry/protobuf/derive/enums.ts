/** Enums: literals, or the members of a TypeScript enum, with their numbers. Pure. */
import type { EnumType } from "../protoType.ts"
import type { EnumShape } from "../shape.ts"
import { NoProtobufType } from "../shape.ts"
import { screaming } from "./typeNames.ts"

/** One value of the Schema, with its name and number. */
export interface Member {
  readonly name: string
  readonly value: unknown
  readonly number: number
}

/** The members that an annotation numbers. */
export const numbered = (
  values: ReadonlyArray<unknown>,
  numbers: Readonly<Record<string, number>>,
  path: ReadonlyArray<string>
): ReadonlyArray<Member> =>
  values.map((value) => {
    const name = String(value)
    const number = Object.hasOwn(numbers, name) ? numbers[name] : undefined
    if (number === undefined) {
      throw new NoProtobufType(path, `the literal "${name}" has no number in .annotate({ protobuf: { values: … } })`)
    }
    return { name, value, number }
  })

/** Values share their scope with those of other enums; a prefix that is given goes before the name as it is. */
const valueName = (name: string, prefix: string, given: string | undefined, path: ReadonlyArray<string>): string => {
  const whole = prefix + (given === undefined ? screaming(name) : name)
  if (/^[A-Za-z_]\w*$/.test(whole)) return whole
  throw new NoProtobufType(path, `${JSON.stringify(whole)} is not a name of an enum's value in Protobuf`)
}

/** A proto3 enum begins with 0: one that has no such member gets `…_UNSPECIFIED`, which no literal stands for. */
export const enumShape = (
  name: string,
  members: ReadonlyArray<Member>,
  path: ReadonlyArray<string>,
  given?: string
): EnumShape => {
  const numbers = new Map<unknown, number>()
  const literals = new Map<number, unknown>()
  for (const { number, value } of members) {
    if (!Number.isInteger(number) || number < -2_147_483_648 || number > 2_147_483_647) {
      throw new NoProtobufType(path, `${number} is not a number of an enum's value: they have 32 bits`)
    }
    if (literals.has(number)) throw new NoProtobufType(path, `two values of the enum have the number ${number}`)
    numbers.set(value, number)
    literals.set(number, value)
  }
  const standard = `${screaming(name.slice(name.lastIndexOf(".") + 1))}_`
  const values = members.map(({ name, number }) => ({ name: valueName(name, given ?? standard, given, path), number }))
  const filler = { name: `${given || standard}UNSPECIFIED`, number: 0, isFiller: true }
  const zero = values.find(({ number }) => number === 0) ?? filler
  const type: EnumType = { kind: "enum", name, values: [zero, ...values.filter((value) => value !== zero)] }
  const names = new Set(type.values.map((value) => value.name))
  if (names.size < type.values.length) throw new NoProtobufType(path, "two values of the enum would have one name")
  return { kind: "enum", type, numbers, literals }
}
