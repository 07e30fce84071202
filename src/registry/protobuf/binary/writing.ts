/** Writes the values of a Schema's encoded side as messages: prepared once, then called per record. */
import * as Option from "effect/Option"
import type { Field } from "../protoType.ts"
import type { FieldProperty, MessageShape, OneofProperty, Property, Shape } from "../shape.ts"
import { mostDepth, wireType } from "./input.ts"
import { keyWriter } from "./mapKeys.ts"
import { Output } from "./output.ts"
import { isZero, wireTypeOf, writerOf } from "./scalars.ts"

type Values = Readonly<Record<string, unknown>>
type WriteProperty = (output: Output, values: Values, depth: number) => void
type WriteItem = (output: Output, value: unknown, depth: number) => void

const tagOf = (field: Field, wire: number): number => (field.number << 3 | wire) >>> 0

const call = (convert: MessageShape["toProto"], value: unknown): unknown =>
  convert === undefined ? value : (convert as (value: unknown) => unknown)(value)

class Compiler {
  private readonly messages = new Map<MessageShape, Array<WriteProperty>>()

  message(shape: MessageShape): WriteItem {
    let properties = this.messages.get(shape)
    if (properties === undefined) {
      this.messages.set(shape, properties = [])
      for (const property of shape.properties) {
        const path = `${shape.type.name}.${property.key}`
        properties.push(property.kind === "field" ? this.field(property, path) : this.oneof(property, path))
      }
    }
    const all = properties
    return (output, value, depth) => {
      if (depth > mostDepth) {
        throw new Error(`${shape.type.name}: messages are nested more than ${mostDepth} deep, which no reader takes`)
      }
      const values = call(shape.toProto, value) as Values
      for (const write of all) write(output, values, depth)
    }
  }

  /** A value without its tag. */
  private item(shape: Shape, path: string): WriteItem {
    if (shape.kind !== "message") return writerOf(shape, path)
    const write = this.message(shape)
    return (output, value, depth) => {
      const start = output.open()
      write(output, value, depth + 1)
      output.close(start)
    }
  }

  private field(property: FieldProperty, path: string): WriteProperty {
    const { absence, field, key, shape } = property
    if (field.label === "map") return this.map(property, path)
    const write = this.item(shape, path)
    if (field.label === "repeated") return this.list(property, write)
    const tag = tagOf(field, shape.kind === "message" ? wireType.length : wireTypeOf(shape.type))
    const isDefault = field.label === "implicit" && shape.kind !== "message" ? isZero(shape) : () => false
    return (output, values, depth) => {
      const value = present(values[key], absence)
      if (value === undefined || isDefault(value)) return
      output.uint32(tag)
      write(output, value, depth)
    }
  }

  private list({ field, key, shape }: FieldProperty, write: WriteItem): WriteProperty {
    const wire = shape.kind === "message" ? wireType.length : wireTypeOf(shape.type)
    const isPacked = wire !== wireType.length
    const tag = tagOf(field, wireType.length)
    return (output, values, depth) => {
      const items = values[key] as ReadonlyArray<unknown>
      if (items.length === 0) return
      if (!isPacked) {
        for (const item of items) {
          output.uint32(tag)
          write(output, item, depth)
        }
        return
      }
      output.uint32(tag)
      const start = output.open()
      for (const item of items) write(output, item, depth)
      output.close(start)
    }
  }

  private map({ field, key, shape }: FieldProperty, path: string): WriteProperty {
    const write = this.item(shape, path)
    const tag = tagOf(field, wireType.length)
    const nameTag = 1 << 3 | wireTypeOf({ kind: "scalar", scalar: field.key! })
    const valueTag = 2 << 3 | (shape.kind === "message" ? wireType.length : wireTypeOf(shape.type))
    const writeName = keyWriter(field.key!, path)
    return (output, values, depth) => {
      const map = values[key] as Values
      for (const name of Object.keys(map)) {
        output.uint32(tag)
        const start = output.open()
        output.uint32(nameTag)
        writeName(output, name)
        output.uint32(valueTag)
        write(output, map[name], depth)
        output.close(start)
      }
    }
  }

  private oneof({ absence, branches, discriminator, key }: OneofProperty, path: string): WriteProperty {
    const byTag = new Map(
      branches.map(({ field, inline, shape, tag }) => {
        const wire = shape.kind === "message" ? wireType.length : wireTypeOf(shape.type)
        return [tag, { tag: tagOf(field, wire), inline, write: this.item(shape, path) }] as const
      })
    )
    return (output, values, depth) => {
      const value = present(values[key], absence) as Values | undefined
      if (value === undefined) return
      const branch = byTag.get(value[discriminator])
      if (branch === undefined) throw new Error(`${path}: ${String(value[discriminator])} is not a member of the union`)
      output.uint32(branch.tag)
      branch.write(output, branch.inline === undefined ? value : value[branch.inline], depth)
    }
  }
}

const present = (value: unknown, absence: Property["absence"]): unknown => {
  if (absence !== "none") return value === null ? undefined : value
  const option = value as Option.Option<unknown> | undefined
  return option === undefined || Option.isNone(option) ? undefined : option.value
}

const nothing = new Uint8Array(0)

/** One buffer for all: nothing is awaited while a record is written. */
const shared = new Output()

/**
 * Makes what writes messages, after a prefix (default none). It throws for a value that a field cannot hold, with its
 * path.
 */
export const writing = (shape: MessageShape): (value: unknown, prefix?: Uint8Array) => Uint8Array => {
  const write = new Compiler().message(shape)
  return (value, prefix = nothing) => {
    shared.start(prefix)
    write(shared, value, 1)
    return shared.finish()
  }
}
