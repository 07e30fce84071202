/**
 * Dead letters that a broker wrote for a share group may be references alone: headers that say which record it was, and
 * no key or value. The record is read from its topic, as long as it is there.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { RawRecord } from "../../engine/KafkaEngine.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { scan } from "../reading/scan.ts"
import * as RetryHeaders from "../retry/retryHeaders.ts"

/** A record of a dead letter topic. `gone` names the record that it refers to and that is not there any more. */
export interface Restored {
  readonly raw: RawRecord
  readonly gone: string | undefined
}

const referred = (raw: RawRecord): RetryHeaders.Origin | undefined => {
  if (raw.key !== null || raw.value !== null) return undefined
  const { family, origin } = RetryHeaders.read(raw)
  return family === "share" ? origin : undefined
}

/** The record at a place. */
const find = Effect.fnUntraced(function*({ offset, partition, topic }: RetryHeaders.Origin) {
  const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
  const at = { topic, partition }
  const [begin] = yield* admin.listOffsets([at], "earliest")
  const [end] = yield* admin.listOffsets([at], "latest", "read_committed")
  if (begin === undefined || end === undefined || offset < begin.offset || offset >= end.offset) return undefined
  const [found] = yield* Stream.runCollect(scan([{ ...at, offset }], [{ ...at, offset: offset + 1 }]))
  return found
})

/** With key and value of the record that it refers to, if it is a reference. */
export const restored = Effect.fnUntraced(function*(
  raw: RawRecord
): Effect.fn.Return<Restored, KafkaError, KafkaEngine.Service> {
  const origin = referred(raw)
  if (origin === undefined) return { raw, gone: undefined }
  const { offset, partition, topic } = origin
  const original = yield* Effect.catchReason(find(origin), "KafkaError", "UnknownTopic", () => Effect.undefined)
  return original === undefined
    ? { raw, gone: `${topic}/${partition} at offset ${offset}` }
    : { raw: { ...raw, key: original.key, value: original.value }, gone: undefined }
})
