/** The rights that a sync needs of a table of the target. Pure. */
import { destinationOf, type Mapping } from "../sync/mapping.ts"

/** The columns that it reads and writes, by name. */
export const columnsOf = (mapping: Mapping): ReadonlyArray<string> => {
  const { columns, guard, key, softDelete } = mapping.target
  const fields = new Map(Object.entries(mapping.settings.rename ?? {}).map(([field, column]) => [column, field]))
  const own = new Set([...key, softDelete, guard?.column])
  return columns.flatMap(({ name }, place) =>
    own.has(place) || destinationOf(mapping, fields.get(name) ?? name) === place ? [name] : []
  )
}

export const rightsOf = ({ settings, target }: Mapping): ReadonlyArray<string> => {
  const isEmptied = settings.truncates === "apply"
  // `TRUNCATE` refuses tables that others refer to.
  const isTruncated = isEmptied && target.table.referencedBy.length === 0
  const deletes = (settings.deletes ?? "delete") === "delete" || (isEmptied && !isTruncated)
  return ["SELECT", "INSERT", "UPDATE", ...(deletes ? ["DELETE"] : []), ...(isTruncated ? ["TRUNCATE"] : [])]
}
