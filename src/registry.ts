/**
 * Schema Registry: the service, and what goes with it.
 *
 * @stability unstable
 * @since 0.1.0
 */
export * as Codec from "./registry/Codec.ts"
export * as RegistryError from "./registry/RegistryError.ts"
export * as SchemaRegistry from "./registry/SchemaRegistry.ts"
