/** Messages as logical messages of the database's log, and as Debezium passes them on. Pure. */
import * as Predicate from "effect/Predicate"
import type { RawMessage } from "../../engine/KafkaEngine.ts"
import * as Headers from "../../Headers.ts"

/** The prefix of an outbox's logical messages. */
export const walPrefix = "millrace.outbox"

const text = (bytes: Uint8Array | null): string | null => bytes === null ? null : Buffer.from(bytes).toString("base64")

const bytes = (cell: unknown): Uint8Array | null => typeof cell === "string" ? Buffer.from(cell, "base64") : null

/** What is written into the log. */
export const walTextOf = ({ headers, key, partition, timestamp, topic, value }: RawMessage, now: number): string =>
  JSON.stringify({
    topic,
    partition: partition ?? null,
    key: text(key),
    value: text(value),
    headers: (headers ?? []).map(([name, bytes]) => [name, text(bytes)]),
    timestamp: timestamp ?? now
  })

const isPair = (pair: unknown): pair is readonly [string, unknown] => Array.isArray(pair) && typeof pair[0] === "string"

const messageOf = (json: unknown): RawMessage | undefined => {
  if (!Predicate.isObject(json)) return undefined
  const { headers, key, partition, timestamp, topic, value } = json as { readonly [name: string]: unknown }
  if (typeof topic !== "string" || !Array.isArray(headers)) return undefined
  return {
    topic,
    partition: typeof partition === "number" ? partition : undefined,
    key: bytes(key),
    value: bytes(value),
    timestamp: Number(timestamp),
    headers: headers.filter(isPair).reduce<Headers.Headers>(
      (all, [name, cell]) => [...all, [name, bytes(cell)] as const],
      Headers.empty
    )
  }
}

/**
 * The message in an event of Debezium: `op` is `m`, and its content base64 or bytes. `"other"` for events of another
 * kind or prefix; `undefined` if it has our prefix and is none of ours.
 */
export const messageIn = (event: unknown): RawMessage | "other" | undefined => {
  if (!Predicate.isObject(event)) return "other"
  const { message, op } = event as { readonly [name: string]: unknown }
  if (op !== "m" || !Predicate.isObject(message)) return "other"
  const { content, prefix } = message as { readonly [name: string]: unknown }
  if (prefix !== walPrefix) return "other"
  const encoded = content instanceof Uint8Array ? content : typeof content === "string" ? bytes(content)! : undefined
  if (encoded === undefined) return undefined
  try {
    return messageOf(JSON.parse(Buffer.from(encoded).toString("utf8")))
  } catch {
    return undefined
  }
}
