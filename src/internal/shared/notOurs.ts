/** The error for a commit that comes too late. */
import type { TopicPartition } from "../../engine/KafkaEngine.ts"
import * as Errors from "../../KafkaError.ts"
import type { KafkaError } from "../../KafkaError.ts"

/** The partition left this member, or goes on from another offset: records read before that cannot be committed. */
export const notOurs = (
  group: string,
  { partition, topic }: TopicPartition,
  consequence = "nothing is committed"
): KafkaError => {
  const problem = `${topic}/${partition} is not this member's any more, so ${consequence}; the partition's next owner `
    + "reads it again"
  return Errors.make("commit", new Errors.CommitFailed({ group, problem, retryable: false }))
}
