/** What Schemas say of themselves for Protobuf: on the Schema, on its key, and on its encodings. Pure. */
import * as SchemaAST from "effect/SchemaAST"
import * as Fields from "../../../internal/shared/fields.ts"
import type { Annotation } from "../shape.ts"
import { NoProtobufType } from "../shape.ts"

type AST = SchemaAST.AST

/** What the Schema says of itself and of its encodings. */
export interface Said {
  readonly protobuf: Annotation
  readonly identifier: string | undefined
}

const numbers: Fields.Kind = {
  words: "an object of numbers",
  is: (value) =>
    typeof value === "object" && value !== null && Object.values(value).every((each) => typeof each === "number")
}

const kinds: Fields.KindsOf<Annotation> = {
  // Its range is checked where it is used.
  field: Fields.number,
  name: Fields.text,
  type: Fields.text,
  values: numbers,
  prefix: Fields.text,
  oneof: numbers,
  inline: Fields.text,
  key: Fields.text
}

/** Throws for what is said and means nothing: a name that is misspelt. */
export const checkSaid = ({ protobuf }: Said, path: ReadonlyArray<string>): void => {
  const found = Fields.problemOf("protobuf", protobuf, { ...kinds })
  if (found !== undefined) throw new NoProtobufType(path, `annotation protobuf.${found.field}: ${found.problem}`)
}

/** Without what is undefined: it says nothing, and must not hide what is said elsewhere. */
const pick = (annotations: unknown): Annotation => {
  const said = (annotations as { readonly protobuf?: Annotation } | undefined)?.protobuf ?? {}
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))
}

/** What is said with checks after it counts, too: they keep annotations of their own. */
const annotationOf = (ast: AST): Annotation => {
  const checks = (ast.checks ?? []) as ReadonlyArray<{ readonly annotations?: unknown }>
  const own = checks.reduce((said, check) => ({ ...said, ...pick(check.annotations) }), pick(ast.annotations))
  return { ...own, ...pick((ast as { readonly context?: { readonly annotations?: unknown } }).context?.annotations) }
}

/** The encoded side of a node, and what was said on the way to it: what is said first counts. */
export const unwrap = (ast: AST): { readonly ast: AST; readonly said: Said } => {
  let protobuf = annotationOf(ast)
  let identifier = SchemaAST.resolveIdentifier(ast)
  let encoded = ast
  while (encoded.encoding !== undefined || SchemaAST.isSuspend(encoded)) {
    encoded = encoded.encoding !== undefined
      ? encoded.encoding[encoded.encoding.length - 1]!.to
      : (encoded as SchemaAST.Suspend).thunk()
    protobuf = { ...annotationOf(encoded), ...protobuf }
    identifier ??= SchemaAST.resolveIdentifier(encoded)
  }
  return { ast: encoded, said: { protobuf, identifier } }
}
