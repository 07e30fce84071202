/** The syncs between two databases, both ways. */
import * as Layer from "effect/Layer"
import { OnFailure, Topic } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { Change, LoopGuard, ModelSync } from "millrace/sql"
import { client } from "../../services/database.ts"

/** How what a sync writes is told from what others write. */
export type Guard = "origin" | "column"

/** Where everything is. */
export interface Servers {
  readonly postgres: { readonly host: string; readonly port: number }
  readonly kafka: string
}

/** A database. */
export interface End {
  readonly name: string
  readonly place: { readonly host: string; readonly port: number; readonly database: string }
}

/** What syncs need to know: plain data, which another process can be given. */
export interface Ends {
  readonly servers: Servers
  readonly guard: Guard
  readonly east: End
  readonly west: End
}

export const table = "public.items"

/** Names a sync's own sessions, so that a test can cut them. */
export const applicationName = "the-sync"

/** The topic of a side's table. */
export const topicOf = (name: string) =>
  Topic.make(`${name}.${table}`, { key: Change.debezium, value: Change.debezium })

/** The client of a sync into a side. */
const guardedClient = (guard: Guard, { name, place }: End) => {
  // One for each partition: their transactions overlap.
  const connections = client(place, { maxConnections: 2, applicationName })
  return guard === "origin"
    ? LoopGuard.origin({ instance: name, names: 4, client: connections })
    : LoopGuard.marked.pipe(Layer.provide(connections))
}

const syncFrom = ({ guard, servers }: Ends, from: End, to: End) =>
  ModelSync.layer(
    `${from.name}-sync`,
    ModelSync.make(topicOf(from.name), {
      table,
      format: Change.envelope({
        replicaIdentity: "full",
        ...(guard === "origin" ? { ignoreOrigins: LoopGuard.originNames({ instance: from.name }) } : {
          skipField: "kafka_skip"
        })
      }),
      version: { column: "row_version", from: { field: "row_version" } }
    }),
    { offsetReset: "earliest", onFailure: OnFailure.stop }
  ).pipe(
    Layer.provide(guardedClient(guard, to)),
    Layer.provide(ConfluentKafka.layer({ bootstrapServers: [servers.kafka] }))
  )

/** Both syncs. */
export const syncsOf = (ends: Ends) =>
  Layer.merge(syncFrom(ends, ends.east, ends.west), syncFrom(ends, ends.west, ends.east))
