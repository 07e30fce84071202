/** TypeScript as text, laid out in lines. Pure. */

/** A piece of code: a text, pieces in a row, or a list in brackets that may take several lines. */
export type Code = string | ReadonlyArray<Code> | List

interface List {
  readonly open: string
  readonly items: ReadonlyArray<Code>
  readonly close: string
}

const width = 100

const isRow = (code: Code): code is ReadonlyArray<Code> => Array.isArray(code)

const isList = (code: Code): code is List => typeof code === "object" && "open" in code

const flat = (code: Code): string => {
  if (typeof code === "string") return code
  if (isRow(code)) return code.map(flat).join("")
  const inner = code.items.map(flat).join(", ")
  const space = code.open.endsWith("{") && inner !== "" ? " " : ""
  return `${code.open}${space}${inner}${space}${code.close}`
}

/** What a chain of methods begins with, and the calls. */
const chainOf = (code: Code): ReadonlyArray<Code> =>
  isRow(code) && code.length === 3 && code[1] === "." ? [...chainOf(code[0]!), code[2]!] : [code]

/** Code in lines of a bounded width, as far as its lists can be broken. `before` is what the line has already. */
export const print = (code: Code, indent = "", before = 0): string => {
  const line = flat(code)
  if (typeof code === "string" || indent.length + before + line.length <= width && !line.includes("\n")) return line
  if (!isRow(code)) {
    const [only] = code.items
    // A list in a list, as an object that is an argument, opens and closes with it.
    if (code.items.length === 1 && isList(only!)) return `${code.open}${print(only!, indent, width)}${code.close}`
    const deeper = `${indent}  `
    const items = code.items.map((item) => `${deeper}${print(item, deeper, 1)}`)
    return items.length === 0 ? line : `${code.open}\n${items.join(",\n")}\n${indent}${code.close}`
  }
  const [callee, ...calls] = chainOf(code)
  const deeper = `${indent}  `
  if (calls.length > 1) {
    const lines = calls.map((each) => `${deeper}.${print(each, deeper, 2)}`)
    return [print(callee!, indent, before + 1), ...lines].join("\n")
  }
  let printed = ""
  let column = indent.length + before
  for (const part of code) {
    const lines = print(part, indent, column - indent.length)
    printed += lines
    column = lines.includes("\n") ? lines.length - lines.lastIndexOf("\n") - 1 : column + lines.length
  }
  return printed
}

/** A text as a literal. */
export const text = (value: string): string =>
  JSON.stringify(value).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029")

const identifier = /^[A-Za-z_$][\w$]*$/

/** A name as the key of an object literal, where it does not mean the prototype. */
export const key = (name: string): string =>
  name === "__proto__" ? "[\"__proto__\"]" : identifier.test(name) ? name : text(name)

/** An object literal; what is `undefined` is left out. */
export const object = (fields: Readonly<Record<string, Code | undefined>>): List => entries(Object.entries(fields))

/** An object literal of pairs. */
export const entries = (fields: ReadonlyArray<readonly [name: string, code: Code | undefined]>): List => ({
  open: "{",
  items: fields.flatMap(([name, code]) => code === undefined ? [] : [[`${key(name)}: `, code]]),
  close: "}"
})

/** A call. */
export const call = (callee: string, ...args: ReadonlyArray<Code>): Code =>
  args.length === 1 && isList(args[0]!)
    ? { ...args[0], open: `${callee}(${args[0].open}`, close: `${args[0].close})` }
    : { open: `${callee}(`, items: args, close: ")" }

/** An array literal. */
export const list = (items: ReadonlyArray<Code>): List => ({ open: "[", items, close: "]" })

/** A value of JSON. */
export const value = (json: unknown): Code => {
  if (Array.isArray(json)) return list(json.map(value))
  if (typeof json === "string") return text(json)
  if (typeof json !== "object" || json === null) return String(json)
  return entries(Object.entries(json).map(([name, part]) => [name, value(part)]))
}

/** A comment for a declaration, with a line break behind it; nothing for no words. */
export const comment = (words: string | undefined): string => {
  if (words === undefined || words.trim() === "") return ""
  const lines = words.trim().replaceAll("*/", "*\\/").split(/\r?\n/)
  return lines.length === 1
    ? `/** ${lines[0]} */\n`
    : `/**\n${lines.map((line) => ` * ${line}`.trimEnd()).join("\n")}\n */\n`
}

/** A name in the way of types: `order_line` is `OrderLine`. */
export const typeName = (name: string): string => {
  const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== "")
  const joined = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join("")
  return /^[A-Za-z]/.test(joined) ? joined : `Type${joined}`
}

/** Names that are used once. */
export class Names {
  private readonly taken: Set<string>

  constructor(reserved: ReadonlyArray<string>) {
    this.taken = new Set(reserved)
  }

  /** The first of these names that is free, else one with a number. */
  take(...wanted: readonly [string, ...Array<string>]): string {
    let name = wanted.find((each) => !this.taken.has(each))
    for (let i = 2; name === undefined; i++) if (!this.taken.has(`${wanted[0]}${i}`)) name = `${wanted[0]}${i}`
    this.taken.add(name)
    return name
  }
}
