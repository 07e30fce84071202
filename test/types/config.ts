/** What the config of the command accepts: a layer that provides what the consumers need, and may use the engine. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Codec, Consumer, OnFailure, Topic } from "millrace"
import { defineConfig } from "millrace/cli"
import { Codec as Registered, SchemaRegistry } from "millrace/registry"
import { InMemoryKafka } from "millrace/testing"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"

class Invoices extends Context.Service<Invoices, { readonly charge: Effect.Effect<void> }>()("test/Invoices") {}
class Mail extends Context.Service<Mail, { readonly send: Effect.Effect<void> }>()("test/Mail") {}

const notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
const options = { offsetReset: "earliest", onFailure: OnFailure.stop } as const

const charging = Consumer.make("charging", {
  ...options,
  handlers: [Topic.handle(notes, () => Effect.flatMap(Invoices, ({ charge }) => charge))]
})
const mailing = Consumer.make("mailing", {
  ...options,
  handlers: [Topic.handle(notes, () => Effect.flatMap(Mail, ({ send }) => send))]
})
const idle = Consumer.make("idle", { ...options, handlers: [Topic.handle(notes, () => Effect.void)] })

const engine = InMemoryKafka.layer
const invoices = Layer.succeed(Invoices, { charge: Effect.void })
const mail = Layer.effect(Mail, Effect.as(Effect.service(KafkaEngine.Service), { send: Effect.void }))

export const exact = defineConfig({ engine, consumers: [charging, mailing], layer: Layer.merge(invoices, mail) })
export const more = defineConfig({ engine, topics: [notes], consumers: [charging], layer: Layer.merge(invoices, mail) })
export const none = defineConfig({ engine, consumers: [idle], layer: Layer.empty })
export const nobody = defineConfig({ engine, consumers: [], layer: Layer.empty })

// @ts-expect-error Mail is missing
export const missing = defineConfig({ engine, consumers: [charging, mailing], layer: invoices })

const unknowing: Array<Consumer.Any> = [charging, mailing]
// @ts-expect-error what they need is not known
export const unknown = defineConfig({ engine, consumers: unknowing, layer: Layer.merge(invoices, mail) })

export const needy = defineConfig({
  engine,
  consumers: [charging],
  // @ts-expect-error the layer needs more than the engine
  // @effect-diagnostics-next-line missingLayerContext:off
  layer: Layer.effect(Invoices, Invoices)
})

// @ts-expect-error the engine's layer provides no engine
export const powerless = defineConfig({ engine: invoices, consumers: [idle], layer: Layer.empty })

const orders = Topic.make("orders", { key: Codec.none, value: Registered.avro(Schema.Struct({ id: Schema.String })) })
const shipping = Consumer.make("shipping", { ...options, handlers: [Topic.handle(orders, () => Effect.void)] })
const registry = SchemaRegistry.layerMemory
const lookingUp = Layer.effect(Mail, Effect.as(Effect.service(SchemaRegistry.Service), { send: Effect.void }))

export const registered = defineConfig({ engine, consumers: [shipping], registry, layer: Layer.empty })
export const within = defineConfig({ engine, consumers: [shipping], layer: registry })
export const used = defineConfig({ engine, consumers: [shipping, mailing], registry, layer: lookingUp })

// @ts-expect-error no registry
export const unregistered = defineConfig({ engine, consumers: [shipping], layer: Layer.empty })
// @ts-expect-error the layer uses a registry, and the config has none
// @effect-diagnostics-next-line missingLayerContext:off
export const unknowingly = defineConfig({ engine, consumers: [mailing], layer: lookingUp })
// @ts-expect-error the registry's layer provides no registry
// @effect-diagnostics-next-line missingLayerContext:off
export const other = defineConfig({ engine, consumers: [idle], registry: mail, layer: Layer.empty })
// @ts-expect-error an empty layer provides no registry
export const empty = defineConfig({ engine, consumers: [idle], registry: Layer.empty, layer: Layer.empty })
export const absent = defineConfig({ engine, consumers: [idle], registry: undefined, layer: Layer.empty })
