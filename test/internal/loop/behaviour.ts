/**
 * What the handler and the policy of the model, or its reader, do with a record: drawn from the seed, the same at each
 * attempt.
 */
import * as Effect from "effect/Effect"
import type { TopicPartition } from "../../../src/engine/KafkaEngine.ts"
import { randomOf } from "./random.ts"

export type Behaviour = ReturnType<typeof behaviourOf>

export const behaviourOf = (
  seed: number,
  mayHang: boolean,
  isStream: boolean,
  partition: TopicPartition,
  offset: number
) => {
  const random = randomOf((seed * 31 + partition.partition) * 1_009 + offset)
  const kind = random.weighted({
    instant: 60,
    yields: 10,
    sleeps: 20,
    hard: 2,
    fails: 4,
    failsLate: 4,
    dies: 2,
    poison: 4,
    hangs: mayHang ? 1 : 0,
    ends: isStream && mayHang ? 1 : 0
  })
  const stops = random.chance(0.15)
  return {
    kind,
    // No policy lets a stream go on after it.
    poison: kind === "poison" && (stops || !isStream),
    stops,
    millis: random.between(1, 2_000),
    waits: random.chance(0.3) ? random.between(1, 3) : 0,
    delay: random.pick([0, 10, 500, 3_000]),
    routed: random.chance(0.5)
  }
}

/** Handles a record; `onHang` is called where it never returns. */
export const bodyOf = ({ kind, millis }: Behaviour, onHang: () => void): Effect.Effect<void, string> => {
  switch (kind) {
    case "yields":
      return Effect.yieldNow
    case "sleeps":
      return Effect.sleep(millis)
    case "hard":
      return Effect.uninterruptible(Effect.sleep(8_000))
    case "fails":
      return Effect.fail("failed")
    case "failsLate":
      return Effect.andThen(Effect.sleep(millis), Effect.fail("failed"))
    case "hangs":
      return Effect.suspend(() => {
        onHang()
        return Effect.never
      })
    case "dies":
      return Effect.die("died")
    default:
      return Effect.void
  }
}
