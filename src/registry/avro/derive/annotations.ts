/** What Schemas say of themselves for Avro: on the Schema, on its key, and on its encodings. Pure. */
import * as SchemaAST from "effect/SchemaAST"
import * as Fields from "../../../internal/shared/fields.ts"
import type { Annotation, AvroJson } from "../shape.ts"
import { NoAvroType } from "../shape.ts"
import type { Said } from "./typeNames.ts"
import { validName } from "./typeNames.ts"

type AST = SchemaAST.AST
type Path = ReadonlyArray<string>

const primitives = new Set<string>(["null", "boolean", "int", "long", "float", "double", "bytes", "string"])

const kinds: Fields.KindsOf<Annotation> = {
  name: Fields.text,
  namespace: Fields.text,
  aliases: Fields.texts,
  doc: Fields.text,
  default: Fields.anything,
  noDefault: Fields.flag,
  keepsOrder: Fields.flag,
  type: Fields.oneOf(...primitives),
  logicalType: Fields.text,
  precision: Fields.whole,
  scale: Fields.whole,
  size: Fields.whole
}

const said = (annotations: unknown): unknown => (annotations as { readonly avro?: unknown } | undefined)?.avro

const annotationOf = (ast: AST): Annotation => said(SchemaAST.resolve(ast)) as Annotation | undefined ?? {}

/** Throws for what is said on a Schema, its checks or its key and means nothing there: a name that is misspelt. */
const checkAnnotations = (ast: AST, path: Path): void => {
  for (const annotation of [annotationOf(ast), said(ast.context?.annotations)]) {
    const found = annotation === undefined ? undefined : Fields.problemOf("avro", annotation, { ...kinds })
    if (found !== undefined) throw new NoAvroType(path, `annotation avro.${found.field}: ${found.problem}`)
  }
}

/** The encoded side of a node, and what was said on the way to it. */
export const unwrap = (ast: AST, path: Path): { readonly ast: AST; readonly said: Said } => {
  checkAnnotations(ast, path)
  let avro = annotationOf(ast)
  let identifier = SchemaAST.resolveIdentifier(ast)
  let description = SchemaAST.resolveDescription(ast)
  let encoded = ast
  while (encoded.encoding !== undefined) {
    encoded = encoded.encoding[encoded.encoding.length - 1]!.to
    checkAnnotations(encoded, path)
    avro = { ...annotationOf(encoded), ...avro }
    identifier ??= SchemaAST.resolveIdentifier(encoded)
    description ??= SchemaAST.resolveDescription(encoded)
  }
  return { ast: encoded, said: { avro, identifier, description } }
}

/** Whether a type has a name, and so attributes of its own. */
const isNamed = (json: AvroJson): boolean =>
  typeof json === "string" ? !primitives.has(json) : !Array.isArray(json) && "name" in json

/**
 * What is said of a field: by `annotateKey`, else by its type, unless that has a name, and means itself by it.
 */
export const fieldAnnotation = (ast: AST, { avro, description }: Said, json: AvroJson): Annotation => {
  const key = ast.context?.annotations
  const own = key?.["avro"] as Annotation | undefined
  const named = isNamed(json)
  const doc = own?.doc ?? key?.description as string | undefined ?? (named ? undefined : avro.doc ?? description)
  return { ...(named ? {} : avro), ...own, doc }
}

/** The tag of a tagged struct: a better name than that of the field it is in. */
export const tagOf = ({ propertySignatures }: SchemaAST.Objects): string | undefined => {
  const type = propertySignatures.find(({ name }) => name === "_tag")?.type
  const literal = type !== undefined && SchemaAST.isLiteral(type) ? type.literal : undefined
  return typeof literal === "string" && validName.test(literal) ? literal : undefined
}
