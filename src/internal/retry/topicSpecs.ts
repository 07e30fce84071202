/** What retry, dead letter and parked topics should look like, and what is wrong with existing ones. Pure. */
import type { NewTopic } from "../../engine/AdminClient.ts"
import { parkedOf } from "./names.ts"
import type { SourceTopics } from "./topology.ts"

/** What a topic is for. `other`: a topic that a policy itself names. */
export type Role = "retry" | "deadLetter" | "parked" | "other"

/** A topic as it should be. `partitions` is `undefined` while its source topic does not exist. */
export interface TopicSpec {
  readonly name: string
  readonly role: Role
  readonly source: string
  /** How long its records wait, in milliseconds; 0 for topics that are no retry topics. */
  readonly delay: number
  readonly partitions: number | undefined
  readonly config: Readonly<{ [name: string]: string }>
}

/**
 * What is wrong with an existing topic. `fatal`: records would be lost, because they are deleted before they are due or
 * compacted away.
 */
export interface Problem {
  readonly kind: "few-partitions" | "compacted" | "short-retention" | "small-records"
  readonly fatal: boolean
  readonly words: string
}

const day = 86_400_000

/** The shortest retention of a retry topic: time enough to mend a consumer, also over a weekend. */
export const leastRetention = 7 * day

/** The retention of dead letters, which people have to look at. */
export const deadLetterRetention = 30 * day

const config = (retention: number) => ({ "cleanup.policy": "delete", "retention.ms": String(Math.ceil(retention)) })

/** The parked topic of a source. */
export const parkedSpec = (topics: SourceTopics, partitions: number | undefined): TopicSpec => ({
  name: parkedOf(topics.deadLetter),
  role: "parked",
  source: topics.source,
  delay: 0,
  partitions,
  config: { ...config(deadLetterRetention), ...topics.config }
})

/** The topics that the policy of a source topic needs, in the order in which a record gets there. */
export const specsOf = (topics: SourceTopics, partitions: number | undefined): ReadonlyArray<TopicSpec> => {
  const { deadLetter, needsDeadLetter, others, source, tiers } = topics
  const last = { source, delay: 0, partitions, config: { ...config(deadLetterRetention), ...topics.config } }
  return [
    ...tiers.map(({ delay, name }): TopicSpec => ({
      name,
      role: "retry",
      source,
      delay,
      partitions,
      config: { ...config(Math.max(leastRetention, 10 * delay)), ...topics.config }
    })),
    ...(needsDeadLetter ? [{ ...last, name: deadLetter, role: "deadLetter" as const }] : []),
    ...others.map((name) => ({ ...last, name, role: "other" as const }))
  ]
}

/** The largest record of a topic, in bytes, where its settings tell. */
export const largestRecord = (config: Readonly<{ [name: string]: string }> | undefined): number | undefined => {
  const bytes = Number(config?.["max.message.bytes"])
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined
}

/** What the headers of a copy may add to its record. */
const headerBytes = 16_384

/** With room for every record of a source that takes records of at most this many bytes. */
export const sized = (spec: TopicSpec, largest: number | undefined): TopicSpec =>
  largest === undefined || spec.config["max.message.bytes"] !== undefined
    ? spec
    : { ...spec, config: { ...spec.config, "max.message.bytes": String(largest + headerBytes) } }

/** Sources may share a topic: it then needs as many partitions as the widest source. */
export const merge = (specs: ReadonlyArray<TopicSpec>): ReadonlyArray<TopicSpec> => {
  const byName = new Map<string, TopicSpec>()
  for (const spec of specs) {
    const known = byName.get(spec.name)
    if (known === undefined || (known.partitions ?? 0) < (spec.partitions ?? 0)) byName.set(spec.name, spec)
  }
  return [...byName.values()]
}

/** How to create it, or `undefined` while the number of partitions is not known. */
export const newTopicOf = ({ config, name, partitions }: TopicSpec): NewTopic | undefined =>
  partitions === undefined ? undefined : { name, partitions, config }

const retentionOf = (config: Readonly<{ [name: string]: string }>): number => {
  const text = config["retention.ms"]
  const retention = text === undefined || text === "" ? NaN : Number(text)
  return Number.isNaN(retention) || retention < 0 ? Infinity : retention
}

/** What is wrong with an existing topic. Without `config` its settings are not checked. */
export const problemsOf = (
  spec: TopicSpec,
  partitions: number,
  config: Readonly<{ [name: string]: string }> | undefined
): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  // A topic that the policy names may be used by others, too: its partitions are not checked.
  if (spec.partitions !== undefined && partitions < spec.partitions && spec.role !== "other") {
    problems.push({
      kind: "few-partitions",
      fatal: false,
      words: `it has ${partitions} partitions and "${spec.source}" has ${spec.partitions}: several partitions share `
        + `one, and wait for each other; add partitions`
    })
  }
  if (config === undefined) return problems
  const largest = largestRecord(spec.config)
  const own = largestRecord(config)
  if (spec.role !== "other" && largest !== undefined && own !== undefined && own < largest - headerBytes) {
    problems.push({
      kind: "small-records",
      fatal: false,
      words:
        `it takes records of at most ${own} bytes and "${spec.source}" larger ones: a large record that fails would `
        + `stop the consumer; set max.message.bytes=${largest}`
    })
  }
  if (config["cleanup.policy"]?.includes("compact")) {
    problems.push({
      kind: "compacted",
      fatal: true,
      words: "it is compacted: of two failed records of a key the older one would be lost; set cleanup.policy=delete"
    })
  }
  const retention = retentionOf(config)
  if (retention < spec.delay) {
    problems.push({
      kind: "short-retention",
      fatal: true,
      words: `its records wait ${spec.delay} ms and are deleted after ${retention} ms; set retention.ms=${
        spec.config["retention.ms"]
      }`
    })
  }
  return problems
}
