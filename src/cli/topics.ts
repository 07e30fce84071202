/** `millrace topics`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as KafkaEngine from "../engine/KafkaEngine.ts"
import { config, json } from "./root.ts"
import { table } from "./table.ts"

/** Lists the topics of the cluster. */
export const topics = Command.make(
  "topics",
  {
    json,
    all: Flag.Boolean("all").pipe(Flag.withDescription("Internal topics too"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function*({ all, json }) {
    const { engine } = yield* config
    const listed = yield* Effect.provide(
      Effect.flatMap(KafkaEngine.Service, (engine) => Effect.flatMap(engine.admin, (admin) => admin.listTopics)),
      engine
    )
    const shown = listed
      .filter((topic) => all || !(topic.internal || topic.name.startsWith("__")))
      .map(({ name, partitions }) => ({
        topic: name,
        partitions: partitions.length,
        replicas: partitions[0]?.replicas.length ?? 0
      }))
      .sort((a, b) => a.topic < b.topic ? -1 : 1)
    if (json) return yield* Console.log(JSON.stringify(shown))
    const rows = shown.map(({ partitions, replicas, topic }) => [topic, partitions, replicas])
    for (const line of table(["TOPIC", "PARTITIONS", "REPLICAS"], rows)) yield* Console.log(line)
  })
).pipe(Command.withDescription("List the topics of the cluster"))
