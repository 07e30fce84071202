/** Columns as array literals: one text per column of a chunk. Pure. */

import { elementOf } from "../cells/arrays.ts"
import type { Cell } from "../cells/cell.ts"

/** `undefined` never gets this far. */
const element = (cell: Cell | undefined): string => elementOf(cell ?? null)

/** Bytes as PostgreSQL reads them. */
export const bytesCell = (bytes: Uint8Array): string =>
  `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`

/** `{"a",NULL,…}` of one cell of each item. */
export const literalOf = <A>(items: ReadonlyArray<A>, cell: (item: A) => Cell | undefined): string => {
  let text = "{"
  for (let i = 0; i < items.length; i++) text += i === 0 ? element(cell(items[i]!)) : `,${element(cell(items[i]!))}`
  return `${text}}`
}
