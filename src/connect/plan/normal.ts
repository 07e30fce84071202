/** Whether two texts mean the same to Connect, by the type of their setting. Pure. */
import type { Definition } from "../ConnectModel.ts"

const numbers = new Set(["INT", "LONG", "SHORT", "DOUBLE"])

/** A text in the spelling that all texts of the same meaning share. */
export const normal = (text: string, definition: Pick<Definition, "type"> | undefined): string => {
  const trimmed = text.trim()
  const type = definition?.type
  if (type === "BOOLEAN") return trimmed.toLowerCase()
  if (type === "LIST") return trimmed === "" ? "" : trimmed.split(",").map((item) => item.trim()).join(",")
  if (type !== undefined && numbers.has(type)) {
    const value = Number(trimmed)
    // Beyond that a number is no longer exact, and its text says it better.
    return trimmed !== "" && Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER
      ? String(value)
      : trimmed
  }
  return trimmed
}

const suffixes = ["Connector", "Converter", "HeaderConverter", "Transformation", "Predicate"]

/** Workers know a class by its full name, its last part, and that without what it is ("FileStreamSource"). */
export const isSameClass = (a: string, b: string): boolean => {
  if (a === b) return true
  const [short, long] = a.length < b.length ? [a, b] : [b, a]
  if (short.includes(".") || !long.includes(".")) return !long.includes(".") && suffixes.some((s) => short + s === long)
  const last = long.slice(long.lastIndexOf(".") + 1)
  return last === short || suffixes.some((suffix) => short + suffix === last)
}

export const isSame = (a: string, b: string, definition: Definition | undefined): boolean =>
  definition?.type === "CLASS" || definition?.name === "connector.class"
    ? isSameClass(a.trim(), b.trim())
    : normal(a, definition) === normal(b, definition)
