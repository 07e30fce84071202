/**
 * Kafka Connect: the service, connectors as values, and what keeps the two alike.
 *
 * @stability unstable
 * @since 0.1.0
 */
export * as ConnectError from "./connect/ConnectError.ts"
export * as Connector from "./connect/Connector.ts"
export * as Connectors from "./connect/Connectors.ts"
export * as Debezium from "./connect/Debezium.ts"
export * as FileStream from "./connect/FileStream.ts"
export * as KafkaConnect from "./connect/KafkaConnect.ts"
