/** The workloads: how much, who takes part, and what Millrace must reach. */
import type { Format } from "./task.ts"

export interface Workload {
  readonly name: string
  readonly what: string
  readonly unit: string
  readonly better: "more" | "less"
  readonly partitions: number
  readonly keys: number
  /** What the topic is: values of one kind, empty, or not needed. Workloads with the same share it. */
  readonly fills: "bytes" | "rows" | "changes" | Format | "large" | "empty" | "none"
  readonly sizes: (quick: boolean) => { readonly records: number; readonly capMs: number }
  /** What Millrace, and what it is compared with, are called here (default `millrace` and `raw`). */
  readonly names?: { readonly millrace: string; readonly raw: string }
  /** Takes part beside Millrace and raw. */
  readonly peers: ReadonlyArray<string>
  /** A workload that its figure is compared with: Millrace runs that too. */
  readonly against?: string
  /** One round is enough: it measures over a long time by itself. */
  readonly once?: boolean
  readonly show: (value: number) => string
}

const thousands = (value: number) =>
  value >= 100_000
    ? `${Math.round(value / 1_000)} k`
    : value >= 1_000
    ? `${(value / 1_000).toFixed(1)} k`
    : `${Math.round(value)}`

const consuming = {
  unit: "records/s",
  better: "more",
  partitions: 6,
  keys: 0,
  fills: "bytes",
  show: thousands
} as const

const size = (full: number, quick: number, capMs = 5_000) => (isQuick: boolean) => ({
  records: isQuick ? quick : full,
  capMs: isQuick ? Math.min(capMs, 2_000) : capMs
})

const ofFormat = (format: Format): Workload => ({
  ...consuming,
  name: `C3-${format}`,
  what: `the row of C3 as ${format} of a registry in memory, decoded, a handler per record`,
  fills: format,
  sizes: size(1_000_000, 300_000),
  peers: [],
  against: "C3"
})

/** Without a broker: by what the process's own time is enough for. */
const alone = {
  ...consuming,
  unit: "records/s of CPU",
  fills: "none",
  peers: ["json", "kafkajs-registry", "confluent-registry", "confluent-each"]
} as const

const decodingOf = (format: Format): Workload => ({
  ...alone,
  name: `D-${format}`,
  what: `the same bytes decoded alone, the schema known; "json" is Codec.json of the same row`,
  sizes: size(500_000, 200_000)
})

const producing = { ...consuming, fills: "empty" } as const

const waiting = {
  ...producing,
  unit: "ms",
  better: "less",
  partitions: 1,
  sizes: (quick: boolean) => ({ records: quick ? 2_000 : 5_000, capMs: 0 }),
  peers: [],
  show: (value: number) => value.toFixed(2)
} as const

const arriving = {
  ...producing,
  unit: "ms",
  better: "less",
  fills: "none",
  sizes: (quick: boolean) => ({ records: quick ? 5_000 : 20_000, capMs: 0 }),
  names: { millrace: "millrace/sql", raw: "debezium-jdbc" },
  peers: [],
  show: (value: number) => value.toFixed(1)
} as const

const inBatches = ["memory", "ckjs", "kafkajs"]
const everybody = [...inBatches, "platformatic", "joep-confluent"]

