/**
 * Whether two JSON Schemas describe values of the same layout, and where they first do not: types, properties, which of
 * them are required, items and listed values. Annotations, limits of values and other properties are no layout. Pure.
 */
import type { Alternative, Document, Node } from "./document.ts"
import { additionalOf, alternatives, itemsOf, propertiesOf, requiredOf, rootOf } from "./document.ts"

const list = (items: ReadonlyArray<string>): string => items.length === 0 ? "none" : items.join(", ")

/** Alternatives in one order: of several objects, those with the same properties and listed values come together. */
const keyOf = (alternative: Alternative): string => {
  const { type, values } = alternative
  if (type !== "object") return `${type} ${list(values ?? [])}`
  const tags = propertiesOf(alternative).map(([name, { schema }]) =>
    `${name} ${JSON.stringify(schema["const"] ?? schema["enum"] ?? null)}`
  )
  return `${type} ${list(tags)}`
}

const sorted = (node: Node): ReadonlyArray<Alternative> =>
  alternatives(node)
    .map((each) => [keyOf(each), each] as const)
    .toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
    .map(([, each]) => each)

class Comparison {
  private readonly seen = new Map<unknown, Set<unknown>>()

  first(a: Node, b: Node, path: string): string | undefined {
    const seen = this.seen.get(a.schema) ?? new Set()
    if (seen.has(b.schema)) return undefined
    this.seen.set(a.schema, seen.add(b.schema))
    const [ones, others] = [sorted(a), sorted(b)]
    const differ = (one: string, other: string) =>
      one === other ? undefined : `${path === "" ? "/" : path}: ${one} instead of ${other}`
    const types = differ(list(ones.map(({ type }) => type)), list(others.map(({ type }) => type)))
    if (types !== undefined) return types
    for (const [i, one] of ones.entries()) {
      const found = this.parts(one, others[i]!, path, differ)
      if (found !== undefined) return found
    }
    return undefined
  }

  private parts(
    a: Alternative,
    b: Alternative,
    path: string,
    differ: (one: string, other: string) => string | undefined
  ): string | undefined {
    const values = differ(
      a.values === undefined ? `any ${a.type}` : list(a.values),
      b.values === undefined ? `any ${b.type}` : list(b.values)
    )
    if (values !== undefined) return values
    if (a.type === "object") return this.objects(a, b, path, differ)
    return a.type === "array" ? this.arrays(a, b, path, differ) : undefined
  }

  private objects(
    a: Alternative,
    b: Alternative,
    path: string,
    differ: (one: string, other: string) => string | undefined
  ): string | undefined {
    const [ones, others] = [propertiesOf(a), propertiesOf(b)]
    const head = differ(
      `the properties ${list(ones.map(([name]) => name))}`,
      `the properties ${list(others.map(([name]) => name))}`
    )
      ?? differ(`required ${list(requiredOf(a))}`, `required ${list(requiredOf(b))}`)
    if (head !== undefined) return head
    for (const [i, [name, node]] of ones.entries()) {
      const found = this.first(node, others[i]![1], `${path}/properties/${name}`)
      if (found !== undefined) return found
    }
    const [one, other] = [this.mapOf(a), this.mapOf(b)]
    return one === undefined || other === undefined
      ? differ(one === undefined ? "no map" : "a map", other === undefined ? "no map" : "a map")
      : this.first(one, other, `${path}/additionalProperties`)
  }

  /** The values of an object that is a map: other properties of any kind are not of its layout. */
  private mapOf(node: Node): Node | undefined {
    const additional = additionalOf(node)
    return additional === undefined || Object.keys(additional.schema).length === 0 ? undefined : additional
  }

  private arrays(
    a: Alternative,
    b: Alternative,
    path: string,
    differ: (one: string, other: string) => string | undefined
  ): string | undefined {
    const [one, other] = [itemsOf(a), itemsOf(b)]
    const count = differ(`${one.first.length} items of their own`, `${other.first.length} items of their own`)
    if (count !== undefined) return count
    for (const [i, node] of one.first.entries()) {
      const found = this.first(node, other.first[i]!, `${path}/items/${i}`)
      if (found !== undefined) return found
    }
    // A tuple may say or leave out that nothing follows it.
    return one.first.length > 0 || one.others === undefined || other.others === undefined
      ? undefined
      : this.first(one.others, other.others, `${path}/items`)
  }
}

/** The first difference in layout, as `path: one instead of other`. */
export const firstDifference = (one: Document, other: Document): string | undefined =>
  new Comparison().first(rootOf(one), rootOf(other), "")
