/** Reads messages as the values of a Schema's encoded side: made once for each schema of writers. */
import * as Option from "effect/Option"
import { problemsOf } from "../layout.ts"
import type { Field, MessageType, ScalarType } from "../protoType.ts"
import { hasPresence } from "../protoType.ts"
import type { FieldProperty, MessageShape, OneofProperty, Property, Shape } from "../shape.ts"
import { Input, mostDepth, wireType } from "./input.ts"
import { keyReader, zeroKey } from "./mapKeys.ts"
import { readerOf, wireTypeOf, zeroOf } from "./scalars.ts"

type Values = Record<string, unknown>
/** Reads what follows a tag into the message. */
type ReadField = (input: Input, values: Values, depth: number) => void
type ReadItem = (input: Input, depth: number, into?: Values) => unknown

interface Plan {
  readonly name: string
  /** What every message begins with; lists and maps are made for each. */
  readonly template: Values
  readonly lists: Array<string>
  readonly maps: Array<string>
  readonly byTag: Map<number, ReadField>
  /** The same for tags of one byte, which most are. */
  readonly byByte: Array<ReadField | undefined>
  readonly numbers: Set<number>
  readonly finishers: Array<(values: Values) => void>
}

const start = (plan: Plan, input: Input): Values => {
  const values = { ...plan.template }
  for (const key of plan.lists) values[key] = []
  for (const key of plan.maps) values[key] = {}
  if (plan.finishers.length > 0) {
    const finish = (each: Values) => {
      for (const finisher of plan.finishers) finisher(each)
    }
    input.unfinished.push({ value: values, finish })
  }
  return values
}

const fields = (plan: Plan, input: Input, values: Values, depth: number): Values => {
  if (depth > mostDepth) throw new Error(`${plan.name}: messages are nested more than ${mostDepth} deep`)
  while (input.at < input.end) {
    const tag = input.tag()
    const read = tag < 128 ? plan.byByte[tag] : plan.byTag.get(tag)
    if (read !== undefined) read(input, values, depth)
    else if (plan.numbers.has(tag >>> 3)) {
      throw new Error(
        `${plan.name}: the field ${tag >>> 3} has the wire type ${tag & 7}, which is not that of its type`
      )
    } else input.skip(tag, depth)
  }
  return values
}

/** Reads something with a length in front of it. */
const within = <A>(input: Input, read: () => A): A => {
  const length = input.length()
  const end = input.end
  input.end = input.at + length
  const value = read()
  input.end = end
  return value
}

const set = (values: Values, key: string, value: unknown): void => {
  // A key of a map may be any text.
  if (key !== "__proto__") values[key] = value
  else Object.defineProperty(values, key, { value, enumerable: true, configurable: true, writable: true })
}

const call = (convert: MessageShape["fromProto"], value: unknown): unknown =>
  convert === undefined ? value : (convert as (value: unknown) => unknown)(value)

/** The member of a oneof as its Schema has it. */
const converted = (member: Values | null | undefined, { branches, discriminator }: OneofProperty): void => {
  if (member === undefined || member === null) return
  const { inline, shape } = branches.find(({ tag }) => tag === member[discriminator])!
  if (inline !== undefined && shape.kind === "message") member[inline] = call(shape.fromProto, member[inline])
}

class Compiler {
  private readonly plans = new Map<MessageShape, Map<MessageType, Plan>>()

  plan(shape: MessageShape, writer: MessageType): Plan {
    const plans = this.plans.get(shape) ?? new Map<MessageType, Plan>()
    this.plans.set(shape, plans)
    const known = plans.get(writer)
    if (known !== undefined) return known
    const plan: Plan = {
      name: shape.type.name,
      template: {},
      lists: [],
      maps: [],
      byTag: new Map(),
      byByte: Array.from({ length: 128 }, () => undefined),
      numbers: new Set(),
      finishers: []
    }
    plans.set(writer, plan)
    Object.assign(plan.template, shape.constants)
    const written = (field: Field) => writer.fields.find(({ number }) => number === field.number)
    for (const property of shape.properties) {
      if (property.kind === "field") this.field(plan, property, written(property.field))
      else this.oneof(plan, property, written)
    }
    return plan
  }

  /** A value without its tag, of the writer's type. */
  private item(shape: Shape, written: Field, path: string): ReadItem {
    if (shape.kind !== "message") return readerOf(written.type as ScalarType, shape, path)
    const plan = this.plan(shape, written.type as MessageType)
    return (input, depth, into) => {
      const length = input.length()
      const end = input.end
      input.end = input.at + length
      const values = fields(plan, input, into ?? start(plan, input), depth + 1)
      input.end = end
      return values
    }
  }

  private on(plan: Plan, field: Field, wire: number, read: ReadField): void {
    plan.numbers.add(field.number)
    const tag = (field.number << 3 | wire) >>> 0
    plan.byTag.set(tag, read)
    if (tag < 128) plan.byByte[tag] = read
  }

  private field(plan: Plan, property: FieldProperty, written: Field | undefined): void {
    const { field, key, shape } = property
    const path = `${plan.name}.${key}`
    if (field.label === "map") return this.map(plan, property, written, path)
    if (field.label === "repeated") return this.list(plan, property, written, path)
    this.absent(plan, property, shape, written)
    if (written === undefined) return
    const read = this.item(shape, written, path)
    if (shape.kind === "message") {
      // A message that comes twice is one, whose fields are those of both.
      this.on(plan, field, wireType.length, (input, values, depth) => {
        const before = values[key]
        values[key] = read(input, depth, before === undefined || before === null ? undefined : before as Values)
      })
      return
    }
    this.on(plan, field, wireTypeOf(written.type as ScalarType), (input, values, depth) => {
      values[key] = read(input, depth)
    })
  }

