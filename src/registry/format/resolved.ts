/** A schema of a registry with everything that it refers to. */
import type { SchemaText } from "../RegistryModel.ts"

/** A schema that others need, by the name that they call it. */
export interface Needed {
  readonly name: string
  readonly text: string
}

/** A schema with those that it needs, each after those it needs itself. */
export interface Resolved extends SchemaText {
  readonly needed: ReadonlyArray<Needed>
}
