/** The consumer of the live tests for the command; the environment says which. */
import { Layer } from "effect"
import { defineConfig } from "millrace/cli"
import { ConfluentKafka } from "millrace/confluent"
import { consumerOf } from "./millrace.ts"

export default defineConfig({
  engine: ConfluentKafka.layer({ bootstrapServers: [process.env["MILLRACE_KAFKA_BOOTSTRAP"]!] }),
  topics: [],
  consumers: [consumerOf(JSON.parse(process.env["MILLRACE_LIVE"]!))],
  layer: Layer.empty
})
