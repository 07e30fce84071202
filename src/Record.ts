/**
 * A decoded record, as handlers get it.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Codec from "./Codec.ts"
import type { RawRecord, TimestampType } from "./engine/KafkaEngine.ts"
import * as Headers from "./Headers.ts"
import * as OwnHeaders from "./internal/shared/codecs/ownHeaders.ts"
import { requireFields, shown, text, whole } from "./internal/shared/fields.ts"
import * as Message from "./Message.ts"
import type { AnyTopic, Codecs, Source } from "./Source.ts"

/**
 * A record of a topic, as a handler gets it.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Record<out K, out V, out H = unknown> {
  /** The topic that it was read from. */
  readonly topic: string
  /** Its partition. */
  readonly partition: number
  /** Its place in the partition, a number below 2^53. */
  readonly offset: number
  /** In milliseconds since the epoch; -1 when the producer gave none. */
  readonly timestamp: number
  /** Who set the timestamp; `undefined` where the engine cannot tell. */
  readonly timestampType: TimestampType | undefined
  /** The epoch of the leader that the record was read from, where the engine knows it. */
  readonly leaderEpoch: number | undefined
  /** The decoded key; null where the record has none, if the topic's codec admits that. */
  readonly key: K
  /** The decoded value; null for a tombstone, if the topic's codec admits that. */
  readonly value: V
  /** The headers as they came. */
  readonly headers: Headers.Headers
  /** The headers decoded by the topic's header Schema. */
  readonly headerValues: H
  /** The record as it came, with the bytes of its key and value. */
  readonly raw: RawRecord
}

/**
 * The record of a source, or of any of several.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, type Record, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * export const print = (record: Record.Of<typeof Notes>) => Effect.log(record.value)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Of<S> = S extends Source<infer K, infer V, infer _RD, infer H> ? Record<K, V, H> : never

/** Its fields are read from the raw record, so that a record costs only one small object. */
class RecordImpl<K, V, H> implements Record<K, V, H> {
  readonly key: K
  readonly value: V
  readonly headerValues: H
  readonly raw: RawRecord
  constructor(raw: RawRecord, key: K, value: V, headerValues: H) {
    this.raw = raw
    this.key = key
    this.value = value
    this.headerValues = headerValues
  }
  get topic(): string {
    return this.raw.topic
  }
  get partition(): number {
    return this.raw.partition
  }
  get offset(): number {
    return this.raw.offset
  }
  get timestamp(): number {
    return this.raw.timestamp
  }
  get timestampType(): TimestampType | undefined {
    return this.raw.timestampType
  }
  get leaderEpoch(): number | undefined {
    return this.raw.leaderEpoch
  }
  get headers(): Headers.Headers {
    return this.raw.headers ?? Headers.empty
  }
}

/**
 * Puts a raw record and its decoded parts together.
 *
 * **When to use**: to read with an engine of one's own. {@link make} is for tests of handlers.
 *
 * @example
 * ```ts
 * import { type KafkaEngine, Record } from "millrace"
 *
 * export const ofText = (raw: KafkaEngine.RawRecord) =>
 *   Record.fromRaw(raw, null, Buffer.from(raw.value ?? []).toString(), {})
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const fromRaw = <K, V, H = {}>(
  raw: RawRecord,
  key: K,
  value: V,
  headerValues: H
): Record<K, V, H> => new RecordImpl(raw, key, value, headerValues)

/**
 * Where a record of {@link make} comes from.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Place {
  /** The topic (default: that of the source; a pattern has none). */
  readonly topic?: string | undefined
  /** The offset (default 0). */
  readonly offset?: number | undefined
}

const encoded = (codec: Codec.Any, site: Codec.Site, value: unknown): Codec.Output => {
  // A codec that needs services throws here, as documented.
  const encoder: Effect.Effect<Codec.Encoder<any>, never, any> = codec.encoder(site)
  const output = Effect.runSync(encoder as Effect.Effect<Codec.Encoder<any>>)(value)
  return output instanceof Codec.Pending ? Effect.runSync(output.effect) : output
}

