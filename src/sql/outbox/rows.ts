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
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")

const cellOf = (bytes: Uint8Array | null): string | null => bytes === null ? null : bytesCell(bytes)

const headersCell = (headers: RawMessage["headers"]): string | null =>
  headers === undefined || headers.length === 0
    ? null
    : JSON.stringify(headers.map(([name, value]) => [name, value === null ? null : hex(value)]))

const locksOf = (slots: ReadonlyArray<Slot>): string =>
  literalOf([...new Set(slots.flatMap(({ lock }) => lock === undefined ? [] : [lock]))], String)

/** The parameters of the statement that writes messages into the log. */
export const walParametersOf = (messages: ReadonlyArray<RawMessage>, now: number): ReadonlyArray<string> => [
  locksOf(messages.map((message) => slotOf(message, 0))),
  literalOf(messages, (message) => walTextOf(message, now))
]

/** The parameters of the statement that inserts messages: an array literal each. */
export const parametersOf = (
  messages: ReadonlyArray<RawMessage>,
  now: number,
  turn: number
): ReadonlyArray<string> => {
  const slots = messages.map((message, i) => slotOf(message, turn + i))
  return [
    locksOf(slots),
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

const parsed = (cell: unknown): Headers.Headers => {
  if (cell === null) return Headers.empty
  const pairs = JSON.parse(String(cell)) as ReadonlyArray<readonly [string, string | null]>
  return pairs.map(([name, value]) => [name, value === null ? null : Buffer.from(value, "hex")] as const)
}

/** The header by which a consumer knows a message again; Debezium's outbox router has the same. */
export const idHeader = "id"

/** A row as the statement that reads them returns it. */
export const rowOf = (cells: ReadonlyArray<unknown>): OutboxRow => {
  const [id, topic, partition, key, value, headers, timestamp] = cells
  const own = parsed(headers)
  return {
    id: String(id),
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
