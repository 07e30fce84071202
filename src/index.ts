/**
 * Kafka for Effect.
 *
 * @stability unstable
 * @since 0.1.0
 */
export * as Admin from "./Admin.ts"
export { BatchFailed, isBatchFailed } from "./BatchFailed.ts"
export * as Codec from "./Codec.ts"
export * as Consumer from "./Consumer.ts"
export * as ConsumerControl from "./ConsumerControl.ts"
export * as ConsumerEvent from "./ConsumerEvent.ts"
export * as DeadLetters from "./DeadLetters.ts"
export * as KafkaEngine from "./engine/KafkaEngine.ts"
export * as Enricher from "./Enricher.ts"
export * as Handler from "./Handler.ts"
export { HandlerFailed } from "./HandlerFailed.ts"
export * as Headers from "./Headers.ts"
export * as Health from "./Health.ts"
export * as KafkaConfig from "./KafkaConfig.ts"
export * as KafkaError from "./KafkaError.ts"
export * as KeyOffsetStore from "./KeyOffsetStore.ts"
export * as OnFailure from "./OnFailure.ts"
export type * as Outcome from "./Outcome.ts"
export { isPoison, Poison } from "./Poison.ts"
export * as Producer from "./Producer.ts"
export * as Record from "./Record.ts"
export * as Retry from "./Retry.ts"
export * as RetryTopics from "./RetryTopics.ts"
export * as Suppression from "./Suppression.ts"
export * as Switches from "./Switches.ts"
export * as Topic from "./Topic.ts"
export * as TopicPartition from "./TopicPartition.ts"
