/** From what the catalog says to a `Table`. Pure. */
import type { Column, ColumnType, ForeignKey, Reference, Table, UniqueIndex } from "../TableModel.ts"
import { type CatalogType, kindOf } from "./kinds.ts"

interface DescribedType extends CatalogType {
  readonly type: string
  readonly typmod: number
}

/** The JSON that the catalog query makes. */
export interface CatalogTable {
  readonly schema: string
  readonly name: string
  readonly relkind: string
  readonly columns: ReadonlyArray<
    & Pick<Column, "name" | "isNullable" | "hasDefault" | "isGenerated" | "isIdentityAlways" | "isNondeterministic">
    & { readonly kind: DescribedType; readonly element: DescribedType | null }
  >
  readonly uniques: ReadonlyArray<UniqueIndex>
  readonly rules: ReadonlyArray<string>
  readonly foreignKeys: ReadonlyArray<ForeignKey>
  readonly referencedBy: ReadonlyArray<Omit<Reference, "onDelete"> & { readonly onDelete: string }>
}

const typeOf = (described: DescribedType, element?: DescribedType | null): ColumnType => ({
  type: described.type,
  typmod: described.typmod,
  kind: kindOf(described),
  ...(element === undefined || element === null ? {} : { element: typeOf(element) })
})

const actions: { readonly [letter: string]: Reference["onDelete"] } = {
  a: "noAction",
  r: "restrict",
  c: "cascade",
  n: "setNull",
  d: "setDefault"
}

export const tableOf = (described: CatalogTable): Table => ({
  schema: described.schema,
  name: described.name,
  columns: described.columns.map(({ element, kind, ...rest }) => ({ ...rest, ...typeOf(kind, element) })),
  primaryKey: described.uniques.find(({ isPrimary }) => isPrimary)?.columns ?? [],
  uniques: described.uniques,
  rules: described.rules,
  foreignKeys: described.foreignKeys,
  referencedBy: described.referencedBy.map((one) => ({ ...one, onDelete: actions[one.onDelete] ?? "noAction" }))
})
