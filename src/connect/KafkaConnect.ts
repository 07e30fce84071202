/**
 * Kafka Connect: where connectors run that bring data into Kafka and out of it. The REST interface is Apache Kafka's,
 * which all distributions serve.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import { locationOf } from "../rest/restConfig.ts"
import * as Rest from "./client/rest.ts"
import type { ConnectError } from "./ConnectError.ts"
import type { Connect, Options } from "./ConnectModel.ts"
import * as Memory from "./memory/memoryConnect.ts"
import { filePlugins } from "./memory/plugins.ts"
import type { MemoryPlugin } from "./memory/plugins.ts"

export type * from "./ConnectModel.ts"

/**
 * The service that `Connectors` and the `connect` commands need.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { KafkaConnect } from "millrace/connect"
 *
 * export const listing = Effect.gen(function*() {
 *   const connect = yield* KafkaConnect.Service
 *   for (const { info, status } of yield* connect.connectors) {
 *     yield* Effect.log(`${info.name}: ${status?.state}, ${status?.tasks.map(({ state }) => state).join(" ")}`)
 *   }
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category services
 */
export class Service extends Context.Service<Service, Connect>()("millrace/KafkaConnect") {}

/**
 * The cluster of Connect workers behind a URL, asked over Effect's `HttpClient`: provide one, such as
 * `FetchHttpClient.layer`, or `NodeHttpClient.layerUndici` with a dispatcher of your own for certificates (TLS, mutual
 * TLS).
 *
 * Nothing is requested until something is asked for, so a cluster that is down does not keep a program from starting.
 *
 * @example
 * ```ts
 * import { Layer, Redacted } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { KafkaConnect } from "millrace/connect"
 *
 * export const connect = KafkaConnect.layer({
 *   url: ["http://connect-1:8083", "http://connect-2:8083"],
 *   auth: { _tag: "Basic", username: "deploy", password: Redacted.make("secret") }
 * }).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Service, ConnectError, HttpClient> =>
  Layer.effect(Service, Rest.make(options))

/**
 * {@link layer} with its URL and credentials from configuration: `KAFKA_CONNECT_URL` (several with commas),
 * `KAFKA_CONNECT_USERNAME` and `KAFKA_CONNECT_PASSWORD`, or `KAFKA_CONNECT_TOKEN`. `Config.nested` changes the prefix.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { KafkaConnect } from "millrace/connect"
 *
 * export const connect = KafkaConnect.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options?: Omit<Options, "url" | "auth">
): Layer.Layer<Service, ConnectError | Config.ConfigError, HttpClient> =>
  Layer.unwrap(Effect.map(locationOf("KAFKA_CONNECT"), ({ auth, url }) => layer({ ...options, url, auth })))

export type {
  /**
   * A plugin of Connect in memory.
   *
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  MemoryPlugin
} from "./memory/plugins.ts"

/**
 * Connect in memory with plugins of your own, for tests: connectors are kept and have states, settings are checked, and
 * no data is moved. `fails` lets tasks of a plugin fail.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { KafkaConnect } from "millrace/connect"
 *
 * const memory = KafkaConnect.layerMemoryWith([
 *   { class: "com.example.Crash", type: "sink", settings: [], fails: () => "java.lang.Error: no disk" }
 * ])
 *
 * const program = Effect.gen(function*() {
 *   const connect = yield* KafkaConnect.Service
 *   yield* connect.create("crash", { "connector.class": "com.example.Crash", topics: "orders" })
 *   const { state, tasks } = yield* connect.status("crash")
 *   yield* Effect.log(`${state}, task ${tasks[0]?.state}`) // RUNNING, task FAILED
 * }).pipe(Effect.provide(memory))
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layerMemoryWith = (plugins: ReadonlyArray<MemoryPlugin>): Layer.Layer<Service> =>
  Layer.sync(Service, () => Memory.make(plugins))

/**
 * Connect in memory with the file connectors that come with Kafka, empty at first. See {@link layerMemoryWith}.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Connector, Connectors, KafkaConnect } from "millrace/connect"
 *
 * const orders = Connector.make("orders-file", {
 *   plugin: "org.apache.kafka.connect.file.FileStreamSourceConnector",
 *   config: { file: "/data/orders.txt", topic: "orders" }
 * })
 *
 * const program = Effect.gen(function*() {
 *   yield* Connectors.publish(yield* Connectors.plan([orders]))
 *   const again = yield* Connectors.plan([orders])
 *   yield* Effect.log(Connectors.isUpToDate(again)) // true
 * }).pipe(Effect.provide(KafkaConnect.layerMemory))
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<Service> = layerMemoryWith(filePlugins)
