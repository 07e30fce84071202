/** JSON in a registry's wire format: a Schema's JSON form, with its JSON Schema registered. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Codec from "../../Codec.ts"
import { jsonText, parseJson } from "../../internal/shared/codecs/jsonBytes.ts"
import { withJsonForm } from "../../internal/shared/codecs/jsonForm.ts"
import * as Fields from "../../internal/shared/fields.ts"
import type { JsonSchemaOptions } from "../CodecModel.ts"
import type { Resolved } from "../format/resolved.ts"
import { derive } from "../json/derive.ts"
import { documentOf } from "../json/document.ts"
import { firstDifference } from "../json/layout.ts"
import type { MakeValidate, Validate } from "../json/validation.ts"
import { validators } from "../json/validation.ts"
import type { Service } from "../SchemaRegistry.ts"
import { check, references as referencesKind } from "./options.ts"
import { registryCodec } from "./registryCodec.ts"

const kinds: Fields.Kinds = {
  name: Fields.text,
  references: referencesKind,
  draft: {
    words: "\"draft-07\" or \"draft-2020-12\"",
    is: (value) => value === "draft-07" || value === "draft-2020-12"
  },
  additionalProperties: Fields.flag,
  latestCompatibility: { words: "\"strict\" or \"none\"", is: (value) => value === "strict" || value === "none" },
  validate: Fields.flag
}

const anything: Validate = () => {}
const unchecked: MakeValidate = () => anything

/** Throws where a part of the Schema has no JSON form, or it has not the layout of the schema that is given. */
export const jsonSchema = <S extends Schema.Top>(
  schema: S,
  options: JsonSchemaOptions = {}
): Codec.Codec<S["Type"], S["DecodingServices"] | Service, S["EncodingServices"] | Service> => {
  check("Codec.jsonSchema", schema, options, kinds)
  const { additionalProperties = false, draft = "draft-07", references = [], schema: given } = options
  if (references.length > 0 && given === undefined) {
    throw new Error("Codec.jsonSchema: references: they are of a schema that is given; a derived one has none")
  }
  const encoded = withJsonForm(schema)
  const { json, name } = derive(schema, { name: options.name, draft, additionalProperties })
  const text = JSON.stringify(json)
  const own = documentOf({ text, needed: [] })
  const difference = (registered: Pick<Resolved, "needed" | "text">) => firstDifference(documentOf(registered), own)
  // One that refers to others is compared when those are there.
  const found = given === undefined || references.length > 0 ? undefined : difference({ text: given, needed: [] })
  if (found !== undefined) throw new Error(`the schema that is given does not fit the Schema, at ${found}`)

  return registryCodec(schema, encoded, {
    schema: { type: "JSON", text: given ?? text, ...references.length > 0 && { references } },
    name,
    difference: (registered) =>
      registered.type !== "JSON"
        ? `/: ${registered.type} instead of JSON`
        : options.latestCompatibility !== "none" || registered.text === given
        ? difference(registered)
        : undefined,
    payloads: Effect.map(options.validate === true ? validators : Effect.succeed(unchecked), (validatorOf) => ({
      reading: (writer) => {
        const validate = validatorOf(writer)
        return (bytes, at) => {
          const value = parseJson(bytes, at)
          validate(value)
          return value
        }
      },
      writing: (writer) => {
        const validate = validatorOf(writer)
        return {
          write: (encoded, prefix) => {
            validate(encoded)
            const json = jsonText(encoded)
            const bytes = Buffer.allocUnsafe(prefix.length + Buffer.byteLength(json))
            bytes.set(prefix)
            bytes.write(json, prefix.length)
            return bytes
          }
        }
      }
    }))
  }, options)
}
