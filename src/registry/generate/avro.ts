/** Avro schemas as modules of Effect Schemas from which the same schemas are derived. Pure. */
import type { Names } from "../avro/avroType.ts"
import * as Parse from "../avro/parse.ts"
import type { Json } from "./avroScalars.ts"
import { annotated, avro, isObject, scalar, textIn } from "./avroScalars.ts"
import type { Code } from "./code.ts"
import * as Out from "./code.ts"

/** How a module is made. */
export interface Options {
  /** The name of the Schema where the schema itself has none. */
  readonly name: string
  /** Whether a long is a BigInt: else it is a number, and larger ones than it holds are refused. */
  readonly bigint: boolean
}

const full = (name: string, namespace: string): string =>
  name.includes(".") || namespace === "" ? name : `${namespace}.${name}`

const spaceOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf(".")))

const shortOf = (name: string): string => name.slice(name.lastIndexOf(".") + 1)

class Generator {
  /** The TypeScript names of the types that are defined, or being so, by their full names. */
  private readonly known = new Map<string, { readonly name: string; isReady: boolean }>()
  private readonly names = new Out.Names(["Schema"])
  readonly declarations: Array<string> = []
  private readonly bigint: boolean
  /** Whether any type has a namespace: those without say so then. */
  private readonly hasNamespaces: boolean

  constructor({ bigint }: Options, hasNamespaces: boolean) {
    this.bigint = bigint
    this.hasNamespaces = hasNamespaces
  }

  type(json: unknown, namespace: string): Code {
    if (typeof json === "string") {
      return this.scalar(json, {}, namespace)
    }
    if (Array.isArray(json)) return this.union(json, namespace)
    const schema = json as Json
    const { type } = schema
    if (typeof type === "object") return this.type(type, namespace)
    switch (type) {
      case "record":
      case "error":
        return this.record(schema, namespace)
      case "enum":
        return this.enumeration(schema, namespace)
      case "fixed":
        return this.fixed(schema, namespace)
      case "array":
        return Out.call("Schema.Array", this.type(schema["items"], namespace))
      case "map":
        return Out.call("Schema.Record", "Schema.String", this.type(schema["values"], namespace))
      default:
        return this.scalar(type as string, schema, namespace)
    }
  }

  /** The Schema of the root; a type without a name is declared under this one. */
  root(json: unknown, name: string): string {
    const code = this.type(json, "")
    const known = [...this.known.values()].find((each) => each.name === code)
    if (known !== undefined) return known.name
    const own = this.names.take(Out.typeName(name))
    this.declarations.push(`export const ${own} = ${Out.print(code, "", 16 + own.length)}\n`)
    return own
  }

  private reference(name: string, namespace: string): Code {
    const known = this.known.get(full(name, namespace)) ?? this.known.get(name)!
    // Its declaration follows.
    return known.isReady ? known.name : `Schema.suspend((): Schema.Codec<${known.name}> => ${known.name})`
  }

  private scalar(type: string, schema: Json, namespace = ""): Code {
    return scalar(type, schema, this.bigint) ?? this.reference(type, namespace)
  }

  private union(branches: ReadonlyArray<unknown>, namespace: string, standard?: unknown): Code {
    const codes = branches.map((branch) => this.type(branch, namespace))
    const at = branches.indexOf("null")
    // Null is the first branch unless the Schema says otherwise, or the last one where something else is the default.
    const isLast = standard !== undefined && standard !== null && at === branches.length - 1
    const keepsOrder = at > 0 && !isLast ? { avro: { keepsOrder: true } } : undefined
    const others = codes.filter((code) => code !== "Schema.Null")
    const only = others[0]
    const isNullable = others.length === 1 && codes.length === 2
    return annotated(
      isNullable ? Out.call("Schema.NullOr", only!) : Out.call("Schema.Union", Out.list(codes)),
      keepsOrder
    )
  }

