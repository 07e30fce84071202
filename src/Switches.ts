/**
 * Switches that turn producing and consuming off for a whole program, without changing it.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import { flag, requireFields } from "./internal/shared/fields.ts"

/**
 * What a program may do. Both are on by default.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Switches {
  /**
   * `false`: `send`, `sendAll`, `sink` and `offer` send nothing, as if everything were suppressed. Copies to retry and
   * dead letter topics are still sent, since a record would be lost without its copy.
   */
  readonly produce: boolean
  /**
   * `false`: consumers join no group and fetch nothing. `Consumer.run` and the streams wait (with `until: "end"` they
   * end at once), `Consumer.layer` is built. The log says so, and their health has the status `"off"`.
   */
  readonly consume: boolean
}

/**
 * The switches of the current fiber. A consumer reads them when it starts, a send when its fiber first sends to a
 * topic.
 *
 * @stability unstable
 * @since 0.1.0
 * @category references
 */
export const Current: Context.Reference<Switches> = Context.Reference("millrace/Switches", {
  defaultValue: (): Switches => ({ produce: true, consume: true })
})

/**
 * Reads the switches from `MILLRACE_PRODUCE` and `MILLRACE_CONSUME`: `on`, `true`, `yes` or `1`, and `off`, `false`,
 * `no` or `0`. A switch that is not set is on. `Config.nested` puts a prefix in front of the names.
 *
 * @stability unstable
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<Switches> = Config.all({
  produce: Config.Boolean("MILLRACE_PRODUCE").pipe(Config.withDefault(true)),
  consume: Config.Boolean("MILLRACE_CONSUME").pipe(Config.withDefault(true))
})

/**
 * Sets the switches of what it is provided to; one that is left out is on. Throws for what is no switch, or no boolean.
 *
 * **When to use**: when the program itself decides, for example in a test. With {@link layerConfig} its environment
 * does.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Producer, Switches, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * export const dryRun = Producer.send(Notes, { key: null, value: "a" }).pipe(
 *   Effect.provide(Switches.layer({ produce: false }))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer = (switches: Partial<Switches>): Layer.Layer<never> => {
  requireFields("Switches.layer", "switches", switches, { produce: flag, consume: flag })
  return Layer.succeed(Current, { produce: switches.produce ?? true, consume: switches.consume ?? true })
}

/**
 * Sets the switches from the environment, by {@link config}. A text that is no boolean fails the build.
 *
 * **When to use**: in the layer of a program whose operators may need to silence it, such as one that starts on a copy
 * of a production database.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Codec, Consumer, OnFailure, Switches, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 * const printer = Consumer.make("printer", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.stop,
 *   handlers: [Topic.handle(Notes, (record) => Effect.log(record.value))]
 * })
 *
 * // MILLRACE_CONSUME=off keeps it from consuming.
 * export const app = Consumer.layer(printer).pipe(Layer.provide(Switches.layerConfig))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layerConfig: Layer.Layer<never, Config.ConfigError> = Layer.effect(Current, config)
