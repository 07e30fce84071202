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

/** Columns whose text form is the value: texts, enums, uuids, …. The database checks the form. */
export const textCells = (site: Site): Convert => {
  const { name } = site
  return (value) => typeof value === "string" ? checkedText(name, value) : unfit(site, value)
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
