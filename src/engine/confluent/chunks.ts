/**
 * Messages of a fetch, which mix partitions, as chunks of one partition each. The messages themselves are the records.
 */
import type { Chunk, RawHeader, TopicPartition } from "../KafkaEngine.ts"
import type { NativeHeader, NativeMessage } from "./native.ts"

/** A chunk in the making. */
interface OpenChunk extends TopicPartition {
  readonly records: Array<any>
  bytes: number
  next: number
}

const encoder = new TextEncoder()

/** The binding's list of objects with one property each as pairs. */
export const pairs = (headers: ReadonlyArray<NativeHeader>): Array<RawHeader> =>
  headers.map((header): RawHeader => {
    const name = Object.keys(header)[0]!
    const value = header[name]!
    return [name, typeof value === "string" ? encoder.encode(value) : value]
  })

/** Bytes of key and value: what the binding calls size counts the value alone. */
const sizeOf = (message: NativeMessage): number =>
  (message.key === null || message.key === undefined ? 0 : message.key.length)
  + (message.value === null ? 0 : message.value.length)

/** Groups messages by partition, in the order they came; those that `wanted` refuses are left out. */
export const group = (
  messages: ReadonlyArray<NativeMessage>,
  wanted: (topic: string, partition: number) => boolean
): Array<Chunk> => {
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
    if (message.headers !== undefined) message.headers = pairs(message.headers as ReadonlyArray<NativeHeader>)
    const size = sizeOf(message)
    ;(message as { size: number }).size = size
    open.records.push(message)
    open.bytes += size
    open.next = message.offset + 1
  }
  return chunks
}

/** Splits a chunk so that the first part has at most `count` records. */
export const split = (chunk: Chunk, count: number): readonly [Chunk, Chunk] => {
  const head = chunk.records.slice(0, count)
  const tail = chunk.records.slice(count)
  const headBytes = head.reduce((bytes, record) => bytes + record.size, 0)
  const { partition, topic } = chunk
  return [
    { topic, partition, records: head, bytes: headBytes, next: tail[0]!.offset },
    { topic, partition, records: tail, bytes: chunk.bytes - headBytes, next: chunk.next }
  ]
}
