/** Names of Avro types: from identifiers and annotations, each used once. */
import type * as SchemaAST from "effect/SchemaAST"
import type { Annotation, AvroJson } from "../shape.ts"
import { NoAvroType } from "../shape.ts"

/** What the Schema says of itself and of its encodings. */
export interface Said {
  readonly avro: Annotation
  readonly identifier: string | undefined
  readonly description: string | undefined
}

type Path = ReadonlyArray<string>

export const validName = /^[A-Za-z_]\w*$/

/** The names of one derivation. */
export class TypeNames {
  private readonly owners = new Map<string, SchemaAST.AST>()
  private readonly written = new Map<string, string>()
  private namespace: string | undefined

  constructor(namespace: string | undefined) {
    this.namespace = namespace
  }

  /** The full name of a type. */
  of({ avro, identifier }: Said, path: Path, fallback: string | undefined): string {
    const name = avro.name ?? identifier ?? fallback
    if (name === undefined) {
      throw new NoAvroType(path, "an Avro type needs a name: .annotate({ identifier: \"Order\" }), or a Schema.Class")
    }
    const full = name.includes(".") ? name : [avro.namespace ?? this.namespace, name].filter(Boolean).join(".")
    if (full.split(".").every((part) => validName.test(part))) return full
    throw new NoAvroType(path, `${JSON.stringify(full)} is not a name in Avro: .annotate({ avro: { name: "…" } })`)
  }

  /** The attributes of a name that is used for the first time. */
  claim(
    name: string,
    ast: SchemaAST.AST,
    path: Path,
    { namespace }: Annotation
  ): { readonly name: string; readonly namespace?: string } {
    const owner = this.owners.get(name)
    if (owner !== undefined && owner !== ast) {
      throw new NoAvroType(path, `two types would have the name "${name}": .annotate({ avro: { name: "…" } })`)
    }
    this.owners.set(name, ast)
    const at = name.lastIndexOf(".")
    // Without one of its own it would take over that of the type around it.
    if (at < 0) return namespace === "" ? { name, namespace } : { name }
    // What is within takes the namespace over, in Avro too.
    this.namespace ??= name.slice(0, at)
    return { name: name.slice(at + 1), namespace: name.slice(0, at) }
  }

  /** The attributes of a type with its name; its name alone where the same type, or a copy of it, was before. */
  once(
    name: string,
    ast: SchemaAST.AST,
    annotation: Annotation,
    path: Path,
    attributes: { readonly [name: string]: unknown }
  ): AvroJson {
    const text = JSON.stringify(attributes)
    if (this.written.get(name) === text) return name
    this.written.set(name, text)
    const { type, ...others } = attributes
    return { type, ...this.claim(name, ast, path, annotation), ...others }
  }
}
