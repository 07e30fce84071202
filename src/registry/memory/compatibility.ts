/** What the seven levels of compatibility ask of a new version. Pure. */
import type { Names } from "../avro/avroType.ts"
import * as Parse from "../avro/parse.ts"
import * as Avro from "../avro/resolution.ts"
import type { Needed } from "../format/resolved.ts"
import * as Json from "../json/compatibility.ts"
import { documentOf } from "../json/document.ts"
import * as Protobuf from "../protobuf/compatibility.ts"
import { parse } from "../protobuf/library.ts"
import type { Compatibility, SchemaType } from "../RegistryModel.ts"

/** A version's text with those of the schemas it refers to, in the order in which they can be parsed. */
export interface VersionText {
  readonly version: number
  readonly text: string
  readonly needed: ReadonlyArray<Needed>
}

/** A text with those of the schemas it refers to. */
export type Text = Omit<VersionText, "version">

interface Difference {
  readonly path: string
  readonly type: string
  readonly message: string
}

/** Where a reader's schema cannot read what was written with another one. */
export type Compare = (reader: Text, writer: Text) => ReadonlyArray<Difference>

const avroOf = ({ needed, text }: Text) => {
  const names: Names = new Map()
  for (const each of new Set(needed.map(({ text }) => text))) Parse.parse(each, names)
  return Parse.parse(text, names)
}

/** How schemas are compared. Those of Protobuf need its library, which has to be loaded. */
export const compares: { readonly [type in SchemaType]: Compare } = {
  AVRO: (reader, writer) => Avro.differences(avroOf(reader), avroOf(writer)),
  JSON: (reader, writer) => Json.differences(documentOf(reader), documentOf(writer)),
  PROTOBUF: (reader, writer) =>
    Protobuf.differences(parse(reader.text, reader.needed), parse(writer.text, writer.needed))
}

/**
 * Why a schema may not follow the versions before it (oldest first), a line each with the path of the difference;
 * nothing if it may.
 */
export const violations = (
  level: Compatibility,
  compare: Compare,
  next: Text,
  before: ReadonlyArray<VersionText>
): ReadonlyArray<string> => {
  if (level === "NONE" || before.length === 0) return []
  const compared = level.endsWith("_TRANSITIVE") ? before.toReversed() : before.slice(-1)
  return compared.flatMap((each) => {
    const backward = level.startsWith("FORWARD") ? [] : compare(next, each)
    const forward = level.startsWith("BACKWARD") ? [] : compare(each, next)
    return [
      ...backward.map(({ message, path, type }) =>
        `${level}: the new schema cannot read version ${each.version}: ${type} at ${
          path === "" ? "/" : path
        }: ${message}`
      ),
      ...forward.map(({ message, path, type }) =>
        `${level}: version ${each.version} cannot read the new schema: ${type} at ${
          path === "" ? "/" : path
        }: ${message}`
      )
    ]
  })
}
