import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { Codec, Topic } from "millrace"

export class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}

export class Declined extends Schema.TaggedError<Declined>()("Declined", { code: Schema.Int }) {}

export class Invoices extends Context.Service<Invoices, {
  readonly charge: (order: Order) => Effect.Effect<void, Declined>
}>()("test/types/Invoices") {}

export class Mail extends Context.Service<Mail, {
  readonly send: (text: string) => Effect.Effect<void>
}>()("test/types/Mail") {}

/** What the two directions of a codec need. */
export class ReadKeys extends Context.Service<ReadKeys, { readonly current: string }>()("test/types/ReadKeys") {}
export class WriteKeys extends Context.Service<WriteKeys, { readonly current: string }>()("test/types/WriteKeys") {}

export const Orders = Topic.make("orders", { key: Codec.string, value: Codec.json(Order) })

export const Users = Topic.make("users", {
  key: Codec.nullable(Codec.string),
  value: Codec.nullable(Codec.json(Order))
})

export const Audit = Topic.pattern(/audit\..*/, { key: Codec.none, value: Codec.string })

/** A text whose decoding and encoding each need a service of their own. */
const Sealed = Schema.String.pipe(Schema.decodeTo(Schema.String, {
  decode: SchemaGetter.transformEffect((text: string) => ReadKeys.useSync(({ current }) => `${current}${text}`)),
  encode: SchemaGetter.transformEffect((text: string) => WriteKeys.useSync(({ current }) => `${current}${text}`))
}))

export const Secrets = Topic.make("secrets", { key: Codec.string, value: Codec.json(Sealed) })

export const Tenanted = Topic.make("tenanted", {
  key: Codec.string,
  value: Codec.string,
  headers: Schema.Struct({ tenant: Schema.String })
})
