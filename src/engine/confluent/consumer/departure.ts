/**
 * How a native consumer ends. Its close waits without a bound for commits that are under way, on a pool thread that the
 * process's exit waits for; librdkafka (2.15) repeats a commit for ever when its coordinator is gone. So a consumer is
 * closed once everything is committed and a broker answered, and let go when that does not happen.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { KafkaError } from "../../../KafkaError.ts"
import type { Position } from "../../KafkaEngine.ts"
import { disconnect } from "../shared/connection.ts"
import { isAnswer } from "../shared/errors.ts"
import type { NativeConsumer } from "../shared/native.ts"
import { type Commits, passes, toPartition } from "./commits.ts"
import type { FetchPump } from "./fetchPump.ts"

/** The destructor of a native consumer closes it, and the process would wait for that: none is ever collected. */
const kept = new Set<NativeConsumer>()

/** Keeps a consumer that cannot be closed for as long as the process lives. */
export const keep = (consumer: NativeConsumer): void => void kept.add(consumer)

/**
 * How long one broker has to answer, and how long after it did not another one is asked, in milliseconds. The question
 * keeps a thread of the process's small pool busy.
 */
const answerMillis = 1_000
const againMillis = 100
/** The same pause for a consumer that was let go. */
const lateMillis = 10_000

/** No offset: what was stored is taken back, and the native close finds nothing to commit. */
const nothing = -1001

/** What ends, and what it still has to say. */
export interface Departing {
  readonly consumer: NativeConsumer
  readonly commits: Commits
  readonly pump: FetchPump
  readonly stopFetching: () => void
  /** What is stored of the partitions that it still owns. */
  readonly stored: () => ReadonlyArray<Position>
  /** Whether its close does all that is due when it owns nothing. */
  readonly leavesUnasked: boolean
  /** Lets the rebalances that its owner left open be answered. */
  readonly answerRest: () => void
}

/** It leaves the group when it can, and is served until then. */
export const letGo = ({ answerRest, consumer, pump }: Departing): void => {
  keep(consumer)
  answerRest()
  try {
    consumer.unsubscribe()
  } catch {
    // Not alive, then.
  }
  pump.letGo()
}

/**
 * Commits what is stored, and calls back when that and everything before it is answered. What is refused because the
 * group forms is committed again, until then: the native close asks once, and drops it. What is refused for other
 * reasons is left to that close.
 */
const settle = (departing: Departing, until: number, done: () => void): void => {
  const { commits, consumer, stored } = departing
  const positions = stored()
  if (positions.length === 0) return commits.whenAnswered(done)
  commits.begin(consumer, positions, (error) => {
    if (error !== undefined && passes(error) && performance.now() < until) {
      setTimeout(() => settle(departing, until, done), againMillis)
      return
    }
    try {
      if (error === undefined) {
        consumer.offsetsStore(positions.map((position) => ({ ...toPartition(position), offset: nothing })))
      }
    } catch {
      // They were given up meanwhile, and with them what was stored.
    }
    commits.whenAnswered(done)
  })
}

/**
 * The close of a cooperative member (librdkafka 2.15) that owns nothing tells its group nothing: the coordinator waits
 * for the end of the session, and what was on its way to this member has no owner until then. Giving up the
 * subscription first sends the LeaveGroup, which the close waits for.
 */
const sayGoodbye = ({ consumer, leavesUnasked }: Departing): void => {
  if (leavesUnasked) return
  try {
    if (consumer.assignments().length === 0) consumer.unsubscribe()
  } catch {
    // Not alive any more.
  }
}

const leave = (departing: Departing, done: () => void): void => {
  const { answerRest, consumer, pump } = departing
  pump.hold(() => {
    pump.stop()
    answerRest()
    if (!consumer.isConnected()) return done()
    sayGoodbye(departing)
    consumer.disconnect(() => {
      kept.delete(consumer)
      done()
    })
  })
}

/** Commits what is stored and leaves the group. What takes longer than the deadline fails, and goes on by itself. */
export const close = (
  departing: Departing,
  deadline: Duration.Duration,
  operation: string
): Effect.Effect<void, KafkaError> =>
  Effect.suspend(() => {
    const { consumer, stopFetching } = departing
    const timeout = Duration.toMillis(deadline)
    const began = performance.now()
    const end = began + timeout
    let leaving = false
    const start = (done: () => void): void => {
      const depart = (): void => {
        leaving = true
        leave(departing, done)
      }
      if (!consumer.isConnected()) return depart()
      stopFetching()
      // Having nothing to commit says nothing about the broker, and leaving the group takes one, too.
      const prove = (): void => {
        consumer.getMetadata({ timeout: answerMillis, allTopics: false }, (error) => {
          if (isAnswer(error)) depart()
          else setTimeout(prove, performance.now() < end ? againMillis : lateMillis).unref()
        })
      }
      // Half of the time is for leaving the group: who only disappears holds it up.
      settle(departing, began + timeout / 2, prove)
    }
    return Effect.onError(disconnect(start, timeout, operation), () =>
      Effect.sync(() => {
        if (!leaving) letGo(departing)
      }))
  })