  /** Takes a name for a named type; what is not as it would be derived is annotated. */
  private named(schema: Json, namespace: string, further: Json = {}) {
    const fullName = full(textIn(schema, "name")!, textIn(schema, "namespace") ?? namespace)
    const [space, short] = [spaceOf(fullName), shortOf(fullName)]
    const name = this.names.take(Out.typeName(short), Out.typeName(`${shortOf(space)}_${short}`))
    const known = { name, isReady: false }
    this.known.set(fullName, known)
    const { aliases, doc } = schema
    const annotation = avro({
      name: name === short ? undefined : short,
      namespace: space === "" && !this.hasNamespaces ? undefined : space,
      aliases: Array.isArray(aliases) && aliases.length > 0 ? aliases : undefined,
      ...further
    })
    return { name, known, space, annotation: { description: doc, avro: annotation } }
  }

  private record(schema: Json, namespace: string): Code {
    const { annotation, known, name, space } = this.named(schema, namespace)
    const fields = (schema["fields"] as ReadonlyArray<Json>).map((field) =>
      [textIn(field, "name")!, this.field(field, space)] as const
    )
    const said = Object.entries(annotation).filter(([, value]) => value !== undefined)
    const body = Out.call(
      `Schema.Class<${name}>(${Out.text(name)})`,
      Out.entries(fields),
      ...said.length === 0 ? [] : [Out.value(Object.fromEntries(said))]
    )
    const head = `export class ${name} extends `
    this.declarations.push(`${Out.comment(textIn(schema, "doc"))}${head}${Out.print(body, "", head.length + 3)} {}\n`)
    known.isReady = true
    return name
  }

  private field(field: Json, namespace: string): Code {
    const { aliases, default: other, doc, type } = field
    const nullable = Array.isArray(type) && type.includes("null")
    const said = {
      default: nullable && other === null ? undefined : other,
      noDefault: nullable && other === undefined ? true : undefined,
      aliases: Array.isArray(aliases) && aliases.length > 0 ? aliases : undefined
    }
    const branches: ReadonlyArray<unknown> = nullable ? type : []
    const isOptional = branches.length === 2 && branches[0] === "null" && other === null
    const code = isOptional
      ? Out.call("Schema.optionalKey", this.type(branches[1], namespace))
      : nullable
      ? this.union(type, namespace, other)
      : this.type(type, namespace)
    return annotated(code, { description: doc, avro: avro(said) }, "annotateKey")
  }

  private constant(known: { readonly name: string; isReady: boolean }, doc: string | undefined, code: Code): Code {
    const head = `export const ${known.name} = `
    this.declarations.push(`${Out.comment(doc)}${head}${Out.print(code, "", head.length)}\n`)
    known.isReady = true
    return known.name
  }

  private enumeration(schema: Json, namespace: string): Code {
    const { annotation, known, name } = this.named(schema, namespace, { default: schema["default"] })
    const symbols = schema["symbols"] as ReadonlyArray<string>
    const literals = symbols.length === 1
      ? Out.call("Schema.Literal", Out.text(symbols[0]!))
      : Out.call("Schema.Literals", Out.list(symbols.map(Out.text)))
    return this.constant(known, textIn(schema, "doc"), annotated(literals, { identifier: name, ...annotation }))
  }

  private fixed(schema: Json, namespace: string): Code {
    const { logicalType, precision, scale, size } = schema
    const isDecimal = logicalType === "decimal"
    const { annotation: { avro: said, description }, known, name } = this.named(schema, namespace, {
      size,
      ...isDecimal ? { precision, scale: scale ?? 0 } : { logicalType }
    })
    const own = isDecimal ? "Schema.BigDecimal" : "Schema.Uint8Array"
    return this.constant(known, textIn(schema, "doc"), annotated(own, { description, avro: { name, ...said } }))
  }
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text.trim()
  }
}

/** The source of a module for a schema, and the name of its Schema. `needed` are the texts that it refers to. */
export const generate = (
  text: string,
  needed: ReadonlyArray<string>,
  options: Options
): { readonly name: string; readonly source: string } => {
  const names: Names = new Map()
  // What is no schema throws here, with its path.
  for (const each of [...needed, text]) Parse.parse(each, names)
  const generator = new Generator(options, [...names.keys()].some((name) => name.includes(".")))
  for (const each of needed) generator.type(jsonOf(each), "")
  const json = jsonOf(text)
  const name = generator.root(isObject(json) || Array.isArray(json) ? json : String(json), options.name)
  return { name, source: `import { Schema } from "effect"\n\n${generator.declarations.join("\n")}` }
}
