/** Records that other toolkits wrote to a real broker; test/live/recording.live.test.ts records them. */
import { readFileSync } from "node:fs"
import type { RawHeader } from "../../../src/engine/KafkaEngine.ts"
import type { Source } from "../../../src/internal/retry/retryHeaders.ts"

interface Recorded {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly headers: ReadonlyArray<readonly [name: string, hex: string | null]>
}

// Long values were cut: `0a0b... (4415 bytes in all)`.
const bytesOf = (hex: string | null): Uint8Array | null =>
  hex === null ? null : Uint8Array.from(Buffer.from(hex.split("...")[0]!, "hex"))

export const recorded = (file: string): ReadonlyArray<Source & { readonly headers: ReadonlyArray<RawHeader> }> => {
  const text = readFileSync(new URL(`../../fixtures/${file}.json`, import.meta.url), "utf8")
  return (JSON.parse(text) as { readonly records: ReadonlyArray<Recorded> }).records.map((record) => ({
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    timestamp: record.timestamp,
    timestampType: "CreateTime",
    headers: record.headers.map(([name, hex]): RawHeader => [name, bytesOf(hex)])
  }))
}

/** Headers in a form that compares and reads well. */
export const shown = (headers: ReadonlyArray<RawHeader>): Array<[string, string | null]> =>
  headers.map(([name, value]) => [name, value === null ? null : Buffer.from(value).toString("hex")])

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)

export const hex = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value, "hex"))
