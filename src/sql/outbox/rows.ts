/** Messages as rows of the outbox, and back. Pure. */
import type { RawMessage } from "../../engine/KafkaEngine.ts"
import * as Headers from "../../Headers.ts"
import { bytesCell, literalOf } from "../apply/literals.ts"
import { type Slot, slotOf } from "./shards.ts"
import { walTextOf } from "./walMessages.ts"

/** A row that waits to be published. `id` is its place among all, as digits. */
export interface OutboxRow {
  readonly id: string
  readonly message: RawMessage
  /** Why it is no message, for rows that others have written. */
  readonly problem: string | undefined
  /** When it was written, where a receipt is to say so. */
  readonly stamp?: number | undefined
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")

const cellOf = (bytes: Uint8Array | null): string | null => bytes === null ? null : bytesCell(bytes)

const headersCell = (headers: RawMessage["headers"]): string | null =>
  headers === undefined || headers.length === 0
    ? null
    : JSON.stringify(headers.map(([name, value]) => [name, value === null ? null : hex(value)]))

/** Rows of a statement: at most this many, and this many bytes, but one row in any case. */
const rowsAtOnce = 2_000
const bytesAtOnce = 16 * 1_024 * 1_024

const sizeOf = ({ headers = [], key, value }: RawMessage): number =>
  headers.reduce(
    (sum, [name, cell]) => sum + name.length + (cell?.length ?? 0),
    (key?.length ?? 0) + (value?.length ?? 0)
  )

/** Messages as they go into statements, in their order. */
export const partsOf = (messages: ReadonlyArray<RawMessage>): ReadonlyArray<ReadonlyArray<RawMessage>> => {
  const parts: Array<Array<RawMessage>> = []
  let bytes = 0
  for (const message of messages) {
    const size = sizeOf(message)
    const last = parts[parts.length - 1]
    if (last === undefined || last.length >= rowsAtOnce || bytes + size > bytesAtOnce) {
      parts.push([message])
      bytes = size
    } else {
      last.push(message)
      bytes += size
    }
  }
  return parts
}

/** The locks of the keys of all messages, which the first statement takes: in one order, for all of them. */
export const locksFor = (messages: ReadonlyArray<RawMessage>): string =>
  locksOf(messages.map((message) => slotOf(message, 0)))

const locksOf = (slots: ReadonlyArray<Slot>): string =>
  literalOf([...new Set(slots.flatMap(({ lock }) => lock === undefined ? [] : [lock]))], String)

/** The parameters of the statement that writes messages into the log. */
export const walParametersOf = (
  messages: ReadonlyArray<RawMessage>,
  now: number,
  locks: string
): ReadonlyArray<string> => [
  locks,
  literalOf(messages, (message) => walTextOf(message, now))
]

/** The parameters of the statement that inserts messages: an array literal each. */
export const parametersOf = (
  messages: ReadonlyArray<RawMessage>,
  now: number,
  turn: number,
  locks: string
): ReadonlyArray<string> => {
  const slots = messages.map((message, i) => slotOf(message, turn + i))
  return [
    locks,
    literalOf(slots, ({ shard }) => String(shard)),
    literalOf(messages, ({ topic }) => topic),
    literalOf(messages, ({ partition }) => partition === undefined ? null : String(partition)),
    literalOf(messages, ({ key }) => cellOf(key)),
    literalOf(messages, ({ value }) => cellOf(value)),
    literalOf(messages, ({ headers }) => headersCell(headers)),
    literalOf(messages, ({ timestamp }) => String(timestamp ?? now))
  ]
}

const bytesOf = (cell: unknown): Uint8Array | null => cell === null ? null : cell as Uint8Array

const isCell = (cell: unknown): cell is string | null =>
  cell === null || (typeof cell === "string" && /^(?:[0-9a-f]{2})*$/i.test(cell))

const isPair = (pair: unknown): pair is readonly [string, string | null] =>
  Array.isArray(pair) && pair.length === 2 && typeof pair[0] === "string" && isCell(pair[1])

/** The headers of a row; `undefined` if they are none. */
const parsed = (cell: unknown): Headers.Headers | undefined => {
  if (cell === null) return Headers.empty
  const pairs: unknown = JSON.parse(typeof cell === "string" ? cell : Buffer.from(cell as Uint8Array).toString("utf8"))
  if (!Array.isArray(pairs) || !pairs.every(isPair)) return undefined
  return pairs.map(([name, value]) => [name, value === null ? null : Buffer.from(value, "hex")] as const)
}

const problemIn = (topic: string, headers: Headers.Headers | undefined): string | undefined =>
  headers === undefined
    ? "its headers are no array of pairs of a name and hexadecimal digits, or null"
    : /^[\w.-]{1,249}$/.test(topic) && topic !== "." && topic !== ".."
    ? undefined
    : `${JSON.stringify(topic)} is no name for a topic`

/** The header by which a consumer knows a message again; Debezium's outbox router has the same. */
export const idHeader = "id"

/** A row as the statement that reads them returns it. */
export const rowOf = (cells: ReadonlyArray<unknown>): OutboxRow => {
  const [id, topic, partition, key, value, headers, timestamp] = cells
  const found = parsed(headers)
  const own = found ?? Headers.empty
  return {
    id: String(id),
    problem: problemIn(String(topic), found),
    message: {
      topic: String(topic),
      partition: partition === null ? undefined : Number(partition),
      key: bytesOf(key),
      value: bytesOf(value),
      timestamp: Number(timestamp),
      headers: Headers.getBytes(own, idHeader) === undefined ? Headers.append(own, idHeader, String(id)) : own
    }
  }
}
