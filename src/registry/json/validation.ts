/** Enforces JSON Schemas with ajv, which is loaded where it is asked for. */
import type { Ajv as AjvClass, Options, SchemaObject } from "ajv"
import * as Effect from "effect/Effect"
import type { Resolved } from "../format/resolved.ts"

/** Throws for a value that a schema does not allow. */
export type Validate = (value: unknown) => void

/** Makes what enforces a schema. Throws for a schema that cannot be enforced. */
export type MakeValidate = (schema: Resolved) => Validate

type Drafts = { readonly [draft: string]: (options: Options) => AjvClass }

const parsed = (text: string): SchemaObject => JSON.parse(text) as SchemaObject

/** The names under which a referring schema may look for another one. */
const idsOf = (name: string, { $id }: SchemaObject, base: unknown): ReadonlyArray<string> => {
  const resolved = typeof base === "string" && URL.canParse(name, base) ? new URL(name, base).href : name
  return [...new Set([name, resolved, ...(typeof $id === "string" ? [$id] : [])])]
}

const draftOf = ({ $schema }: SchemaObject, drafts: Drafts): (options: Options) => AjvClass => {
  if (typeof $schema !== "string") return drafts["07"]!
  const draft = Object.keys(drafts).find((each) => $schema.includes(`draft-${each}`) || $schema.includes(`/${each}/`))
  if (draft !== undefined) return drafts[draft]!
  throw new Error(`$schema is ${JSON.stringify($schema)}; draft-07, 2019-09 and 2020-12 can be enforced`)
}

const compile = (schema: Resolved, drafts: Drafts, unicodeRegExp: boolean) => {
  const root = parsed(schema.text)
  // Unknown keywords and formats are annotations, as the specification says.
  const ajv = draftOf(root, drafts)({ strict: false, logger: false, unicodeRegExp })
  const known = new Set<string>()
  for (const { name, text } of schema.needed) {
    const needed = parsed(text)
    for (const id of idsOf(name, needed, root.$id)) {
      if (known.has(id)) continue
      known.add(id)
      ajv.addSchema({ ...needed, $id: id })
    }
  }
  return { validate: ajv.compile(root), ajv }
}

const make = (drafts: Drafts): MakeValidate => (schema) => {
  const { ajv, validate } = (() => {
    try {
      return compile(schema, drafts, true)
    } catch {
      // Patterns of other languages have escapes that the Unicode mode does not take.
      return compile(schema, drafts, false)
    }
  })()
  return (value) => {
    if (validate(value)) return
    const problems = ajv.errorsText(validate.errors, { dataVar: "", separator: "; " })
    throw new Error(`the value is not what its JSON Schema says: ${problems.trim()}`)
  }
}

const load = Effect.promise(async () => {
  const [seven, nineteen, twenty, formats] = await Promise.all([
    import("ajv"),
    import("ajv/dist/2019.js"),
    import("ajv/dist/2020.js"),
    import("ajv-formats")
  ])
  // Both packages are CommonJS, whose default is what they export.
  const addFormats = formats.default as unknown as (ajv: AjvClass) => unknown
  const drafts: Drafts = {
    "06": (options) => new seven.Ajv(options),
    "07": (options) => new seven.Ajv(options),
    "2019-09": (options) => new nineteen.Ajv2019(options),
    "2020-12": (options) => new twenty.Ajv2020(options)
  }
  return Object.fromEntries(
    Object.entries(drafts).map(([draft, create]) => [draft, (options: Options) => {
      const ajv = create(options)
      addFormats(ajv)
      return ajv
    }])
  )
})

let made: MakeValidate | undefined

/** The library, loaded when it is first needed. A missing one is a defect that says how to install it. */
export const validators: Effect.Effect<MakeValidate> = Effect.suspend(() =>
  made !== undefined ? Effect.succeed(made) : load.pipe(
    Effect.catchDefect((cause) =>
      Effect.die(
        new Error(
          "enforcing JSON Schemas needs the packages \"ajv\" and \"ajv-formats\": npm install ajv ajv-formats",
          {
            cause
          }
        )
      )
    ),
    Effect.map((drafts) => (made = make(drafts)))
  )
)
