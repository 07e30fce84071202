/** Records that a real Debezium has made, as a consumer gets them. */
import * as Effect from "effect/Effect"
import type { Codec } from "millrace"
import type { Change } from "millrace/sql"
import { readFileSync } from "node:fs"

interface GoldenEvent {
  readonly topic: string
  readonly offset: number
  readonly key: unknown
  readonly value: unknown
  readonly headers: ReadonlyArray<readonly [string, string | null]>
}

/** The events of a file of `test/fixtures/debezium`. A schema that an earlier event has is written out. */
export const goldenEvents = (name: string): ReadonlyArray<GoldenEvent> => {
  const file = new URL(`../fixtures/debezium/${name}.json`, import.meta.url)
  const { events } = JSON.parse(readFileSync(file, "utf8")) as { readonly events: ReadonlyArray<GoldenEvent> }
  const schemas = new Map<string, unknown>()
  const whole = (topic: string, part: "key" | "value", value: any): unknown => {
    if (value?.schema === undefined) return value
    const at = `${topic}/${part}`
    if (typeof value.schema !== "string") schemas.set(at, value.schema)
    return { schema: schemas.get(at), payload: value.payload }
  }
  return events.map((event) => ({
    ...event,
    key: whole(event.topic, "key", event.key),
    value: whole(event.topic, "value", event.value)
  }))
}

/** The headers as bytes. */
export const headersOf = (headers: GoldenEvent["headers"]) =>
  headers.map(([name, text]) => [name, text === null ? null : Buffer.from(text)] as const)

/** A decoder, of a codec that needs no services. */
export const decoderOf = <A>(codec: Codec.Codec<A>, part: "key" | "value" = "value"): Codec.Decoder<A> =>
  Effect.runSync(codec.decoder({ topic: "t", part }))

/** Events of a table with a column of every type, in several modes of a real Debezium. */
export interface Types {
  readonly setup: ReadonlyArray<string>
  readonly columns: ReadonlyArray<
    { readonly name: string; readonly type: string; readonly values: readonly [string, string] }
  >
  readonly connectors: { readonly [connector: string]: Change.ConnectorOptions & { readonly config: string } }
  readonly schema: string
  readonly events: {
    readonly [connector: string]: ReadonlyArray<
      Pick<GoldenEvent, "headers"> & { readonly key: string; readonly value: string | null }
    >
  }
}

export const types = JSON.parse(
  readFileSync(new URL("../fixtures/debezium/types.json", import.meta.url), "utf8")
) as Types
