/** What callers without types hand in as settings of a consumer. Pure. */
import type { Settings } from "../../ConsumerSettings.ts"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import type * as RetryTopics from "../../RetryTopic.ts"
import { flag, func, type KindsOf, number, objectOf, oneOf, problemOf, text, textsByName } from "../shared/fields.ts"
import * as Kinds from "../shared/handedIn/settingKinds.ts"

const limit: KindsOf<RetryTopics.DeadLetterLimit> = { consecutive: number, ratio: number, window: number }

const naming: KindsOf<RetryTopics.Naming> = { retry: func, deadLetter: func, parse: func, separate: flag }

const retries: KindsOf<RetryTopics.Options> = {
  topics: oneOf("create", "require"),
  config: textsByName,
  naming: objectOf(naming),
  group: text,
  otherReaders: oneOf("refuse", "warn"),
  publish: Kinds.schedule,
  transactional: flag,
  errorFields: flag,
  deadLetterLimit: objectOf(limit)
}

/** Which numbers have a meaning is checked where they are used. */
const kinds: KindsOf<Settings> = {
  ...Kinds.consumer,
  offsetReset: oneOf("earliest", "latest", "none"),
  drainTimeout: Kinds.anyDuration,
  closeTimeout: Kinds.anyDuration,
  maxHandlerStall: Kinds.anyDuration,
  reportHandlerStall: Kinds.anyDuration,
  chunkRecords: number,
  bufferRecords: number,
  bufferBytes: number,
  until: oneOf("end"),
  tracing: oneOf("off", "record"),
  restart: Kinds.schedule,
  retries: objectOf(retries)
}

/** The first setting that is unknown or of a wrong type. */
export const settingsProblem = (settings: unknown): KafkaError | undefined => {
  const found = problemOf("settings", settings, { ...kinds })
  return found === undefined ? undefined : invalidSetting(found.field, found.problem)
}
