/** What commands build of a config: the engine, and the Schema Registry if it has one. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as KafkaEngine from "../engine/KafkaEngine.ts"
import type { Codecs } from "../Source.ts"
import * as Topic from "../Topic.ts"
import type { Config } from "./Config.ts"
import { UsageError } from "./exit.ts"
import type { AnyConsumer } from "./selection.ts"

const advice = "add `registry: SchemaRegistry.layer({ url: \"…\" })` to defineConfig in the config module"

/** The registry of a config. */
export const registryOf = ({ registry }: Config): Effect.Effect<NonNullable<Config["registry"]>, UsageError> =>
  registry === undefined
    ? Effect.fail(new UsageError({ problem: `the config module has no Schema Registry; ${advice}` }))
    : Effect.succeed(registry)

/** The engine of a config, with its registry if it has one. */
export const servicesOf = ({ engine, registry }: Config): Layer.Layer<KafkaEngine.Service, unknown> =>
  // A layer that provides more is one that provides this; codecs are asked without their types.
  registry === undefined ? engine : Layer.merge(engine, registry as Layer.Layer<never, unknown>)

/** Refuses codecs of a Schema Registry where the config has none: {@link servicesOf} could not serve them. */
export const checkRegistry = (
  { registry }: Config,
  topic: string,
  { key, value }: Codecs
): Effect.Effect<void, UsageError> =>
  registry === undefined && (key.registration !== undefined || value.registration !== undefined)
    ? Effect.fail(new UsageError({ problem: `the codecs of topic "${topic}" need a Schema Registry; ${advice}` }))
    : Effect.void

/** {@link checkRegistry} for all topics of a consumer. */
export const checkConsumer = (config: Config, { handlers }: AnyConsumer): Effect.Effect<void, UsageError> =>
  Effect.forEach(handlers, ({ source }) => checkRegistry(config, Topic.show(source), source.codecs), { discard: true })