  /** What is there when the field is not; and what a value becomes when all fields are read. */
  private absent(plan: Plan, { absence, key }: Property, shape: Shape | undefined, written: Field | undefined): void {
    const isMessage = shape?.kind === "message"
    // Not written, although the writer's field has no presence: it had the default.
    const isKnown = written !== undefined && !hasPresence(written)
    if (shape !== undefined && !isMessage && (absence === "default" || isKnown)) {
      const zero = zeroOf(shape)
      if (zero !== undefined) plan.template[key] = zero
    } else if (absence === "null") {
      plan.template[key] = null
    }
    const convert = isMessage ? shape.fromProto : undefined
    if (absence === "none") {
      plan.finishers.push((values) => {
        values[key] = values[key] === undefined ? Option.none() : Option.some(call(convert, values[key]))
      })
    } else if (convert !== undefined) {
      plan.finishers.push((values) => {
        if (values[key] !== undefined && values[key] !== null) values[key] = call(convert, values[key])
      })
    }
  }

  private list(plan: Plan, { field, key, shape }: FieldProperty, written: Field | undefined, path: string): void {
    plan.lists.push(key)
    if (written === undefined) return
    const read = this.item(shape, written, path)
    const wire = shape.kind === "message" ? wireType.length : wireTypeOf(written.type as ScalarType)
    const one: ReadField = (input, values, depth) => {
      ;(values[key] as Array<unknown>).push(read(input, depth))
    }
    this.on(plan, field, wire, one)
    if (wire !== wireType.length) {
      this.on(plan, field, wireType.length, (input, values, depth) =>
        within(input, () => {
          while (input.at < input.end) one(input, values, depth)
        }))
    }
    if (shape.kind === "message" && shape.fromProto !== undefined) {
      plan.finishers.push((values) => {
        values[key] = (values[key] as ReadonlyArray<unknown>).map((value) => call(shape.fromProto, value))
      })
    }
  }

  private map(plan: Plan, { field, key, shape }: FieldProperty, written: Field | undefined, path: string): void {
    plan.maps.push(key)
    if (written === undefined) return
    const type = (number: number, of: Field["type"]): Field => ({ name: "", number, type: of, label: "implicit" })
    const readName = keyReader(field.key!, written.key!, path)
    const noName = zeroKey(field.key!)
    const readValue = this.item(shape, type(2, written.type), path)
    const nameTag = 1 << 3 | wireTypeOf({ kind: "scalar", scalar: written.key! })
    const valueTag = 2 << 3 |
      (shape.kind === "message" ? wireType.length : wireTypeOf(written.type as ScalarType))
    const standard = (input: Input): unknown =>
      shape.kind === "message" ? start(this.plan(shape, written.type as MessageType), input) : zeroOf(shape)
    this.on(plan, field, wireType.length, (input, values, depth) =>
      within(input, () => {
        let name = noName
        let value: unknown
        while (input.at < input.end) {
          const tag = input.tag()
          if (tag === nameTag) name = readName(input)
          else if (tag === valueTag) value = readValue(input, depth)
          else input.skip(tag, depth)
        }
        set(values[key] as Values, name, value === undefined ? standard(input) : value)
      }))
    if (shape.kind === "message" && shape.fromProto !== undefined) {
      plan.finishers.push((values) => {
        const map = values[key] as Values
        for (const name of Object.keys(map)) set(map, name, call(shape.fromProto, map[name]))
      })
    }
  }

  private oneof(plan: Plan, property: OneofProperty, writtenOf: (field: Field) => Field | undefined): void {
    const { branches, discriminator, key } = property
    const path = `${plan.name}.${key}`
    const converts = branches.some(({ shape }) => shape.kind === "message" && shape.fromProto !== undefined)
    if (converts) plan.finishers.push((values) => converted(values[key] as Values | null | undefined, property))
    this.absent(plan, property, undefined, undefined)
    for (const { field, inline, shape, tag } of branches) {
      const written = writtenOf(field)
      if (written === undefined) continue
      const read = this.item(shape, written, path)
      const wire = shape.kind === "message" ? wireType.length : wireTypeOf(written.type as ScalarType)
      this.on(plan, field, wire, (input, values, depth) => {
        const before = values[key] as Values | null | undefined
        // The member that comes last counts; the same one twice is one.
        const same = before?.[discriminator] === tag ? before ?? undefined : undefined
        if (inline === undefined) values[key] = read(input, depth, same)
        else values[key] = { [discriminator]: tag, [inline]: read(input, depth, same?.[inline] as Values | undefined) }
      })
    }
  }
}

/**
 * Makes what reads messages that were written as `writer`. Throws where the Schema's message cannot be read from it;
 * what it makes reads from `at` on (default 0), and throws where bytes are missing, left over or of another type.
 */
export const reading = (shape: MessageShape, writer: MessageType): (bytes: Uint8Array, at?: number) => unknown => {
  const [problem] = problemsOf(shape.type, writer)
  if (problem !== undefined) throw new Error(`${problem.path}: ${problem.message}`)
  const plan = new Compiler().plan(shape, writer)
  return (bytes, at = 0) => {
    const input = new Input(bytes, at)
    const values = fields(plan, input, start(plan, input), 1)
    for (let i = input.unfinished.length - 1; i >= 0; i--) {
      const { finish, value } = input.unfinished[i]!
      finish(value as never)
    }
    return call(shape.fromProto, values)
  }
}
