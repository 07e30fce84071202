/** Texts that PostgreSQL can hold. Pure. */
import { BadCell, type Cell, type Convert, type Site, unfit } from "./cell.ts"

/** The text, if it is one that PostgreSQL can hold: without NUL, and without half of a surrogate pair. */
export const checkedText = (name: string, text: string): Cell | BadCell => {
  if (text.includes("\0")) return new BadCell(name, "the text has a NUL (U+0000), which PostgreSQL cannot hold")
  // The encoder would write U+FFFD instead, without an error.
  return text.isWellFormed()
    ? text
    : new BadCell(name, "the text has half of a surrogate pair, which UTF-8 cannot express")
}

const bytesOf = (text: string): number => Buffer.byteLength(text)

/**
 * Types whose texts the database cuts without an error, and which texts they hold. A `"char"` is a byte: a character of
 * ASCII, or a backslash and three octal digits.
 */
const cut: { readonly [type: string]: { readonly most: number; readonly holds: (text: string) => boolean } } = {
  name: { most: 63, holds: (text) => bytesOf(text) <= 63 },
  "\"char\"": { most: 1, holds: (text) => bytesOf(text) <= 1 || /^\\[0-7]{3}$/.test(text) }
}

/** Columns whose text form is the value: texts, enums, uuids, …. The database checks the form. */
export const textCells = (site: Site): Convert => {
  const { name, type: { type } } = site
  const limit = Object.hasOwn(cut, type) ? cut[type] : undefined
  const textCell: Convert = (value) => typeof value === "string" ? checkedText(name, value) : unfit(site, value)
  if (limit === undefined) return textCell
  const problem = `${type} has at most ${limit.most} bytes, and the text has more: the database would cut it`
  return (value) => typeof value === "string" && !limit.holds(value) ? new BadCell(name, problem) : textCell(value)
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** As the database writes it, so that equal keys are equal texts; it reads other forms, too. */
export const uuidCells = (site: Site): Convert => (value) => {
  if (typeof value !== "string") return unfit(site, value)
  if (uuid.test(value)) return value
  const digits = value.toLowerCase().replace(/^\{(.*)\}$/, "$1").replaceAll("-", "")
  return /^[0-9a-f]{32}$/.test(digits)
    ? digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
    : checkedText(site.name, value)
}

const truths: { readonly [text: string]: string } = { true: "t", t: "t", false: "f", f: "f" }

export const booleanCells = (site: Site): Convert => (value) => {
  if (value === true) return "t"
  if (value === false) return "f"
  return typeof value === "string" && Object.hasOwn(truths, value) ? truths[value]! : unfit(site, value)
}
