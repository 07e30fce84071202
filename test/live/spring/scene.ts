/** What the tests of a Spring application share. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { DeadLetters } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { fileURLToPath } from "node:url"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import { millrace } from "../../cli/millrace.ts"
import { createTopic, until } from "../../faults/cluster.ts"
import { sharedKafka } from "../../services/env.ts"
import { consumerOf, type Settings } from "../millrace.ts"
import { type Settings as SpringSettings, startSpring } from "./application.ts"

const config = fileURLToPath(new URL("../millrace.config.ts", import.meta.url))

export const engine = ConfluentKafka.layer({ bootstrapServers: [sharedKafka()] })

let used = 0

/** A topic and a group of their own. */
export const scene = Effect.fnUntraced(function*(partitions = 1) {
  const topic = `sp-${process.pid}-${++used}`
  yield* createTopic(topic, partitions)
  return { topic, group: `${topic}-group` }
})

/** The Spring application; it stops with the scope. */
export const spring = (settings: Omit<SpringSettings, "bootstrap">) =>
  Effect.acquireRelease(
    Effect.promise(() => startSpring({ bootstrap: sharedKafka(), ...settings })),
    (peer) => Effect.promise(() => peer.stop())
  )

/** Runs a command for the consumer with these settings. */
export const command = ({ seen: _, ...settings }: Settings, ...args: ReadonlyArray<string>) =>
  Effect.promise(() =>
    millrace([...args, "--config", config], {
      env: { MILLRACE_KAFKA_BOOTSTRAP: sharedKafka(), MILLRACE_LIVE: JSON.stringify(settings) }
    })
  )

/** The groups in which Spring reads its retry topics, as a command takes them. */
export const flags = (milliseconds: ReadonlyArray<number>, group: string, flag: string) =>
  milliseconds.flatMap((delay) => [flag, `${group}-retry-${delay}`])

export const delays = (first: number) => Schedule.exponential(Duration.millis(first)).pipe(Schedule.upTo({ times: 3 }))

export const lettersOf = (settings: Settings, filter: DeadLetters.Filter = {}) =>
  Stream.runCollect(DeadLetters.records(consumerOf(settings), filter))

export const withDeadLetters = (settings: Settings, count: number) =>
  until(`${count} dead letters`, Effect.map(lettersOf(settings), (all) => all.length === count))

export const positionsOf = (group: string) =>
  Effect.flatMap(KafkaEngine.Service, (engine) => Effect.flatMap(engine.admin, (admin) => admin.groupOffsets(group)))
