/** What the seven levels of compatibility ask of a new version. Pure. */
import type { Names } from "../avro/avroType.ts"
import * as Parse from "../avro/parse.ts"
import { differences } from "../avro/resolution.ts"
import type { Compatibility } from "../RegistryModel.ts"

/** A version's Avro text with those of the schemas it refers to, in the order in which they can be parsed. */
export interface AvroVersion {
  readonly version: number
  readonly text: string
  readonly references: ReadonlyArray<string>
}

const typeOf = ({ references, text }: Omit<AvroVersion, "version">) => {
  const names: Names = new Map()
  for (const reference of references) Parse.parse(reference, names)
  return Parse.parse(text, names)
}

/**
 * Why a schema may not follow the versions before it (oldest first), a line each with the path of the difference;
 * nothing if it may.
 */
export const violations = (
  level: Compatibility,
  next: Omit<AvroVersion, "version">,
  before: ReadonlyArray<AvroVersion>
): ReadonlyArray<string> => {
  if (level === "NONE" || before.length === 0) return []
  const compared = level.endsWith("_TRANSITIVE") ? before.toReversed() : before.slice(-1)
  const nextType = typeOf(next)
  return compared.flatMap((each) => {
    const type = typeOf(each)
    const backward = level.startsWith("FORWARD") ? [] : differences(nextType, type)
    const forward = level.startsWith("BACKWARD") ? [] : differences(type, nextType)
    return [
      ...backward.map(({ message, path, type }) =>
        `${level}: the new schema cannot read version ${each.version}: ${type} at ${path}: ${message}`
      ),
      ...forward.map(({ message, path, type }) =>
        `${level}: version ${each.version} cannot read the new schema: ${type} at ${path}: ${message}`
      )
    ]
  })
}
