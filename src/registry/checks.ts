/** What the checks of a Schema say of its values, for types that are derived from it. Pure. */
import type * as SchemaAST from "effect/SchemaAST"

interface Check {
  readonly id: string
  readonly payload: unknown
}

/** The ids of checks, those within groups included, and what they are about. */
const checksOf = (ast: SchemaAST.AST): ReadonlyArray<Check> => {
  const flat = (check: unknown): ReadonlyArray<Check> => {
    const { annotations, checks } = check as {
      readonly checks?: ReadonlyArray<unknown>
      readonly annotations?: { readonly representation?: Check }
    }
    const own = annotations?.representation
    return [...(own === undefined ? [] : [own]), ...(checks ?? []).flatMap(flat)]
  }
  return (ast.checks ?? []).flatMap(flat)
}

/** Whether a check such as `isInt` or `isUUID` is among those of a Schema. */
export const hasCheck = (ast: SchemaAST.AST, name: string): boolean =>
  checksOf(ast).some(({ id }) => id === `effect/schema/${name}`)

/** Whether a check bounds numbers to a range, or to a part of it. */
export const isWithin = (ast: SchemaAST.AST, least: number, most: number): boolean =>
  checksOf(ast).some(({ id, payload }) => {
    if (id !== "effect/schema/isBetween") return false
    const { maximum, minimum } = payload as { readonly minimum?: number; readonly maximum?: number }
    return minimum !== undefined && maximum !== undefined && minimum >= least && maximum <= most
  })