export const workloads: ReadonlyArray<Workload> = [
  {
    ...consuming,
    name: "C1",
    what: "a handler per record that does nothing, 256 B",
    sizes: size(1_000_000, 300_000),
    peers: [...everybody, "java"]
  },
  {
    ...consuming,
    name: "C2",
    what: "a handler per batch that does nothing, 256 B",
    sizes: size(1_000_000, 300_000),
    peers: inBatches
  },
  {
    ...consuming,
    name: "C3",
    what:
      "256 B of JSON, decoded (Millrace: by Schema, interpreted or compiled; others: JSON.parse), a handler per record",
    fills: "rows",
    sizes: size(1_000_000, 300_000),
    peers: ["millrace-jit", ...everybody]
  },
  ofFormat("avro"),
  ofFormat("jsonschema"),
  ofFormat("protobuf"),
  decodingOf("avro"),
  decodingOf("jsonschema"),
  decodingOf("protobuf"),
  {
    ...alone,
    name: "P-avro",
    what: "the row of C3 encoded as Avro alone, the schema known",
    sizes: size(500_000, 200_000)
  },
  {
    ...consuming,
    name: "C4",
    what: "a handler that waits 5 ms, 64 keys: Millrace with `keys: 64`, and with `partition`; the others one by one",
    keys: 64,
    sizes: size(2_000, 2_000),
    peers: ["millrace-partition", ...everybody]
  },
  {
    ...producing,
    name: "P1 one",
    what: "256 B, acks all, lz4, linger 0; each record awaited",
    sizes: size(20_000, 3_000, 2_000),
    peers: everybody
  },
  { ...producing, name: "P1 batch", what: "awaited batches of 100", sizes: size(200_000, 60_000), peers: everybody },
  {
    ...producing,
    name: "P1 inflight",
    what: "1,000 workers, each awaiting its own record",
    sizes: size(400_000, 200_000),
    peers: everybody
  },
  {
    ...producing,
    name: "P1 all",
    what: "all sent at once, all awaited",
    sizes: size(200_000, 100_000, 30_000),
    peers: [...everybody, "java"]
  },
  {
    ...producing,
    name: "L1",
    what: "from send to handler, one record every 10 ms, p50",
    unit: "ms",
    better: "less",
    partitions: 1,
    sizes: size(500, 150),
    peers: everybody,
    show: (value) => value.toFixed(2)
  },
  {
    ...producing,
    name: "X1",
    what: "fs.readFile beside 8 idle consumers, p99",
    unit: "ms",
    better: "less",
    partitions: 1,
    sizes: size(0, 0, 3_000),
    peers: everybody.filter((subject) => subject !== "memory"),
    show: (value) => value.toFixed(2)
  },
  {
    ...consuming,
    name: "M",
    what: "the most resident memory after the first fifth of the records, as a multiple of what it was then",
    unit: "x",
    better: "less",
    sizes: (quick) => ({ records: quick ? 1_000_000 : 5_000_000, capMs: 60_000 }),
    peers: [],
    once: true,
    show: (value) => value.toFixed(2)
  },
  {
    ...consuming,
    name: "M lag",
    what: "the same over a backlog that lasts: 16 KiB, 1 ms handler",
    unit: "x",
    better: "less",
    fills: "large",
    sizes: (quick) => ({ records: quick ? 20_000 : 40_000, capMs: 60_000 }),
    peers: [],
    once: true,
    show: (value) => value.toFixed(2)
  },
  {
    ...consuming,
    name: "A",
    what: "bytes received per byte handled, 1 ms handler, 100 partitions",
    unit: "x",
    better: "less",
    partitions: 100,
    sizes: size(100_000, 50_000, 20_000),
    peers: [],
    show: (value) => value.toFixed(2)
  },
  {
    ...consuming,
    name: "R1",
    what: "every record fails and goes to a retry topic, 256 B",
    // Shares the topic of C1, and takes longer for it: the first seconds are the compiler's.
    sizes: (quick) => ({ records: quick ? 300_000 : 1_000_000, capMs: quick ? 5_000 : 20_000 }),
    peers: [],
    against: "P1 inflight"
  },
  {
    ...consuming,
    name: "R2",
    what: "each hundredth record fails and goes to a retry topic, 256 B",
    sizes: size(1_000_000, 300_000),
    peers: [],
    against: "C1"
  },
  {
    ...consuming,
    name: "S1",
    what:
      "Debezium's events of 5 columns into PostgreSQL with their offsets, half of the rows exist; what is slow stops "
      + "after some seconds",
    fills: "changes",
    sizes: (quick) => ({ records: quick ? 60_000 : 200_000, capMs: quick ? 5_000 : 20_000 }),
    names: { millrace: "millrace/sql", raw: "unnest" },
    peers: ["copy", "per-row", "django-kafka", "debezium-jdbc"]
  },
  {
    ...producing,
    name: "S2",
    what: "a relay publishes what waits in an outbox, 256 B, a key each; raw is `sendAll` of the same, without one",
    sizes: size(100_000, 40_000),
    peers: ["millrace-once"]
  },
  { ...arriving, name: "S3 p50", what: "from COMMIT in a source to COMMIT in the target, 1,000 rows/s, p50" },
  { ...arriving, name: "S3 p99", what: "the same, p99" },
  { ...waiting, name: "L2 p50", what: "from due to handler, 1,000 records wait in a retry topic, p50" },
  { ...waiting, name: "L2 p99", what: "the same, p99" },
  {
    ...consuming,
    name: "O",
    what: "the run loop alone, per record: without engine, less an Effect.forEach of the same handler",
    unit: "us",
    better: "less",
    fills: "none",
    sizes: (quick) => ({ records: quick ? 300_000 : 1_000_000, capMs: 0 }),
    peers: [],
    show: (value) => value.toFixed(3)
  }
]

/** What only Millrace does, or is. */
const own = new Set(["O", "A", "M lag", "R1", "R2", "L2 p50", "L2 p99", "C3-avro", "C3-jsonschema", "C3-protobuf"])

const withoutBroker = new Set(["D-avro", "D-jsonschema", "D-protobuf", "P-avro"])

/** Whether a workload needs a database. */
export const needsPostgres = ({ name }: Workload): boolean => name.startsWith("S")

/** Whether its events come from a source connector. */
export const needsSource = ({ name }: Workload): boolean => name.startsWith("S3")

const standard = { millrace: "millrace", raw: "raw" }

export const namesOf = ({ names = standard }: Workload) => names

/** Of the peers only the one that C1 has to beat, and what needs no other packages. */
const isInQuick = (workload: Workload, subject: string): boolean =>
  ["raw", "millrace", "json", "millrace/sql", "unnest", "copy", "per-row"].includes(subject) ||
  subject === "ckjs" && workload.name === "C1"

export const subjectsOf = (workload: Workload, quick: boolean): ReadonlyArray<string> => {
  const { millrace, raw } = namesOf(workload)
  if (own.has(workload.name)) return [millrace]
  return [...withoutBroker.has(workload.name) ? [] : [raw], millrace, ...workload.peers].filter((subject) =>
    !quick || isInQuick(workload, subject)
  )
}
