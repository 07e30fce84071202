/** Under which subject a topic's schemas are registered. Pure. */
import type { Site } from "../../Codec.ts"
import { shown } from "../../internal/shared/fields.ts"
import type { SubjectStrategy } from "../CodecModel.ts"

export const isStrategy = (value: unknown): boolean =>
  typeof value === "function" || value === "topic" || value === "record" || value === "topic-record"

export const subjectOf = (strategy: SubjectStrategy, site: Site, name: string | undefined): string => {
  if (typeof strategy === "function") {
    const subject: unknown = strategy(site, name)
    if (typeof subject === "string" && subject !== "") return subject
    throw new Error(
      `the subject strategy returned ${
        shown(subject)
      } for the ${site.part} of topic "${site.topic}", which is no subject`
    )
  }
  if (strategy === "topic") return `${site.topic}-${site.part}`
  if (name === undefined) throw new Error(`the subject strategy "${strategy}" needs a schema with a name`)
  return strategy === "record" ? name : `${site.topic}-${name}`
}
