/** Which keys are those of one row, before the database is asked. Pure. */
import { placePoint } from "../cells/digits.ts"
import type { Column } from "../TableModel.ts"

/** How the cells of a column of the key are compared. */
export interface KeyPart {
  readonly column: number
  /** The text that all cells of the same value share, as far as that can be said without the database. */
  readonly text: (cell: string) => string
  /**
   * A text that equal values always share, and that others may share, too; `undefined` where nothing is known. Absent
   * where `text` says it all.
   */
  readonly group?: ((cell: string) => string | undefined) | undefined
}

const itself = (cell: string): string => cell

const number = /^([-+]?)0*(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d+))?$/

/** No key has more digits than this; the others are left to the database. */
const mostDigits = 1_000

/** 1.5 for 1.50 and 15e-1. */
const numericText = (cell: string): string => {
  const found = number.exec(cell)
  if (found === null) return cell
  const [, sign, whole = "", fraction = "", power = "0"] = found
  const digits = `${whole}${fraction}`.replace(/^0+/, "")
  const trimmed = digits.replace(/0+$/, "")
  if (trimmed === "") return "0"
  const exponent = Number(power) - fraction.length + digits.length - trimmed.length
  const minus = sign === "-" ? "-" : ""
  return Math.abs(exponent) > mostDigits
    ? `${minus}${trimmed}e${exponent}`
    : placePoint(`${minus}${trimmed}`, -exponent)
}

const floatText = (cell: string): string => {
  const value = Number(cell)
  // Both zeros are one key.
  return Number.isNaN(value) ? cell : String(value === 0 ? 0 : value)
}

const unpadded = (cell: string): string => cell.replace(/ +$/, "")

/** Letters that are one in every locale: not i, which Turkish has two of, and nothing outside of ASCII. */
const folded = (cell: string): string => cell.toLowerCase().replace(/[^\0-\x7f]|i/g, "")

const day = /^(\d{4}-\d\d-\d\d)(?:Z|[-+]\d\d:?\d\d)?$/
const local = /^(\d{4}-\d\d-\d\d)[T ]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.\d{1,6})?(?:Z|[-+]\d\d(?::?\d\d)?)?$/
const zoned = /^(\d{4}-\d\d-\d\d)[T ]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.\d{1,6})?(Z|[-+]\d\d)(?::?(\d\d))?$/
const ofDay = /^((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.\d{1,6})?(?:Z|[-+]\d\d(?::?\d\d)?)?$/
const infinite = /^-?infinity$/

const whole = (pattern: RegExp) => (cell: string): string | undefined =>
  infinite.test(cell) ? cell : pattern.exec(cell)?.slice(1).join(" ")

/** The second. */
const instant = (cell: string): string | undefined => {
  if (infinite.test(cell)) return cell
  const [, date, time, zone, minutes = "00"] = zoned.exec(cell) ?? []
  return date === undefined
    ? undefined
    : String(Date.parse(`${date}T${time}${zone === "Z" ? zone : `${zone}:${minutes}`}`))
}

/** All cells of such a column may be equal. */
const together = (): string => ""

type How = Omit<KeyPart, "column">

const citext = /(?:^|\.)"?citext"?$/

/** Whether the database takes other texts for the same one. */
export const isSpelledFreely = ({ isNondeterministic, type }: Column): boolean =>
  isNondeterministic === true || citext.test(type)

/** Why deleted and waiting rows are not kept by such a column. */
export const freelySpelled = "rows are found by the text of their key, and the database takes other texts for the same "
  + "one; make it text with a deterministic collation"

const howOf = ({ isNondeterministic, kind, type }: Column): How => {
  if (isNondeterministic === true) return { text: itself, group: together }
  switch (kind) {
    case "boolean":
    case "integer":
    case "bigint":
    case "oid":
    case "uuid":
    case "enum":
    case "bytes":
    case "bit":
      return { text: itself }
    case "text":
      return citext.test(type) ? { text: itself, group: folded } : { text: itself }
    case "char":
      return { text: unpadded }
    case "numeric":
    case "money":
      return { text: numericText }
    case "float":
      return { text: floatText }
    case "date":
      return { text: itself, group: whole(day) }
    case "time":
      return { text: itself, group: whole(ofDay) }
    case "timestamp":
      return { text: itself, group: whole(local) }
    case "timestamptz":
      return { text: itself, group: instant }
    default:
      return { text: itself, group: together }
  }
}

export const keyPartsOf = (columns: ReadonlyArray<Column>, key: ReadonlyArray<number>): ReadonlyArray<KeyPart> =>
  key.map((column) => ({ column, ...howOf(columns[column]!) }))

/** The cells of a row. */
type Row = ReadonlyArray<string | null | undefined>

interface Keyed {
  readonly keyParts: ReadonlyArray<KeyPart>
}

/** The key of a row as one text; PostgreSQL has no text with a NUL in it. */
export const keyTextOf = ({ keyParts }: Keyed, row: Row): string => {
  if (keyParts.length === 1) return keyParts[0]!.text(row[keyParts[0]!.column]!)
  return keyParts.map(({ column, text }) => text(row[column]!)).join("\0")
}

/** Whether two texts may be keys of one row. */
export const isLoose = (keyParts: ReadonlyArray<KeyPart>): boolean => keyParts.some(({ group }) => group !== undefined)

/** What the keys of one row share; `undefined` where any other may be the same. */
export const keyGroupOf = ({ keyParts }: Keyed, row: Row): string | undefined => {
  const groups: Array<string> = []
  for (const { column, group, text } of keyParts) {
    const cell = row[column]!
    const found = group === undefined ? text(cell) : group(cell)
    if (found === undefined) return undefined
    groups.push(found)
  }
  return groups.join("\0")
}
