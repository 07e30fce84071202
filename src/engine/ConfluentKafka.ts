/**
 * The engine on Confluent's native client (librdkafka), for real clusters.
 *
 * It needs the package `@confluentinc/kafka-javascript`, an optional peer whose native part is loaded when the layer is
 * built, and never before.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type { Producer } from "@confluentinc/kafka-javascript"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { type KindsOf, objectOf, problemOf } from "../internal/shared/fields.ts"
import * as Kinds from "../internal/shared/handedIn/settingKinds.ts"
import * as KafkaConfig from "../KafkaConfig.ts"
import * as Errors from "../KafkaError.ts"
import type { KafkaError } from "../KafkaError.ts"
import * as Admin from "./confluent/admin/adminClient.ts"
import * as Consumer from "./confluent/consumer/consumerClient.ts"
import * as LastingProducer from "./confluent/producer/lastingProducer.ts"
import * as Producers from "./confluent/producer/producerClient.ts"
import type { Environment } from "./confluent/shared/environment.ts"
import { debugSeverity, logLine } from "./confluent/shared/log.ts"
import type { NativeProducer } from "./confluent/shared/native.ts"
import { load } from "./confluent/shared/native.ts"
import * as Settings from "./confluent/shared/settings.ts"
import { shared } from "./confluent/shared/shared.ts"
import { defaultPace } from "./confluent/shared/stranding.ts"
import * as KafkaEngine from "./KafkaEngine.ts"

/**
 * Where the cluster is, and what differs from Millrace's defaults.
 *
 * - `consumer`, `producer`: settings of all clients of the layer; a consumer's own settings win over them.
 * - `statistics` (default: off): how often librdkafka's figures arrive as `Statistics` events.
 * - `librdkafka`: librdkafka's own settings, by name, for all clients (`global`) or one kind. They win over everything
 *   else; those that would break the engine are refused.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options extends KafkaConfig.ConnectionConfig {
  readonly consumer?: KafkaConfig.ConsumerConfig | undefined
  readonly producer?: KafkaConfig.ProducerConfig | undefined
  readonly statistics?: Duration.Input | undefined
  readonly librdkafka?: {
    readonly global?: { readonly [name: string]: unknown } | undefined
    readonly consumer?: { readonly [name: string]: unknown } | undefined
    readonly producer?: { readonly [name: string]: unknown } | undefined
  } | undefined
}

/**
 * The native client itself, for what Millrace does not wrap. The engine's own clients are not handed out: theirs is a
 * state that only the engine may change.
 *
 * @example
 * ```ts
 * import type { BrokerMetadata } from "@confluentinc/kafka-javascript"
 * import { Effect } from "effect"
 * import { ConfluentKafka } from "millrace/confluent"
 *
 * export const brokers = Effect.gen(function*() {
 *   const raw = yield* ConfluentKafka.RawClient
 *   return yield* raw.use((producer) =>
 *     new Promise<ReadonlyArray<BrokerMetadata>>((resolve, reject) =>
 *       producer.getMetadata({ timeout: 5_000 }, (error, data) =>
 *         error ? reject(error) : resolve(data.brokers))
 *     )
 *   )
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category services
 */
export class RawClient extends Context.Service<RawClient, {
  /** The version of librdkafka. */
  readonly version: string
  /** Runs a function with a connected native producer, made on first use and closed with the layer. */
  readonly use: <A>(run: (producer: Producer) => Promise<A>) => Effect.Effect<A, KafkaError>
}>()("millrace/engine/ConfluentKafka/RawClient") {}

const millis = (input: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(input))

const kinds: KindsOf<Options> = {
  ...Kinds.connection,
  consumer: objectOf({ ...Kinds.consumer }),
  producer: objectOf({ ...Kinds.producer }),
  statistics: Kinds.duration,
  librdkafka: objectOf({ global: Kinds.byName, consumer: Kinds.byName, producer: Kinds.byName })
}

const checkConnection = (options: Options): KafkaError | undefined => {
  const found = problemOf("options", options, { ...kinds })
  if (found !== undefined) return Errors.invalidSetting(found.field, found.problem)
  if (options.bootstrapServers === undefined || options.bootstrapServers.length === 0) {
    return Errors.invalidSetting("bootstrapServers", "is empty; name at least one broker as host:port")
  }
  const wrong = options.bootstrapServers.find((server) =>
    Number(/^[^\s,]+:(\d+)$/.exec(server)?.[1] ?? 65_536) > 65_535
  )
  if (wrong !== undefined) {
    return Errors.invalidSetting("bootstrapServers", `${JSON.stringify(wrong)} is not host:port`)
  }
  const { sasl } = options
  if (sasl !== undefined) {
    const needed = sasl.mechanism === "oauthbearer" ? ["token"] : ["mechanism", "username", "password"]
    const missing = needed.find((name) => sasl[name as keyof typeof sasl] === undefined)
    if (missing !== undefined) return Errors.invalidSetting(`sasl.${missing}`, "is missing")
  }
  const tls = typeof options.tls === "object" ? options.tls : {}
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    return Errors.invalidSetting("tls", "`cert` and `key` belong together: mutual TLS needs both")
  }
  return Settings.refused(options.librdkafka)
}

