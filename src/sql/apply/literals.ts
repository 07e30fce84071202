/** Columns as array literals: one text per column of a chunk. Pure. */

/** What PostgreSQL reads: the text form of a value, or null. */
type Cell = string | null

const special = /[\\"]/

/** An element of an array literal; `undefined` never gets this far. */
const element = (cell: Cell | undefined): string => {
  if (cell === null || cell === undefined) return "NULL"
  return special.test(cell) ? `"${cell.replaceAll("\\", "\\\\").replaceAll("\"", "\\\"")}"` : `"${cell}"`
}

/** Bytes as PostgreSQL reads them. */
export const bytesCell = (bytes: Uint8Array): string =>
  `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`

/** `{"a",NULL,…}` of one cell of each item. */
export const literalOf = <A>(items: ReadonlyArray<A>, cell: (item: A) => Cell | undefined): string => {
  let text = "{"
  for (let i = 0; i < items.length; i++) text += i === 0 ? element(cell(items[i]!)) : `,${element(cell(items[i]!))}`
  return `${text}}`
}
