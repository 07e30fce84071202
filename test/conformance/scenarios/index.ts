import type { Group } from "../harness.ts"
import { admin } from "./admin.ts"
import { badOffsets } from "./badOffsets.ts"
import { commits } from "./commits.ts"
import { defaults } from "./defaults.ts"
import { errors } from "./errors.ts"
import { idlePositions } from "./idlePositions.ts"
import { membership } from "./membership.ts"
import { memoryBound } from "./memoryBound.ts"
import { order } from "./order.ts"
import { positions } from "./positions.ts"
import { reading } from "./reading.ts"
import { records } from "./records.ts"
import { refusedTopics } from "./refusedTopics.ts"
import { retries } from "./retries.ts"
import { retriesFaults } from "./retriesFaults.ts"
import { retriesInPlace } from "./retriesInPlace.ts"
import { retriesPatterns } from "./retriesPatterns.ts"
import { retriesShared } from "./retriesShared.ts"
import { retriesWaiting } from "./retriesWaiting.ts"
import { running } from "./running.ts"
import { shutdown } from "./shutdown.ts"
import { standing } from "./standing.ts"
import { streams } from "./streams.ts"
import { topics } from "./topics.ts"
import { transactions } from "./transactions.ts"

/** Everything that every engine does. */
export const groups: ReadonlyArray<Group> = [
  records,
  order,
  streams,
  reading,
  commits,
  membership,
  positions,
  badOffsets,
  idlePositions,
  topics,
  transactions,
  errors,
  running,
  shutdown,
  refusedTopics,
  standing,
  memoryBound,
  defaults,
  admin,
  retries,
  retriesInPlace,
  retriesFaults,
  retriesPatterns,
  retriesShared,
  retriesWaiting
]
