/** Keys and values as they are in a line of JSON, and back: the encoded side of a topic's codecs. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Codec from "../Codec.ts"
import type { RawHeader } from "../engine/KafkaEngine.ts"
import * as OwnHeaders from "../internal/shared/codecs/ownHeaders.ts"
import { compact } from "./jsonText.ts"
import { textOf, toJson } from "./values.ts"

/**
 * What a codec's bytes are: any text; JSON; something else that a Schema describes; something else. `none`: there are
 * none.
 */
export type Kind = "none" | "text" | "json" | "schema" | "opaque"

/** A codec at a topic, as far as lines of JSON are concerned. */
export interface Wire {
  readonly kind: Kind
  readonly codec: Codec.Codec<any, any, any>
  readonly site: Codec.Site
}

const encoder = new TextEncoder()
/** Text and no JSON. */
const noJson = encoder.encode("{\"")
/** JSON, and as good as anything for a text. */
const someJson = encoder.encode("null")

const settle = <A>(run: () => A | Codec.Pending<A>): Effect.Effect<A, unknown> =>
  Effect.suspend(() => {
    const value = run()
    return value instanceof Codec.Pending ? value.effect : Effect.succeed(value)
  }).pipe(Effect.catchDefect(Effect.fail))

/** Finds out what a codec reads, by asking it. A Schema that refuses has read the bytes before. */
export const make = Effect.fnUntraced(function*(
  codec: Codec.Codec<any, any, any>,
  site: Codec.Site
): Effect.fn.Return<Wire, never, any> {
  const decode: Codec.Decoder<unknown> = yield* codec.decoder(site)
  const ask = (bytes: Uint8Array) =>
    Effect.match(settle(() => decode(bytes, [])), {
      onSuccess: (value) => value === null ? "null" as const : "read" as const,
      onFailure: (error) => Schema.isSchemaError(error) ? "read" as const : "refused" as const
    })
  const text = yield* ask(noJson)
  const json = yield* ask(someJson)
  const kind = text === "null"
    ? "none"
    : text === "read"
    ? "text"
    : json !== "refused"
    ? "json"
    : codec.schema !== undefined
    ? "schema"
    : "opaque"
  return { kind, codec, site }
})

/** A part of a record. `json` is one line; with `base64` it does not say all, or nothing (`undefined`). */
export interface Shown {
  readonly json: string | undefined
  readonly base64: string | undefined
}

const base64Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")

const jsonIn = (bytes: Uint8Array): string | undefined => {
  const text = textOf(bytes)?.replace(/^\uFEFF/, "")
  if (text === undefined) return undefined
  try {
    JSON.parse(text)
    return compact(text)
  } catch {
    return undefined
  }
}

const schemaJson = (schema: Schema.Top, value: unknown): Effect.Effect<string | undefined, never, any> =>
  Effect.match(Schema.encodeUnknownEffect(Schema.toCodecJson(schema))(value), {
    onSuccess: toJson,
    onFailure: () => undefined
  })

/** A key or value that could be decoded. */
export const show = Effect.fnUntraced(function*(
  { codec, kind }: Wire,
  bytes: Uint8Array | null,
  decoded: unknown
): Effect.fn.Return<Shown, never, any> {
  if (bytes === null || kind === "none") return { json: "null", base64: undefined }
  const text = kind === "text" ? textOf(bytes) : undefined
  if (text !== undefined) return { json: JSON.stringify(text), base64: undefined }
  if (kind === "text") return { json: undefined, base64: base64Of(bytes) }
  const encoded = kind === "schema" ? yield* schemaJson(codec.schema!, decoded) : jsonIn(bytes)
  return encoded === undefined
    ? { json: toJson(decoded), base64: base64Of(bytes) }
    : { json: encoded, base64: undefined }
})

/** Bytes of which no codec is known. */
export const showRaw = (bytes: Uint8Array | null): Shown => {
  if (bytes === null) return { json: "null", base64: undefined }
  const text = textOf(bytes)
  return text === undefined
    ? { json: undefined, base64: base64Of(bytes) }
    : { json: JSON.stringify(text), base64: undefined }
}

const loneSurrogate = /\p{Cs}/u

/** The bytes of a text. */
export const textBytes = (text: string): Uint8Array => {
  if (loneSurrogate.test(text)) throw new Error("half of a surrogate pair is no text that UTF-8 could have")
  return encoder.encode(text)
}

/** Base64 as bytes. */
export const base64Bytes = (text: unknown): Uint8Array => {
  if (typeof text !== "string") throw new Error("base64 is a text")
  const bytes = Buffer.from(text, "base64")
  // Node passes over what is no base64.
  if (bytes.toString("base64") !== text) throw new Error("it is no base64")
  return Uint8Array.from(bytes)
}

/** A key or value to send, with the headers that its codec wrote beside it, and the names that are the codec's. */
export interface Part {
  readonly bytes: Uint8Array | null
  readonly headers: ReadonlyArray<RawHeader>
  readonly names: ReadonlyArray<string>
}

/** Bytes that are as they were read: headers of the record say how. */
export const asIs = (bytes: Uint8Array | null): Part => ({ bytes, headers: [], names: [] })

/** What the JSON of a line stands for; only what a Schema describes is encoded by its codec here. */
export const partOf = (
  { codec, kind, site }: Wire,
  json: string
): Effect.Effect<Part, unknown, any> =>
  Effect.suspend((): Effect.Effect<Part, unknown, any> => {
    if (json === "null") return Effect.succeed(asIs(null))
    if (kind === "none") throw new Error(`the topic's records have no ${site.part}`)
    if (kind === "text") {
      // Anything but a text is its own JSON, with all of its digits.
      return Effect.succeed(asIs(json.startsWith("\"") ? textBytes(String(JSON.parse(json))) : encoder.encode(json)))
    }
    if (kind !== "schema") return Effect.succeed(asIs(encoder.encode(json)))
    return Effect.gen(function*() {
      const value: unknown = yield* Schema.decodeUnknownEffect(Schema.toCodecJson(codec.schema!))(JSON.parse(json))
      const encode: Codec.Encoder<unknown> = yield* codec.encoder(site)
      const output = yield* settle(() => encode(value))
      return {
        bytes: OwnHeaders.bytesIn(output),
        headers: OwnHeaders.headersIn(output),
        names: OwnHeaders.namesOf(codec, site)
      }
    })
  }).pipe(Effect.catchDefect(Effect.fail))
