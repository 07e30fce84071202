/**
 * Messages of a fetch, which mix partitions, as chunks of one partition each. The messages themselves are the records.
 */
import type { Chunk, Position, RawHeader, TopicPartition } from "../../KafkaEngine.ts"
import type { NativeHeader, NativeMessage } from "../shared/native.ts"

/** A chunk in the making. */
export interface OpenChunk extends TopicPartition {
  readonly records: Array<any>
  bytes: number
  next: number
}

/** Where the client reached the end of a partition. */
export type End = Required<Pick<Position, "topic" | "partition" | "offset">>

const encoder = new TextEncoder()

/** The binding's list of objects with one property each as pairs. */
export const pairs = (headers: ReadonlyArray<NativeHeader>): Array<RawHeader> =>
  headers.map((header): RawHeader => {
    // A header of the one name that is no own property when the binding sets it.
    const name = Object.keys(header)[0] ?? "__proto__"
    const value = header[name]!
    return [name, typeof value === "string" ? encoder.encode(value) : value]
  })

/** Bytes of key and value: what the binding calls size counts the value alone. */
const sizeOf = (message: NativeMessage): number =>
  (message.key === null || message.key === undefined ? 0 : message.key.length)
  + (message.value === null ? 0 : message.value.length)

/** Bytes of headers, a name counted as its characters. */
const headerBytes = (headers: ReadonlyArray<RawHeader>): number => {
  let bytes = 0
  for (const [name, value] of headers) bytes += name.length + (value === null ? 0 : value.length)
  return bytes
}

/** Groups messages by partition, in the order they came; those that `wanted` refuses are left out. */
export const group = (
  messages: ReadonlyArray<NativeMessage>,
  wanted: (topic: string, partition: number) => boolean
): Array<OpenChunk> => {
  const chunks: Array<OpenChunk> = []
  let open: OpenChunk | undefined
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!
    if (open === undefined || open.partition !== message.partition || open.topic !== message.topic) {
      const { partition, topic } = message
      open = chunks.find((chunk) => chunk.partition === partition && chunk.topic === topic)
      if (open === undefined) {
        if (!wanted(topic, partition)) continue
        open = { topic, partition, records: [], bytes: 0, next: 0 }
        chunks.push(open)
      }
    }
    let size = sizeOf(message)
    if (message.headers !== undefined) {
      const headers = pairs(message.headers as ReadonlyArray<NativeHeader>)
      message.headers = headers
      size += headerBytes(headers)
    }
    ;(message as { size: number }).size = size
    open.records.push(message)
    open.bytes += size
    open.next = message.offset + 1
  }
  return chunks
}

/** How many records of a chunk fit into what is left, and their bytes. */
const fitting = (chunk: Chunk, maxRecords: number, maxBytes: number): readonly [count: number, bytes: number] => {
  if (chunk.records.length <= maxRecords && chunk.bytes <= maxBytes) return [chunk.records.length, chunk.bytes]
  const limit = Math.min(chunk.records.length, maxRecords)
  let bytes = 0
  for (let i = 0; i < limit; i++) {
    const more = bytes + chunk.records[i]!.size
    if (more > maxBytes) return [i, bytes]
    bytes = more
  }
  return [limit, bytes]
}

/** Splits a chunk behind `count` records with this many bytes. */
const split = (chunk: OpenChunk, count: number, bytes: number): readonly [Chunk, OpenChunk] => {
  const { next, partition, records, topic } = chunk
  return [
    { topic, partition, records: records.slice(0, count), bytes, next: records[count]!.offset },
    { topic, partition, records: records.slice(count), bytes: chunk.bytes - bytes, next }
  ]
}

/** Takes chunks up to the limits, splitting the last one when it must; the first record always fits. */
export const take = (
  chunks: ReadonlyArray<OpenChunk>,
  maxRecords: number,
  maxBytes: number
): { readonly taken: Array<Chunk>; readonly rest: Array<OpenChunk> } => {
  const taken: Array<Chunk> = []
  let records = 0
  let bytes = 0
  for (let i = 0; i < chunks.length; i++) {
    const chunk = chunks[i]!
    if (chunk.records.length === 0) {
      taken.push(chunk)
      continue
    }
    const [fits, size] = fitting(chunk, maxRecords - records, maxBytes - bytes)
    const [count, taking] = fits === 0 && records === 0 ? [1, chunk.records[0]!.size] : [fits, size]
    if (count === 0) return { taken, rest: chunks.slice(i) }
    if (count < chunk.records.length) {
      const [head, tail] = split(chunk, count, taking)
      taken.push(head)
      return { taken, rest: [tail, ...chunks.slice(i + 1)] }
    }
    taken.push(chunk)
    records += count
    bytes += taking
  }
  return { taken, rest: [] }
}
