/** The topics of the cluster: their logs and settings. Pure but for its own state. */
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import type { NewTopic, TopicDescription, TopicPartition } from "../../KafkaEngine.ts"
import { PartitionLog } from "./log.ts"
import { TopicConfig } from "./topicConfig.ts"

/** One incarnation of a topic. */
export interface MemoryTopic {
  readonly name: string
  readonly config: TopicConfig
  readonly logs: Array<PartitionLog>
  readonly replicas: number
}

const brokerError = (operation: string, code: number, name: string, problem: string): KafkaError =>
  Errors.make(operation, new Errors.BrokerError({ code, name, problem, retryable: false }))

/** As metrics of a broker name a topic: names that differ by these characters alone collide. */
const undotted = (name: string): string => name.replaceAll(".", "_")

/** Topics whose name starts like this belong to Kafka itself; patterns never match them. */
export const isInternal = (name: string): boolean => name.startsWith("__")

/** What is wrong comes back as an error instead of being thrown. */
export class Topics {
  private readonly byName = new Map<string, MemoryTopic>()

  get(name: string): MemoryTopic | undefined {
    return this.byName.get(name)
  }

  log(tp: TopicPartition): PartitionLog | undefined {
    return this.byName.get(tp.topic)?.logs[tp.partition]
  }

  *[Symbol.iterator](): Iterator<MemoryTopic> {
    yield* this.byName.values()
  }

  /** How many partitions each topic has. */
  partitions(): ReadonlyMap<string, number> {
    return new Map([...this].map(({ logs, name }) => [name, logs.length]))
  }

  create({ config = {}, name, partitions, replicationFactor = 1 }: NewTopic): KafkaError | undefined {
    const operation = "create topic"
    if (!/^[\w.-]{1,249}$/.test(name) || name === "." || name === "..") {
      const problem = `"${name}" is no name for a topic; use letters, digits, "." "_" "-", at most 249 of them`
      return brokerError(operation, 17, "INVALID_TOPIC_EXCEPTION", problem)
    }
    const colliding = [...this.byName.keys()].find((other) => other !== name && undotted(other) === undotted(name))
    if (colliding !== undefined) {
      const problem = `Topic '${name}' collides with existing topics: ${colliding}`
      return brokerError(operation, 17, "INVALID_TOPIC_EXCEPTION", problem)
    }
    if (this.byName.has(name)) return Errors.make(operation, new Errors.TopicExists({ topic: name }))
    if (!Number.isInteger(partitions) || partitions < 1) {
      return brokerError(operation, 37, "INVALID_PARTITIONS", `topic "${name}" needs at least one partition`)
    }
    const problem = TopicConfig.problem(config)
    if (problem !== undefined) return brokerError(operation, 40, "INVALID_CONFIG", `topic "${name}": ${problem}`)
    const settings = new TopicConfig()
    settings.change(config)
    const logs = Array.from({ length: partitions }, (_, partition) => new PartitionLog(name, partition))
    this.byName.set(name, { name, config: settings, logs, replicas: replicationFactor })
    return undefined
  }

  grow(name: string, total: number): KafkaError | undefined {
    const topic = this.byName.get(name)
    if (topic === undefined) return Errors.make("create partitions", new Errors.UnknownTopic({ topic: name }))
    if (!Number.isInteger(total) || total <= topic.logs.length) {
      const problem = `topic "${name}" has ${topic.logs.length} partitions; it can only get more`
      return brokerError("create partitions", 37, "INVALID_PARTITIONS", problem)
    }
    for (let partition = topic.logs.length; partition < total; partition++) {
      topic.logs.push(new PartitionLog(name, partition))
    }
    return undefined
  }

  delete(name: string): KafkaError | undefined {
    const topic = this.byName.get(name)
    if (topic === undefined) return Errors.make("delete topic", new Errors.UnknownTopic({ topic: name }))
    this.byName.delete(name)
    for (const log of topic.logs) log.deleted = true
    return undefined
  }

  configure(name: string, changes: Readonly<{ [name: string]: string | null }>): KafkaError | undefined {
    const topic = this.byName.get(name)
    if (topic === undefined) return Errors.make("alter configs", new Errors.UnknownTopic({ topic: name }))
    const problem = TopicConfig.problem(changes)
    if (problem !== undefined) return brokerError("alter configs", 40, "INVALID_CONFIG", `topic "${name}": ${problem}`)
    topic.config.change(changes)
    return undefined
  }
}

/** What the cluster tells of a topic. There is one broker; replicas are only counted. */
export const describe = ({ logs, name, replicas }: MemoryTopic): TopicDescription => {
  const ids = Array.from({ length: replicas }, (_, id) => id)
  const partitions = logs.map(({ partition }) => ({ partition, leader: 0, replicas: ids, inSync: ids }))
  return { name, internal: isInternal(name), partitions }
}
