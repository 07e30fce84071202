/** Under which subject a topic's schemas are registered. Pure. */
import type { Site } from "../../Codec.ts"

/**
 * Where the schemas of a topic are registered: `"topic"` (`orders-value`), `"record"` (the schema's full name) or
 * `"topic-record"` (`orders-shop.Order`), as Confluent's strategies; or a function of the topic, the part and the name.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type SubjectStrategy =
  | "topic"
  | "record"
  | "topic-record"
  | ((site: Site, name: string | undefined) => string)

export const isStrategy = (value: unknown): boolean =>
  typeof value === "function" || value === "topic" || value === "record" || value === "topic-record"

export const subjectOf = (strategy: SubjectStrategy, site: Site, name: string | undefined): string => {
  if (typeof strategy === "function") return strategy(site, name)
  if (strategy === "topic") return `${site.topic}-${site.part}`
  if (name === undefined) throw new Error(`the subject strategy "${strategy}" needs a schema with a name`)
  return strategy === "record" ? name : `${site.topic}-${name}`
}