/** Why there is no token, in the words that the client repeats when it fails to connect. */
class NoToken extends Data.TaggedError("NoToken")<{ readonly message: string }> {}

/** What librdkafka calls back for: fresh tokens. */
const callbacksOf = (options: Options, context: Context.Context<never>): Environment["callbacks"] => {
  const { sasl } = options
  if (sasl?.mechanism !== "oauthbearer") return {}
  return {
    oauthbearer_token_refresh_cb: () =>
      Effect.runPromiseWith(context)(Effect.mapBoth(sasl.token, {
        // The binding takes only an Error for a failure, and waits for ever for anything else.
        onFailure: (cause) => new NoToken({ message: cause instanceof Error ? cause.message : String(cause) }),
        onSuccess: (token) => ({
          tokenValue: Redacted.value(token.token),
          lifetime: token.expiresAt,
          principal: token.principal,
          extensions: token.extensions ?? {}
        })
      }))
  }
}

const make = Effect.fnUntraced(function*(options: Options) {
  const wrong = checkConnection(options)
  if (wrong !== undefined) return yield* wrong
  const native = yield* load
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const isDebugged = Settings.isDebugged(options.librdkafka)
  const environment: Environment = {
    native,
    bootstrapServers: options.bootstrapServers.join(","),
    connection: options,
    consumer: options.consumer ?? {},
    producer: options.producer ?? {},
    statistics: options.statistics,
    door: options.librdkafka,
    connectTimeoutMs: millis(options.connectTimeout ?? KafkaConfig.connectionDefaults.connectTimeout),
    requestTimeoutMs: millis(options.requestTimeout ?? KafkaConfig.connectionDefaults.requestTimeout),
    pace: defaultPace,
    callbacks: callbacksOf(options, context),
    watch: (client, onStatistics) => {
      client.on("event.log", (entry) => {
        // The engine reads some lines that nobody else asked for.
        if (isDebugged || entry.severity < debugSeverity) Effect.runForkWith(context)(logLine(entry))
      })
      client.on("event.stats", ({ message }) => onStatistics(JSON.parse(message)))
      // Without a listener an emitted error would end the process; what matters arrives by other ways as well.
      client.on("error", (error) => {
        Effect.runForkWith(context)(Effect.logWarning("native client", error))
      })
    }
  }
  const settings = Settings.producer(environment.producer, undefined, environment.door)
  if (settings instanceof Errors.KafkaError) return yield* settings

  const raw = yield* shared(scope, Producers.makeRaw(environment))
  return Context.make(
    KafkaEngine.Service,
    KafkaEngine.Service.of({
      name: "confluent",
      capabilities: new Set(["kip848", "transactions"] as const),
      scope,
      consumer: (consumer) => Consumer.make(environment, consumer),
      producer: yield* shared(scope, LastingProducer.make(environment)),
      transactional: (transactionalId) => Producers.makeTransactional(environment, transactionalId),
      admin: yield* shared(scope, Admin.make(environment))
    })
  ).pipe(Context.add(
    RawClient,
    RawClient.of({
      version: native.librdkafkaVersion,
      use: (run) =>
        Effect.flatMap(raw, (producer: NativeProducer) =>
          Effect.tryPromise({
            // The same object: its own type is the package's, ours names what that lacks.
            try: () => run(producer as unknown as Producer),
            catch: (cause) =>
              Errors.make(
                "use the native client",
                new Errors.BrokerError({ code: -1, name: "NATIVE", problem: String(cause), retryable: false }),
                cause
              )
          }))
    })
  ))
})

/**
 * The engine for a cluster. Building it checks the settings and loads the native client; connections are made by what
 * needs them, and fail typed within `connectTimeout`.
 *
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import { ConfluentKafka } from "millrace/confluent"
 *
 * export const engine = ConfluentKafka.layer({
 *   bootstrapServers: ["broker-1:9093", "broker-2:9093"],
 *   tls: true,
 *   sasl: { mechanism: "scram-sha-512", username: "billing", password: Redacted.make("secret") },
 *   producer: { compression: "zstd" }
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<KafkaEngine.Service | RawClient, KafkaError> =>
  Layer.effectContext(make(options))

/**
 * The engine for a cluster, from `Config`.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { ConfluentKafka } from "millrace/confluent"
 *
 * export const engine = ConfluentKafka.layerConfig({
 *   bootstrapServers: Config.String("KAFKA_BOOTSTRAP").pipe(Config.map((servers) => servers.split(","))),
 *   clientId: Config.succeed("billing")
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Wrap<Options>
): Layer.Layer<KafkaEngine.Service | RawClient, KafkaError | Config.ConfigError> =>
  Layer.effectContext(Effect.flatMap(Config.unwrap(config), make))
