/**
 * node fill.ts <what, as JSON>
 *
 * Topics with records in them, made with the native client by hand, or deleted.
 */
import { changeOf } from "./changes.ts"
import { type Admin, codeOf, kafka, producerSettings } from "./native.ts"
import { isFormat } from "./task.ts"
import { valueOf } from "./values.ts"

interface Content {
  readonly workload: string
  readonly topic: string
  readonly partitions: number
  readonly records: number
  readonly keys: number
}

const promised = <A>(start: (done: (error: unknown, value: A) => void) => void): Promise<A> =>
  new Promise((resolve, reject) => start((error, value) => error ? reject(error) : resolve(value)))

const withAdmin = async <A>(bootstrap: string, use: (admin: Admin) => Promise<A>): Promise<A> => {
  const admin = kafka.AdminClient.create({ "bootstrap.servers": bootstrap })
  try {
    return await use(admin)
  } finally {
    admin.disconnect()
  }
}

const topicExists = 36

/** Creates a topic and fills it; round robin over the partitions, or by key. `false` when it is there already. */
const fill = async (bootstrap: string, content: Content): Promise<boolean> => {
  const { keys, partitions, records, topic } = content
  const created = await withAdmin(bootstrap, (admin) =>
    promised((done) =>
      admin.createTopic(
        {
          topic,
          num_partitions: partitions,
          replication_factor: 1,
          config: { "retention.ms": "-1" }
        },
        10_000,
        done
      )
    ).then(() => true, (error) => {
      if (codeOf(error) !== topicExists) throw error
      return false
    }))
  if (!created || records === 0) return created
  const producer = new kafka.Producer({
    ...producerSettings(bootstrap),
    "linger.ms": 20,
    "compression.codec": "none",
    "dr_cb": true
  })
  await promised((done) => producer.connect({ timeout: 10_000 }, done))
  producer.setPollInBackground(true)
  const format = content.workload.replace("C3-", "")
  const value = isFormat(format) ? await (await import("./formats.ts")).encodedRow(format) : valueOf(content.workload)
  await new Promise<void>((resolve, reject) => {
    let sent = 0
    let acknowledged = 0
    const push = () => {
      try {
        for (; sent < records && sent - acknowledged < 90_000; sent++) {
          const change = content.workload === "S1" ? changeOf(sent) : undefined
          const key = change?.key ?? (keys === 0 ? null : Buffer.from(`key-${sent % keys}`))
          producer.produce(topic, keys === 0 ? sent % partitions : null, change?.value ?? value, key, null)
        }
      } catch (error) {
        reject(error)
      }
    }
    producer.on("delivery-report", (error: unknown) => {
      if (error) return reject(error)
      if (++acknowledged === records) resolve()
      else if (sent < records && sent - acknowledged < 50_000) push()
    })
    push()
  })
  await new Promise<void>((resolve) => producer.disconnect(() => resolve()))
  return true
}

const remove = (bootstrap: string, topics: ReadonlyArray<string>): Promise<void> =>
  withAdmin(bootstrap, async (admin) => {
    for (const topic of topics) await promised((done) => admin.deleteTopic(topic, 10_000, done)).catch(() => {})
  })

const { bootstrap, content, remove: topics }: {
  readonly bootstrap: string
  readonly content?: Content
  readonly remove?: ReadonlyArray<string>
} = JSON.parse(process.argv[2]!)

if (content !== undefined) {
  const began = performance.now()
  const made = await fill(bootstrap, content)
  console.log(
    `${content.topic}: ${made ? `filled in ${Math.round(performance.now() - began)} ms` : "is there already"}`
  )
}
if (topics !== undefined) {
  await remove(bootstrap, topics)
  console.log("topics deleted")
}
process.exit()
