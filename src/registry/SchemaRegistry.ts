/**
 * A Schema Registry: where the schemas of topics are kept, by subject and version, and found by the id that each record
 * carries. The REST interface is Confluent's, which Apicurio, Karapace and Redpanda serve as well.
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
import { cached } from "./client/caching.ts"
import * as Rest from "./client/rest.ts"
import * as Memory from "./memory/layer.ts"
import type { RegistryError } from "./RegistryError.ts"
import type { Options, Registry } from "./RegistryModel.ts"

export type * from "./RegistryModel.ts"

/**
 * The service that registry codecs and the `schemas` commands need.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { SchemaRegistry } from "millrace/registry"
 *
 * export const listing = Effect.gen(function*() {
 *   const registry = yield* SchemaRegistry.Service
 *   for (const subject of yield* registry.subjects()) {
 *     const { id, version } = yield* registry.version(subject, "latest")
 *     yield* Effect.log(`${subject}: version ${version}, id ${id}`)
 *   }
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category services
 */
export class Service extends Context.Service<Service, Registry>()("millrace/SchemaRegistry") {}

/**
 * The registry behind a URL, asked over Effect's `HttpClient`: provide one, such as `FetchHttpClient.layer`, or
 * `NodeHttpClient.layerUndici` with a dispatcher of your own for certificates (TLS, mutual TLS).
 *
 * Nothing is requested until something is asked for, so a registry that is down does not keep a program from starting.
 *
 * @example
 * ```ts
 * import { Layer, Redacted } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { SchemaRegistry } from "millrace/registry"
 *
 * export const registry = SchemaRegistry.layer({
 *   url: ["https://registry-1.example.com", "https://registry-2.example.com"],
 *   auth: { _tag: "Basic", username: "billing", password: Redacted.make("secret") }
 * }).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Service, RegistryError, HttpClient> =>
  Layer.effect(Service, Effect.flatMap(Rest.make(options), (registry) => cached(registry, options)))

/**
 * {@link layer} with its URL and credentials from configuration: `SCHEMA_REGISTRY_URL` (several with commas),
 * `SCHEMA_REGISTRY_USERNAME` and `SCHEMA_REGISTRY_PASSWORD`, or `SCHEMA_REGISTRY_TOKEN`. `Config.nested` changes the
 * prefix.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { SchemaRegistry } from "millrace/registry"
 *
 * export const registry = SchemaRegistry.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options?: Omit<Options, "url" | "auth">
): Layer.Layer<Service, RegistryError | Config.ConfigError, HttpClient> =>
  Layer.unwrap(Effect.map(locationOf("SCHEMA_REGISTRY"), ({ auth, url }) => layer({ ...options, url, auth })))

/**
 * A registry in memory, empty at first, for tests and demos: the semantics of Confluent's without a server, with the
 * compatibility rules of Avro, JSON Schema and Protobuf at all levels (the default is `BACKWARD`).
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { SchemaRegistry } from "millrace/registry"
 *
 * const program = Effect.gen(function*() {
 *   const registry = yield* SchemaRegistry.Service
 *   const { id } = yield* registry.register("notes-value", { type: "AVRO", text: "\"string\"" })
 *   yield* Effect.log(yield* registry.byId(id)) // the schema, of type AVRO
 * }).pipe(Effect.provide(SchemaRegistry.layerMemory))
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<Service> = Layer.sync(Service, Memory.make)
