/**
 * node syncProcess.ts '<settings>': syncs as a process of their own, which may be killed. It says `revoking` when it
 * has to give partitions up, before it does, and `ended` when it ended in good order, after SIGTERM.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Consumer, OnFailure } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { Change, ModelSync } from "millrace/sql"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import { client, type Place } from "../../services/database.ts"
import { connectTopic } from "./kit.ts"

/** What the parent says. */
export interface Settings {
  readonly bootstrap: string
  readonly place: Place
  /** Names the sessions of this process. */
  readonly applicationName: string
  readonly group: string
  /** Each topic with its table. */
  readonly tables: { readonly [topic: string]: string }
  readonly consumer: Partial<Consumer.Settings>
}

const settings = JSON.parse(process.argv[2]!) as Settings

/** The engine, which tells of a revoke. */
const telling = Layer.effect(
  KafkaEngine.Service,
  Effect.map(KafkaEngine.Service, (engine) =>
    KafkaEngine.Service.of({
      ...engine,
      consumer: (options) =>
        engine.consumer({
          ...options,
          onEvent: (event) => {
            options.onEvent(event)
            if (event._tag === "Rebalance" && event.kind === "revoke") console.log("revoking")
          }
        })
    }))
).pipe(Layer.provide(ConfluentKafka.layer({ bootstrapServers: [settings.bootstrap] })))

const handlers = Object.entries(settings.tables).map(([topic, table]) =>
  ModelSync.handler(
    ModelSync.make(connectTopic(topic), { table, format: Change.plain, waitFor: "constraints" }),
    { maxSize: 7 }
  )
)

const consumer = Consumer.make(settings.group, {
  offsetReset: "earliest",
  ...settings.consumer,
  onFailure: OnFailure.stop,
  handlers
})

NodeRuntime.runMain(
  Consumer.run(consumer).pipe(
    Effect.provide([telling, client(settings.place, { applicationName: settings.applicationName })]),
    Effect.ensuring(Effect.sync(() => console.log("ended")))
  )
)
