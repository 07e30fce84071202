/**
 * The engine on Confluent's native client.
 *
 * @stability unstable
 * @since 0.1.0
 */
export * as ConfluentKafka from "./engine/ConfluentKafka.ts"
