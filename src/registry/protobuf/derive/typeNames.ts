/** Names of messages and enums: from identifiers, annotations and places, each used once. */
import { NoProtobufType } from "../shape.ts"
import type { Said } from "./annotations.ts"

type Path = ReadonlyArray<string>

const validName = /^[A-Za-z]\w*$/
const validPackage = /^[A-Za-z]\w*(\.[A-Za-z]\w*)*$/

/** `shippingAddress` as a part of a type's name: `ShippingAddress`. */
export const capitalized = (name: string): string =>
  name.split(/[^A-Za-z0-9]+/).map((part) => part.slice(0, 1).toUpperCase() + part.slice(1)).join("")

/** `OrderKind` as a part of the name of an enum's value, which shares its scope with those of other enums. */
export const screaming = (name: string): string =>
  name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").replaceAll(/\W+/g, "_").toUpperCase()

/** What two names of one field differ in does not count: `shippingAddress` and `shipping_address` are one. */
export const sameName = (one: string, other: string): boolean =>
  one.replaceAll("_", "").toLowerCase() === other.replaceAll("_", "").toLowerCase()

/** A field's name, checked. */
export const fieldName = (name: string, path: Path): string => {
  if (/^[A-Za-z_]\w*$/.test(name) && name !== "__proto__") return name
  throw new NoProtobufType(
    path,
    `${JSON.stringify(name)} is not a field's name in Protobuf: .annotateKey({ protobuf: { name: "…" } })`
  )
}

/** A field's number, checked. */
export const fieldNumber = (number: number | undefined, path: Path): number => {
  if (number === undefined) {
    throw new NoProtobufType(path, "it has no field number: .annotateKey({ protobuf: { field: 1 } })")
  }
  if (!Number.isInteger(number) || number < 1 || number > 536_870_911 || number >= 19_000 && number < 20_000) {
    throw new NoProtobufType(
      path,
      `${number} is not a field number: they are 1 to 536870911, without 19000 to 19999, which Protobuf keeps`
    )
  }
  return number
}

/** The names of one derivation. */
export class TypeNames {
  private readonly owners = new Map<string, unknown>()
  private readonly prefix: string

  constructor(packageName: string) {
    if (packageName !== "" && !validPackage.test(packageName)) {
      throw new NoProtobufType([], `${JSON.stringify(packageName)} is not a name of a package in Protobuf`)
    }
    this.prefix = packageName === "" ? "" : `${packageName}.`
  }

  /** The full name of a type, whose owner is what makes it the same type. */
  claim({ identifier, protobuf }: Said, owner: unknown, path: Path, fallback: string | undefined): string {
    const name = protobuf.type ?? identifier ?? fallback
    if (name === undefined) {
      throw new NoProtobufType(path, "a message needs a name: .annotate({ identifier: \"Order\" }), or a Schema.Class")
    }
    if (!validName.test(name)) {
      throw new NoProtobufType(
        path,
        `${JSON.stringify(name)} is not a type's name in Protobuf: .annotate({ protobuf: { type: "…" } })`
      )
    }
    const known = this.owners.get(name)
    if (known !== undefined && known !== owner) {
      throw new NoProtobufType(
        path,
        `two types would have the name "${name}": .annotate({ protobuf: { type: "…" } })`
      )
    }
    this.owners.set(name, owner)
    return `${this.prefix}${name}`
  }
}
