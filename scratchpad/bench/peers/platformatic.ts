/** @platformatic/kafka. */
import { Consumer, Producer } from "@platformatic/kafka"
import { sendAll } from "../promised.ts"
import { sleep } from "../task.ts"
import type { Subject } from "../task.ts"

const clientId = "bench"

export const platformatic: Subject = {
  consume: async ({ bootstrap, group, handled, handling, topic }) => {
    if (handling === "batch" || handling === "keys" || handling === "pause") throw new Error(`knows no ${handling}`)
    const consumer = new Consumer({
      clientId,
      groupId: group,
      bootstrapBrokers: bootstrap.split(","),
      autocommit: true
    })
    const stream = await consumer.consume({ topics: [topic], mode: "earliest" })
    if (handling === "record") stream.on("data", () => handled(1))
    else if (handling === "json") {
      stream.on("data", (message) => {
        JSON.parse(message.value.toString())
        handled(1)
      })
    } else {
      void (async () => {
        for await (const _ of stream) {
          await sleep(5)
          handled(1)
        }
      })()
    }
    return () => consumer.close(true)
  },
  produce: async (task) => {
    const producer = new Producer({
      clientId,
      bootstrapBrokers: task.bootstrap.split(","),
      idempotent: true,
      acks: -1,
      compression: "lz4"
    })
    const { topic, value } = task
    return sendAll(
      task,
      (count) => producer.send({ messages: Array.from({ length: count }, () => ({ topic, value })) })
    )
  },
  echo: async ({ bootstrap, group, topic }, arrived) => {
    const consumer = new Consumer({
      clientId,
      groupId: group,
      bootstrapBrokers: bootstrap.split(","),
      autocommit: true
    })
    const producer = new Producer({ clientId, bootstrapBrokers: bootstrap.split(",") })
    const stream = await consumer.consume({ topics: [topic], mode: "latest" })
    stream.on("data", (message) => arrived(message.value))
    return {
      send: (value) => void producer.send({ messages: [{ topic, value }] }),
      close: async () => void await Promise.all([consumer.close(true), producer.close()])
    }
  }
}
