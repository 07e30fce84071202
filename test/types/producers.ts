import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type { Codec, KafkaEngine, KafkaError, OnFailure } from "millrace"
import { Producer, Topic } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { InMemoryKafka } from "millrace/testing"
import { same } from "./exact.ts"
import { Audit, Order, Orders, type ReadKeys, Secrets, Tenanted, Users, type WriteKeys } from "./fixtures.ts"

type Engine = KafkaEngine.Service
type Failure = KafkaError.KafkaError | Schema.SchemaError

same<typeof Orders, Topic.Topic<string, Order, never, never, unknown>>(true)
same<typeof Users, Topic.Topic<string | null, Order | null, never, never, unknown>>(true)
same<typeof Secrets, Topic.Topic<string, string, ReadKeys, WriteKeys, unknown>>(true)
same<typeof Audit, Topic.Source<null, string, never, unknown>>(true)

const order = new Order({ id: "1", total: 2 })

const sent = Producer.send(Orders, { key: "1", value: order })
same<typeof sent, Effect.Effect<KafkaEngine.Delivery, Failure, Engine>>(true)

// Producing encodes: it needs what encoding needs, and not what decoding needs.
const sealed = Producer.send(Secrets, { key: "1", value: "text" })
same<typeof sealed, Effect.Effect<KafkaEngine.Delivery, Failure, WriteKeys | Engine>>(true)

// A suppressed effect is what it was, also as the first argument; a layer likewise.
const quiet = sealed.pipe(Producer.suppress([Orders, "users", Order]), Producer.unsuppress)
same<typeof quiet, typeof sealed>(true)
const quieter = Producer.suppress(sealed)
same<typeof quieter, typeof sealed>(true)
declare const part: Layer.Layer<Engine, Failure, WriteKeys>
const quietPart = part.pipe(Producer.suppressLayer([Orders]))
same<typeof quietPart, typeof part>(true)

// @ts-expect-error a pattern names no topic
export const suppress1 = sealed.pipe(Producer.suppress([Audit]))

const moved = Producer.transaction("id", sent)
same<typeof moved, Effect.Effect<KafkaEngine.Delivery, Failure, Engine>>(true)

export const send1 = Producer.send(Users, { key: null, value: null })

// @ts-expect-error a tombstone, on a topic whose value is not nullable
export const send2 = Producer.send(Orders, { key: "1", value: null })

// @ts-expect-error no key, on a topic whose key is not nullable
export const send3 = Producer.send(Orders, { key: null, value: order })

// @ts-expect-error a pattern is no place to produce to
export const send4 = Producer.send(Audit, { key: null, value: "" })

export const send5 = Producer.send(Tenanted, { key: "1", value: "2", headerValues: { tenant: "a" } })

// @ts-expect-error a topic with a Schema of headers asks for their values
export const send6 = Producer.send(Tenanted, { key: "1", value: "2" })

declare const dates: Codec.Codec<Date>
// @ts-expect-error a codec is invariant: what is written as a Date is not read as an object
const objects: Codec.Codec<object> = dates

declare const forErrors: OnFailure.OnFailure<Error>
export const forTypeErrors: OnFailure.OnFailure<TypeError> = forErrors
// @ts-expect-error a policy for some errors is none for all
export const forAll: OnFailure.OnFailure<unknown> = forErrors

export const memory: Layer.Layer<Engine | InMemoryKafka> = InMemoryKafka.layer
const real = ConfluentKafka.layer({ bootstrapServers: ["localhost:9092"] })
same<typeof real, Layer.Layer<Engine | ConfluentKafka.RawClient, KafkaError.KafkaError>>(true)

Topic.make("objects", { key: objects, value: objects })