const headersOf = (schema: Schema.Top | undefined, { headerValues, headers }: Message.AnyMessage): Headers.Headers => {
  const own = headers === undefined ? Headers.empty : Headers.fromInput(headers)
  if (schema === undefined) return own
  const encode = Schema.encodeUnknownSync(
    schema as Schema.Codec<unknown, { readonly [name: string]: string | undefined }>
  )
  const texts = encode(headerValues)
  const present = Object.entries(texts).flatMap(([name, text]) => text === undefined ? [] : [[name, text] as const])
  return [...Headers.fromInput(Object.fromEntries(present)), ...own]
}

/** The raw record of a value. Nothing is encoded before it is asked for. */
class SampleRaw implements RawRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly timestampType = "CreateTime"
  private readonly message: Message.AnyMessage & { readonly key: unknown }
  private readonly codecs: Codecs

  constructor(codecs: Codecs, message: Message.AnyMessage & { readonly key: unknown }, topic: string, offset: number) {
    this.codecs = codecs
    this.message = message
    this.topic = topic
    this.partition = message.partition ?? 0
    this.offset = offset
    this.timestamp = message.timestamp ?? 0
  }
  get key(): Uint8Array | null {
    return OwnHeaders.bytesIn(this.encoded("key"))
  }
  get value(): Uint8Array | null {
    return OwnHeaders.bytesIn(this.encoded("value"))
  }
  get headers(): Headers.Headers {
    return (["key", "value"] as const).reduce(
      (headers, part) => this.withOwn(part, headers),
      headersOf(this.codecs.headers, this.message)
    )
  }
  get size(): number {
    return (this.key?.length ?? 0) + (this.value?.length ?? 0)
  }
  private encoded(part: "key" | "value"): Codec.Output {
    return encoded(this.codecs[part], { topic: this.topic, part }, this.message[part])
  }
  private withOwn(part: "key" | "value", headers: Headers.Headers): Headers.Headers {
    const names = OwnHeaders.namesOf(this.codecs[part], { topic: this.topic, part })
    if (names.length === 0) return headers
    try {
      return OwnHeaders.merged(headers, names, OwnHeaders.headersIn(this.encoded(part)))
    } catch {
      // A codec that needs services: handlers read the other headers, and these are none of theirs.
      return OwnHeaders.merged(headers, names, [])
    }
  }
}

/**
 * Makes the record that a handler would get for a message, or for a value where the topic has `keyOf`. `partition` and
 * `timestamp` are 0 where the message has none. Its `headers` and `raw` are encoded when they are asked for; a codec
 * that needs services to encode throws then, but for headers that it would write: they are left out.
 *
 * **When to use**: to test a handler alone, without a Kafka.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Record, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.string, value: Codec.string })
 * const print = (record: Record.Of<typeof Notes>) => Effect.log(`${record.offset}: ${record.value}`)
 *
 * export const test = print(Record.make(Notes, { key: "a", value: "hello" }, { offset: 7 }))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make: {
  <T extends AnyTopic>(topic: T, input: NoInfer<Message.Input<T>>, place?: Place): Of<T>
  <K, V, RD, H>(
    source: Source<K, V, RD, H>,
    input: NoInfer<Message.Message<K, V, H>>,
    place: Place & { readonly topic: string }
  ): Record<K, V, H>
} = (source: AnyTopic | Source<any, any, any, any>, input: unknown, place: Place = {}): any => {
  const given = Message.fromInput(source as AnyTopic, input)
  if (!Predicate.isObject(given)) throw new Error(`Record.make: ${shown(given)} is no message, { key, value }`)
  requireFields("Record.make", "place", place, { topic: text, offset: whole })
  const message = { ...given, key: Message.keyOf(source as AnyTopic, given) }
  const topic = place.topic ?? (source.match._tag === "Name" ? source.match.name : String(source.match.regex))
  const raw = new SampleRaw(source.codecs, message, topic, place.offset ?? 0)
  return fromRaw(raw, message.key, message.value, message.headerValues ?? {})
}
