/** A Debezium source and a file sink, on the worker and the database that the test has written into the environment. */
import { Config, Layer, Redacted, Schedule } from "effect"
import { FetchHttpClient } from "effect/http"
import { defineConfig } from "millrace/cli"
import { Connector, Debezium, FileStream, KafkaConnect } from "millrace/connect"
import { InMemoryKafka } from "millrace/testing"

const of = (name: string): string => process.env[`MILLRACE_TEST_CONNECT_${name}`] ?? ""
const name = of("NAME")

export default defineConfig({
  engine: InMemoryKafka.layer,
  consumers: [],
  layer: Layer.empty,
  connect: KafkaConnect.layer({
    url: of("URL"),
    auth: of("LOGIN") === ""
      ? undefined
      : { _tag: "Basic", username: "deploy", password: Redacted.make(of("LOGIN")) },
    // Short, where a test is about nobody answering.
    retry: of("RETRIES") === "" ? undefined : Schedule.recurs(Number(of("RETRIES")))
  }).pipe(Layer.provide(FetchHttpClient.layer)),
  connectorSettings: { prefix: `${name}.` },
  connectors: [
    Connector.make(
      "items",
      Debezium.postgresSource({
        database: {
          hostname: "127.0.0.1",
          port: Number(of("PORT")),
          name: "postgres",
          user: "postgres",
          password: Config.Redacted("MILLRACE_TEST_CONNECT_PASSWORD")
        },
        prefix: name,
        tables: ["public.items"],
        slot: name,
        publication: { name },
        topics: { partitions: 1, replication: 1 },
        heartbeat: { every: of("HEARTBEAT") as "1 second" }
      })
    ),
    of("REMOVED") === ""
      ? Connector.make("out", FileStream.sink({ file: of("FILE"), topics: [`${name}.public.items`] }))
      : Connector.remove("out"),
    ...(of("WRONG") === ""
      ? []
      : [Connector.make("wrong", FileStream.source({ file: "/x", topic: "t", config: { "tasks.max": "zero" } }))])
  ]
})
