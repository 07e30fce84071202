/** Finding and loading the config module. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { existsSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import * as Connector from "../connect/Connector.ts"
import * as Consumer from "../Consumer.ts"
import { isModelSync } from "../sql/ModelSync.ts"
import * as Topic from "../Topic.ts"
import type { Config } from "./Config.ts"
import { isConfig } from "./Config.ts"
import { UsageError } from "./exit.ts"
import * as Modules from "./userModules.ts"

const names = ["millrace.config.ts", "millrace.config.mts", "millrace.config.mjs", "millrace.config.js"]

/** The nearest config module, in this folder or above. */
const find = (folder: string): string | undefined => {
  for (let here = resolve(folder);; here = dirname(here)) {
    const found = names.map((name) => join(here, name)).find((file) => existsSync(file))
    if (found !== undefined) return found
    if (dirname(here) === here) return undefined
  }
}

const usage = (problem: string) => new UsageError({ problem })

/** What is wrong with a config that no type checker saw. */
export const untyped = (config: Config): string | undefined => {
  const { connect, connectors, consumers, engine, layer, registry, shapes, sql, sqlSource, syncs, topics } = config
  if (!Layer.isLayer(engine)) return "engine must be a Layer, such as ConfluentKafka.layer({ … })"
  if (!Array.isArray(topics) || !topics.every((topic) => Topic.TypeId in Object(topic))) {
    return "topics must be an array of what Topic.make returns"
  }
  if (!Array.isArray(consumers) || !consumers.every((consumer) => Consumer.TypeId in Object(consumer))) {
    return "consumers must be an array of what Consumer.make returns"
  }
  if (
    typeof shapes !== "object" || Object.values(shapes).some((shape) => typeof Object(shape).partitions !== "number")
  ) {
    return "shapes must be an object of shapes such as { orders: { partitions: 12 } }"
  }
  if (registry !== undefined && !Layer.isLayer(registry)) {
    return "registry must be a Layer, such as SchemaRegistry.layer({ … })"
  }
  if (connect !== undefined && !Layer.isLayer(connect)) {
    return "connect must be a Layer, such as KafkaConnect.layer({ … })"
  }
  if (!Array.isArray(connectors) || !connectors.every(Connector.isConnector)) {
    return "connectors must be an array of what Connector.make and Connector.remove return"
  }
  for (const [name, client] of Object.entries({ sql, sqlSource })) {
    if (client !== undefined && !Layer.isLayer(client)) return `${name} must be a Layer, such as PgClient.layer({ … })`
  }
  if (!Array.isArray(syncs) || !syncs.every(isModelSync)) {
    return "syncs must be an array of what ModelSync.make returns"
  }
  return Layer.isLayer(layer) ? undefined : "layer must be a Layer; Layer.empty if the consumers need nothing"
}

const subscription = (consumer: Config["consumers"][number]): string =>
  consumer.handlers.map(({ source }) => Topic.show(source)).sort().join(", ")

/** A group that two consumers with different subscriptions use: Kafka would deal the partitions of one to the other. */
const sharedGroup = ({ consumers }: Config): string | undefined =>
  consumers.find((one) =>
    consumers.some((other) => other.group === one.group && subscription(other) !== subscription(one))
  )?.group

/** Loads the config module that is named, or the nearest one. */
export const load = Effect.fnUntraced(function*(
  named: string | undefined,
  folder: string
): Effect.fn.Return<Config, UsageError> {
  const file = named === undefined ? find(folder) : resolve(folder, named)
  if (file === undefined) {
    return yield* usage(`no ${names[0]} in ${folder} or above; write one with defineConfig, or name it with --config`)
  }
  if (!existsSync(file)) return yield* usage(`config module ${file} does not exist`)
  const module = yield* Modules.load("config module", file)
  const config = module.default
  if (!isConfig(config)) {
    return yield* usage(`config module ${file} must export a defineConfig({ … }) as its default`)
  }
  const wrong = untyped(config)
  if (wrong !== undefined) return yield* usage(`config module ${file}: ${wrong}`)
  const shared = sharedGroup(config)
  if (shared !== undefined) {
    return yield* usage(
      `config module ${file}: two consumers of group "${shared}" subscribe to different topics, and Kafka would deal `
        + "the partitions of one to the other; merge them into one consumer, or give one of them another group"
    )
  }
  return config
})
