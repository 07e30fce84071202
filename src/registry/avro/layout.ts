/** Whether two Avro types write the same bytes for the same values, and where they first do not. Pure. */
import type { AvroType, Logical } from "./avroType.ts"

const showLogical = (logical: Logical | undefined): string =>
  logical === undefined
    ? "no logical type"
    : [logical.name, logical.precision, logical.scale].filter((part) => part !== undefined).join(" ")

const logicalOf = (type: AvroType): Logical | undefined => "logical" in type ? type.logical : undefined

const nameOf = (type: AvroType): string | undefined => "name" in type ? type.name : undefined

const list = (items: ReadonlyArray<string>) => items.join(", ")

class Comparison {
  private readonly seen = new Map<AvroType, Set<AvroType>>()

  first(a: AvroType, b: AvroType, path: string): string | undefined {
    const seen = this.seen.get(a) ?? new Set()
    if (seen.has(b)) return undefined
    this.seen.set(a, seen.add(b))
    const differ = (one: string | undefined, other: string | undefined) =>
      one === other ? undefined : `${path === "" ? "/" : path}: ${one ?? "nothing"} instead of ${other ?? "nothing"}`
    const head = differ(a.kind, b.kind) ?? differ(nameOf(a), nameOf(b))
      ?? differ(showLogical(logicalOf(a)), showLogical(logicalOf(b)))
    return head ?? this.parts(a, b, path, differ)
  }

  private parts(
    a: AvroType,
    b: AvroType,
    path: string,
    differ: (one: string | undefined, other: string | undefined) => string | undefined
  ): string | undefined {
    if (a.kind === "array" && b.kind === "array") return this.first(a.items, b.items, `${path}/items`)
    if (a.kind === "map" && b.kind === "map") return this.first(a.values, b.values, `${path}/values`)
    if (a.kind === "fixed" && b.kind === "fixed") return differ(`${a.size} bytes`, `${b.size} bytes`)
    if (a.kind === "enum" && b.kind === "enum") return differ(list(a.symbols), list(b.symbols))
    if (a.kind === "union" && b.kind === "union") {
      if (a.branches.length !== b.branches.length) {
        return differ(`${a.branches.length} branches`, `${b.branches.length}`)
      }
      return this.each(a.branches, (branch, i) => this.first(branch, b.branches[i]!, `${path}/${i}`))
    }
    if (a.kind !== "record" || b.kind !== "record") return undefined
    return differ(
      `the fields ${list(a.fields.map(({ name }) => name))}`,
      `the fields ${list(b.fields.map(({ name }) => name))}`
    )
      ?? this.each(a.fields, ({ name, type }, i) => this.first(type, b.fields[i]!.type, `${path}/fields/${name}`))
  }

  private each<A>(items: ReadonlyArray<A>, find: (item: A, i: number) => string | undefined): string | undefined {
    for (const [i, item] of items.entries()) {
      const found = find(item, i)
      if (found !== undefined) return found
    }
    return undefined
  }
}

/** The first difference in layout, as `path: one instead of other`. Defaults, docs and aliases write no bytes. */
export const firstDifference = (one: AvroType, other: AvroType): string | undefined =>
  new Comparison().first(one, other, "")
