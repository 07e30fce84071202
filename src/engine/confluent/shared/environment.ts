/** What all clients of one layer share. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as KafkaConfig from "../../../KafkaConfig.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import { invalidSetting } from "../../../KafkaError.ts"
import type { Native, NativeConfig, NativeConsumer, NativeProducer } from "./native.ts"
import type { OpenDoor } from "./settings.ts"
import type { Pace } from "./stranding.ts"

/** Made once per layer. */
export interface Environment {
  readonly native: Native
  readonly bootstrapServers: string
  readonly connection: KafkaConfig.ConnectionConfig
  readonly consumer: KafkaConfig.ConsumerConfig
  readonly producer: KafkaConfig.ProducerConfig
  readonly statistics: Duration.Input | undefined
  readonly door: OpenDoor | undefined
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  /** How soon a client without brokers is given up. */
  readonly pace: Pace
  /** Callbacks of the connection, such as the one for fresh tokens. */
  readonly callbacks: NativeConfig
  /** Sends a client's log to the logger of the layer and its figures to the owner. */
  readonly watch: (client: NativeConsumer | NativeProducer, onStatistics: (statistics: unknown) => void) => void
}

/** Makes a native client; what its constructor throws is about a setting. */
export const construct = <A>(make: () => A): Effect.Effect<A, KafkaError> =>
  Effect.try({
    try: make,
    catch: (cause) => invalidSetting("librdkafka", cause instanceof Error ? cause.message : String(cause))
  })
