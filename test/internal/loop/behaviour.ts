/** What the handler and the policy of the model do with a record: drawn from the seed, the same at each attempt. */
import type { TopicPartition } from "../../../src/engine/KafkaEngine.ts"
import { randomOf } from "./random.ts"

export type Behaviour = ReturnType<typeof behaviourOf>

export const behaviourOf = (seed: number, mayHang: boolean, partition: TopicPartition, offset: number) => {
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
    hangs: mayHang ? 1 : 0
  })
  return {
    kind,
    poison: kind === "poison",
    stops: random.chance(0.15),
    millis: random.between(1, 2_000),
    waits: random.chance(0.3) ? random.between(1, 3) : 0,
    delay: random.pick([0, 10, 500, 3_000]),
    routed: random.chance(0.5)
  }
}
