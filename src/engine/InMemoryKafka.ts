/**
 * A Kafka without a broker, for tests and demonstrations.
 *
 * `InMemoryKafka.layer` provides the engine, so every program that runs on a real engine runs on it, with the same
 * semantics: groups rebalance cooperatively or eagerly, offsets are committed and fenced, transactions hide what is not
 * committed, retention moves the start of a log. All time is the `Clock` of the layer: with `TestClock` nothing waits.
 * It also provides {@link InMemoryKafka}, with which a test looks inside, acts as somebody else, and breaks things.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { InMemoryKafka } from "millrace/testing"
 *
 * export const program = Effect.gen(function*() {
 *   const kafka = yield* InMemoryKafka
 *   yield* kafka.produce({ topic: "orders", value: new TextEncoder().encode("{}") })
 *   return yield* kafka.records("orders")
 * }).pipe(Effect.provide(InMemoryKafka.layer))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { flag, type KindsOf, objectOf, requireFields, text } from "../internal/shared/fields.ts"
import * as Kinds from "../internal/shared/handedIn/settingKinds.ts"
import * as KafkaEngine from "./KafkaEngine.ts"
import { makeControl } from "./memory/control.ts"
import { makeCluster, makeEngine } from "./memory/engine.ts"
import type { Control, Options } from "./memory/options.ts"

export type * from "./memory/options.ts"

const kinds: KindsOf<Options> = {
  autoCreateTopics: flag,
  defaultPartitions: Kinds.positive,
  clientId: text,
  consumer: objectOf({ ...Kinds.consumer }),
  producer: objectOf({ ...Kinds.producer })
}

/**
 * The control service of the in-memory cluster: what {@link Control} lists.
 *
 * @stability unstable
 * @since 0.1.0
 * @category services
 */
export class InMemoryKafka extends Context.Service<InMemoryKafka, Control>()("millrace/testing/InMemoryKafka") {
  /**
   * A cluster with settings of its own. Throws for settings that it does not know, or of a wrong type.
   *
   * @example
   * ```ts
   * import { InMemoryKafka } from "millrace/testing"
   *
   * export const strict = InMemoryKafka.layerWith({
   *   autoCreateTopics: false,
   *   consumer: { commitInterval: "1 second" }
   * })
   * ```
   *
   * @since 0.1.0
   */
  static readonly layerWith = (options: Options): Layer.Layer<InMemoryKafka | KafkaEngine.Service> => {
    requireFields("InMemoryKafka.layerWith", "options", options, { ...kinds })
    return Layer.effectContext(Effect.gen(function*() {
      const cluster = yield* makeCluster(options)
      const engine = yield* makeEngine(cluster, options)
      return Context.make(KafkaEngine.Service, engine).pipe(Context.add(InMemoryKafka, makeControl(cluster)))
    }))
  }

  /**
   * A cluster with the defaults. Everything that is built on one use of this layer shares the cluster; another use of
   * it in another runtime, or under `Layer.fresh`, is another cluster.
   *
   * @since 0.1.0
   */
  static readonly layer: Layer.Layer<InMemoryKafka | KafkaEngine.Service> = InMemoryKafka.layerWith({})
}

/**
 * A cluster with the defaults: {@link InMemoryKafka.layer}, for `import * as InMemoryKafka`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<InMemoryKafka | KafkaEngine.Service> = InMemoryKafka.layer

/**
 * A cluster with settings of its own: {@link InMemoryKafka.layerWith}, for `import * as InMemoryKafka`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Producer, Topic } from "millrace"
 * import { InMemoryKafka } from "millrace/testing"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * // As on most real clusters: topic "notes" does not exist; create it, or check the name
 * export const program = Producer.send(Notes, { key: null, value: "hello" }).pipe(
 *   Effect.flip,
 *   Effect.provide(InMemoryKafka.layerWith({ autoCreateTopics: false }))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layerWith: (options: Options) => Layer.Layer<InMemoryKafka | KafkaEngine.Service> = InMemoryKafka.layerWith
