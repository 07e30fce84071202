/** The native client by hand: as little as possible around it. Everything else is compared with this. */
import { codeOf, consumerSettings, kafka, type Message, producerSettings } from "./native.ts"
import { batchSize, inFlight, keyCount, sleep } from "./task.ts"
import type { ConsumeTask, ProduceTask, Subject } from "./task.ts"

const groupBy = (messages: ReadonlyArray<Message>): Array<Array<Message>> => {
  const groups = new Map<number, Array<Message>>()
  for (const message of messages) {
    const group = groups.get(message.partition)
    if (group === undefined) groups.set(message.partition, [message])
    else group.push(message)
  }
  return [...groups.values()]
}

/** Handles a fetch: at once, or as a promise. */
const handlerOf = ({ handled, handling }: ConsumeTask): (messages: ReadonlyArray<Message>) => Promise<void> | void => {
  const one = async (message: Message) => {
    await sleep(handling === "pause" ? 1 : 5)
    handled(1)
    return message
  }
  switch (handling) {
    case "record":
      return (messages) => {
        for (let i = 0; i < messages.length; i++) handled(1)
      }
    case "batch":
      return (messages) => handled(messages.length)
    case "json":
      return (messages) => {
        for (let i = 0; i < messages.length; i++) {
          JSON.parse(messages[i]!.value.toString())
          handled(1)
        }
      }
    case "serial":
      return async (messages) => {
        for (const message of messages) await one(message)
      }
    case "pause":
      return async (messages) => {
        await Promise.all(
          groupBy(messages).map(async (group) => {
            for (const message of group) await one(message)
          })
        )
      }
    case "keys":
      return async (messages) => {
        const lanes = new Map<string, Promise<unknown>>()
        for (const message of messages) {
          const key = String(message.key)
          lanes.set(key, (lanes.get(key) ?? Promise.resolve()).then(() => one(message)))
        }
        if (lanes.size > keyCount) throw new Error("more keys than lanes")
        await Promise.all(lanes.values())
      }
    default:
      throw new Error("it knows neither retry topics nor registries")
  }
}

const consume = async (task: ConsumeTask): Promise<() => Promise<void>> => {
  const handle = handlerOf(task)
  let busy = false
  let signalled = false
  let closed = false
  const consumer = new kafka.KafkaConsumer({
    ...consumerSettings(task.bootstrap, task.group),
    "enable.auto.offset.store": false,
    ...(task.received === undefined ? {} : { "statistics.interval.ms": 100 }),
    queue_non_empty_cb: () => {
      signalled = true
      pump()
    }
  })
  consumer.setDefaultConsumeTimeout(0)
  consumer.on("event.stats", ({ message }) => task.received?.(JSON.parse(message).rxmsg_bytes))
  const store = (messages: ReadonlyArray<Message>) => {
    const last = new Map<number, Message>()
    for (const message of messages) last.set(message.partition, message)
    consumer.offsetsStore(
      [...last.values()].map(({ offset, partition, topic }) => ({ topic, partition, offset: offset + 1 }))
    )
  }
  const done = (messages: ReadonlyArray<Message>) => {
    store(messages)
    busy = false
    pump()
  }
  const pump = () => {
    if (busy || closed || !consumer.isConnected()) return
    busy = true
    signalled = false
    consumer.consume(500, (error: unknown, messages) => {
      if (closed) return
      if (error) throw error
      if (messages.length === 0) {
        busy = false
        if (signalled) pump()
        return
      }
      const pending = handle(messages)
      if (pending === undefined) done(messages)
      else void pending.then(() => done(messages))
    })
  }
  await new Promise<void>((resolve, reject) =>
    consumer.connect({ timeout: 10_000 }, (error: unknown) => error ? reject(error) : resolve())
  )
  consumer.subscribe([task.topic])
  const timer = setInterval(pump, 100)
  pump()
  return () => {
    closed = true
    clearInterval(timer)
    return new Promise((resolve) => consumer.disconnect(() => resolve()))
  }
}

const queueFull = -184

const connectProducer = async (bootstrap: string) => {
  const producer = new kafka.Producer({ ...producerSettings(bootstrap), dr_cb: true })
  producer.on("delivery-report", (error, report) => report.opaque(error))
  await new Promise<void>((resolve, reject) =>
    producer.connect({ timeout: 10_000 }, (error: unknown) => error ? reject(error) : resolve())
  )
  producer.setPollInBackground(true)
  return producer
}

const produce = async (task: ProduceTask): Promise<number> => {
  const { records, topic, value } = task
  const producer = await connectProducer(task.bootstrap)
  const send = (): Promise<void> =>
    new Promise((resolve, reject) =>
      producer.produce(topic, null, value, null, null, (error: unknown) => error ? reject(error) : resolve())
    )
  const sendMany = (count: number): Promise<void> =>
    new Promise((resolve, reject) => {
      let left = count
      let unsent = count
      const report = (error: unknown) => {
        if (error) return reject(error)
        if (--left === 0) resolve()
        else if (unsent > 0) push()
      }
      const push = () => {
        try {
          for (; unsent > 0; unsent--) producer.produce(topic, null, value, null, null, report)
        } catch (error) {
          if (codeOf(error) !== queueFull) reject(error)
        }
      }
      push()
    })
  await sendMany(task.partitions)
  task.begin()
  const end = performance.now() + task.capMs
  let sent = 0
  const mayGo = () => sent < records && performance.now() < end
  switch (task.sending) {
    case "one":
      for (; mayGo(); sent++) await send()
      break
    case "batch":
      for (; mayGo(); sent += batchSize) await sendMany(batchSize)
      break
    case "inflight":
      await Promise.all(Array.from({ length: inFlight }, async () => {
        while (mayGo()) {
          sent++
          await send()
        }
      }))
      break
    case "all":
      sent = records
      await sendMany(records)
  }
  return sent
}

export const raw: Subject = {
  consume,
  produce,
  echo: async ({ bootstrap, group, topic }, arrived) => {
    const settings = { ...consumerSettings(bootstrap, group), "auto.offset.reset": "latest" }
    const consumer = new kafka.KafkaConsumer({ ...settings, queue_non_empty_cb: () => pump() })
    consumer.setDefaultConsumeTimeout(0)
    let busy = false
    const pump = () => {
      if (busy || !consumer.isConnected()) return
      busy = true
      consumer.consume(500, (error: unknown, messages) => {
        busy = false
        if (error) return
        for (const message of messages) arrived(message.value)
        if (messages.length > 0) pump()
      })
    }
    await new Promise<void>((resolve) => consumer.connect({}, () => resolve()))
    consumer.subscribe([topic])
    const timer = setInterval(pump, 100)
    const producer = await connectProducer(bootstrap)
    return {
      send: (value) => void producer.produce(topic, null, value, null, null, () => {}),
      close: async () => {
        clearInterval(timer)
        await Promise.all([consumer, producer].map((client) => new Promise<void>((done) => client.disconnect(done))))
      }
    }
  }
}
