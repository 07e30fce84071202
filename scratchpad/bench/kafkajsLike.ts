/** The two clients with KafkaJS's interface: KafkaJS itself, and the native client's imitation. */
import type { JsConsumer, JsHandlers, JsProducer } from "./native.ts"
import { sendAll } from "./promised.ts"
import { sleep } from "./task.ts"
import type { ConsumeTask, Subject } from "./task.ts"

interface Clients {
  readonly consumer: (bootstrap: string, group: string, fromBeginning: boolean) => JsConsumer
  readonly producer: (bootstrap: string) => JsProducer
  readonly subscription: (topic: string, fromBeginning: boolean) => { readonly topics: Array<string> }
}

const runOf = ({ handled, handling, partitions }: ConsumeTask): JsHandlers => {
  switch (handling) {
    case "record":
      return { eachMessage: async () => handled(1) }
    case "json":
      return {
        eachMessage: async ({ message }) => {
          JSON.parse(message.value!.toString())
          handled(1)
        }
      }
    case "batch":
      return { eachBatch: async ({ batch }) => handled(batch.messages.length) }
    case "serial":
    case "keys":
    case "pause":
      return {
        // It knows no keys: partitions beside each other are all it can do.
        ...(handling === "serial" ? {} : { partitionsConsumedConcurrently: partitions }),
        eachMessage: async () => {
          await sleep(handling === "pause" ? 1 : 5)
          handled(1)
        }
      }
    default:
      throw new Error("it knows neither retry topics nor registries")
  }
}

export const kafkajsLike = (clients: Clients): Subject => ({
  consume: async (task) => {
    const consumer = clients.consumer(task.bootstrap, task.group, true)
    await consumer.connect()
    await consumer.subscribe(clients.subscription(task.topic, true))
    await consumer.run(runOf(task))
    return () => consumer.disconnect()
  },
  produce: async (task) => {
    const producer = clients.producer(task.bootstrap)
    await producer.connect()
    const { topic, value } = task
    return sendAll(
      task,
      (count) => producer.send({ topic, messages: Array.from({ length: count }, () => ({ key: null, value })) })
    )
  },
  echo: async ({ bootstrap, group, topic }, arrived) => {
    const consumer = clients.consumer(bootstrap, group, false)
    const producer = clients.producer(bootstrap)
    await Promise.all([consumer.connect(), producer.connect()])
    await consumer.subscribe(clients.subscription(topic, false))
    await consumer.run({ eachMessage: async ({ message }) => arrived(message.value!) })
    return {
      send: (value) => void producer.send({ topic, messages: [{ value }] }),
      close: async () => void await Promise.all([consumer.disconnect(), producer.disconnect()])
    }
  }
})
