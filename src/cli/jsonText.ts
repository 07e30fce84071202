/** JSON as text: what parsing loses (digits, fields that are given twice) and what it cannot bear (depth). Pure. */

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

/** The index behind the text that begins at a quote. */
const textEnd = (json: string, start: number): number => {
  let end = json.indexOf("\"", start + 1)
  while (end !== -1) {
    let slashes = 0
    while (json.charCodeAt(end - 1 - slashes) === 0x5c) slashes++
    if (slashes % 2 === 0) return end + 1
    end = json.indexOf("\"", end + 1)
  }
  return json.length
}

/** Valid JSON without the spaces between its parts, so that it is one line. Linear, at any depth. */
export const compact = (json: string): string => {
  if (!/[ \n\r\t]/.test(json)) return json
  const parts: Array<string> = []
  let from = 0
  for (let i = 0; i < json.length;) {
    const code = json.charCodeAt(i)
    if (code === 0x22) i = textEnd(json, i)
    else if (isSpace(code)) {
      parts.push(json.slice(from, i))
      while (isSpace(json.charCodeAt(i))) i++
      from = i
    } else i++
  }
  parts.push(json.slice(from))
  return parts.join("")
}

/** The index behind the value that begins here. */
const valueEnd = (json: string, start: number): number => {
  let depth = 0
  for (let i = start; i < json.length;) {
    const char = json[i]
    if (char === "\"") {
      i = textEnd(json, i)
      continue
    }
    if (char === "{" || char === "[") depth++
    else if (char === "}" || char === "]") {
      if (depth === 0) return i
      depth--
    } else if (char === "," && depth === 0) return i
    i++
  }
  return json.length
}

/** The fields of an object, each with its own JSON, as it is written. Throws for what is no JSON object. */
export const fieldsOf = (json: string): ReadonlyMap<string, string> => {
  const parsed: unknown = JSON.parse(json)
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new Error("a line is an object such as {\"key\":\"1\",\"value\":{}}")
  }
  const fields = new Map<string, string>()
  let i = json.indexOf("{") + 1
  while (true) {
    while (isSpace(json.charCodeAt(i)) || json[i] === ",") i++
    if (json[i] !== "\"") return fields
    const nameEnd = textEnd(json, i)
    const name = String(JSON.parse(json.slice(i, nameEnd)))
    if (fields.has(name)) throw new Error(`field "${name}" is there twice`)
    const start = json.indexOf(":", nameEnd) + 1
    i = valueEnd(json, start)
    fields.set(name, compact(json.slice(start, i).trim()))
  }
}

/** A number's digits without zeros at its ends, and the power of ten of the last one. */
const normal = (number: string): string => {
  const [, sign, whole, fraction = "", power = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? []
  if (whole === undefined) return number
  const digits = (whole + fraction).replace(/^0+/, "")
  const kept = digits.replace(/0+$/, "")
  return kept === "" ? "0" : `${sign}${kept}e${Number(power) - fraction.length + digits.length - kept.length}`
}

/** Whether JavaScript's numbers cannot hold this one. */
export const isLossy = (number: string): boolean =>
  number.length > 15 && normal(number) !== normal(String(+number))
  || !Number.isFinite(+number)

const hasLossy = (json: string): boolean => {
  // Outside of texts, where only a number has a digit.
  for (let i = 0; i < json.length;) {
    const code = json.charCodeAt(i)
    if (code === 0x22) i = textEnd(json, i)
    else if (code === 0x2d || code >= 0x30 && code <= 0x39) {
      let end = i + 1
      while (/[\d.eE+-]/.test(json[end] ?? "")) end++
      if (isLossy(json.slice(i, end))) return true
      i = end
    } else i++
  }
  return false
}

/** What Node has of JSON's source texts, and the library of types not yet. */
interface SourceJson {
  readonly parse: (text: string, reviver: (name: string, value: unknown, at: { source?: string }) => unknown) => unknown
  readonly rawJSON: (text: string) => { readonly rawJSON: string }
  readonly isRawJSON: (value: unknown) => value is { readonly rawJSON: string }
}
const sourceJson = JSON as unknown as SourceJson

const mend = (encoded: unknown, source: unknown): unknown => {
  if (sourceJson.isRawJSON(source)) {
    if (typeof encoded !== "number") return encoded
    if (encoded !== Number(source.rawJSON)) {
      throw new Error(`the topic's codec does not keep the digits of ${source.rawJSON}`)
    }
    return source
  }
  if (Array.isArray(encoded)) {
    return Array.isArray(source) && source.length === encoded.length
      ? encoded.map((part, i) => mend(part, source[i]))
      : encoded
  }
  if (typeof encoded !== "object" || encoded === null || typeof source !== "object" || source === null) return encoded
  const given = new Map(Object.entries(source))
  return Object.fromEntries(
    Object.entries(encoded).map(([name, part]) => [name, given.has(name) ? mend(part, given.get(name)) : part])
  )
}

/** What a codec made of JSON, with the digits of its numbers that JavaScript's do not hold. */
export const keepDigits = (encoded: string, source: string): string => {
  if (!hasLossy(source)) return encoded
  const parsed = sourceJson.parse(
    source,
    (_, value, at) =>
      typeof value === "number" && at.source !== undefined && isLossy(at.source) ? sourceJson.rawJSON(at.source) : value
  )
  return JSON.stringify(mend(JSON.parse(encoded), parsed))
}
