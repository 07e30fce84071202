/** The table, and whether Millrace reached what it must. */
import { namesOf, workloads } from "./workloads.ts"

export interface Result {
  readonly workload: string
  readonly subject: string
  readonly median: number
  readonly min: number
  readonly max: number
  readonly unit: string
  readonly loopP99Ms: number
  readonly rssMb: number
  readonly cpuMicros: number
}

interface Bar {
  readonly workload: string
  readonly what: string
  readonly limit: number
  readonly atLeast: boolean
  /** The figure that is compared with the limit, `undefined` when it was not measured. */
  readonly of: (median: (subject: string) => number | undefined, millrace: Result, run: Run) => number | undefined
}

/** What else was measured in the run. */
interface Run {
  readonly idleP99: number
  /** Millrace's figure of another workload. */
  readonly millrace: (workload: string) => number | undefined
}

const ratioOf = (workload: string): Bar["of"] => (_, { median }, { millrace }) => {
  const other = millrace(workload)
  return other === undefined ? undefined : median / other
}

const ratioTo = (subject: string): Bar["of"] => (median, millrace) => {
  const other = median(subject)
  return other === undefined ? undefined : millrace.median / other
}

/** What is compared with the other clients of registries, over the same bytes. */
const registryBars = (workload: string): ReadonlyArray<Bar> =>
  ([["json", 0.8], ["kafkajs-registry", 1], ["confluent-registry", 1], ["confluent-each", 3]] as const).map(
    ([subject, limit]): Bar => ({ workload, what: `of ${subject}`, limit, atLeast: true, of: ratioTo(subject) })
  )

const bars: ReadonlyArray<Bar> = [
  { workload: "C1", what: "of raw", limit: 0.9, atLeast: true, of: ratioTo("raw") },
  { workload: "C1", what: "of ckjs", limit: 1.5, atLeast: true, of: ratioTo("ckjs") },
  { workload: "C1", what: "of joep-confluent", limit: 2, atLeast: true, of: ratioTo("joep-confluent") },
  { workload: "C1", what: "MB of memory", limit: 160, atLeast: false, of: (_, { rssMb }) => rssMb },
  { workload: "C1", what: "ms loop p99", limit: 5, atLeast: false, of: (_, { loopP99Ms }) => loopP99Ms },
  { workload: "S1", what: "of unnest", limit: 0.85, atLeast: true, of: ratioTo("unnest") },
  { workload: "S1", what: "of per-row", limit: 20, atLeast: true, of: ratioTo("per-row") },
  { workload: "S1", what: "of django-kafka", limit: 100, atLeast: true, of: ratioTo("django-kafka") },
  { workload: "S1", what: "of debezium-jdbc", limit: 3, atLeast: true, of: ratioTo("debezium-jdbc") },
  {
    workload: "S2",
    what: "of 20,000 records/s, or of half of raw where that is less",
    limit: 1,
    atLeast: true,
    of: (median, { median: own }) => own / Math.min(20_000, (median("raw") ?? Infinity) / 2)
  },
  { workload: "C2", what: "of raw", limit: 0.95, atLeast: true, of: ratioTo("raw") },
  { workload: "C3", what: "of raw", limit: 0.8, atLeast: true, of: ratioTo("raw") },
  ...["avro", "jsonschema", "protobuf"].flatMap((format): ReadonlyArray<Bar> => [
    { workload: `C3-${format}`, what: "of C3", limit: 0.8, atLeast: true, of: ratioOf("C3") },
    ...registryBars(`D-${format}`)
  ]),
  ...registryBars("P-avro"),
  { workload: "C4", what: "of one after the other", limit: 50, atLeast: true, of: ratioTo("raw") },
  { workload: "P1 batch", what: "of raw", limit: 0.85, atLeast: true, of: ratioTo("raw") },
  { workload: "P1 inflight", what: "of raw", limit: 0.9, atLeast: true, of: ratioTo("raw") },
  {
    workload: "L1",
    what: "ms more than raw",
    limit: 0.3,
    atLeast: false,
    of: (median, millrace) => {
      const raw = median("raw")
      return raw === undefined ? undefined : millrace.median - raw
    }
  },
  { workload: "X1", what: "ms", limit: 2, atLeast: false, of: (_, { median }) => median },
  { workload: "M", what: "x", limit: 1.1, atLeast: false, of: (_, { median }) => median },
  { workload: "M lag", what: "x", limit: 1.3, atLeast: false, of: (_, { median }) => median },
  { workload: "R1", what: "of P1 inflight", limit: 0.5, atLeast: true, of: ratioOf("P1 inflight") },
  { workload: "R2", what: "of C1", limit: 0.9, atLeast: true, of: ratioOf("C1") },
  {
    workload: "L2 p99",
    what: "ms more than an idle timer",
    limit: 50,
    atLeast: false,
    of: (_, { median }, { idleP99 }) => median - idleP99
  },
  { workload: "A", what: "x", limit: 1.3, atLeast: false, of: (_, { median }) => median },
  { workload: "O", what: "us", limit: 0.3, atLeast: false, of: (_, { median }) => median }
]

/** An idle timer that is later than this tells of other work on the machine. */
const busyMillis = 2

/** What is not measured is NaN, which JSON makes null. */
const orDash = (value: number | null, digits: number) =>
  value === null || !Number.isFinite(value) ? "-" : value.toFixed(digits)

export const printTable = (
  results: ReadonlyArray<Result>,
  run: {
    readonly machine: string
    readonly idleP99: number
    readonly baseRss: number
    readonly repeat: number
    readonly quick: boolean
    readonly notRun: ReadonlyArray<{ readonly workload: string; readonly subject: string; readonly reason: string }>
  }
): void => {
  const medianOf = (workload: string) => (subject: string) =>
    results.find((result) => result.workload === workload && result.subject === subject)?.median
  console.log(`${new Date().toISOString().slice(0, 10)}, ${run.machine}`)
  console.log(
    `median of ${run.repeat} (min-max)${run.quick ? ", quick" : ""}; an idle 5 ms timer: p99 ${
      run.idleP99.toFixed(2)
    } ms late; `
      + `a process that does nothing: ${run.baseRss.toFixed(0)} MB\n`
  )
  if (run.idleP99 > busyMillis) console.log("The machine was busy with other things: take the rates with care.\n")
  console.log("| workload | subject | median (min-max) | / raw | CPU us/record | loop p99 ms | max RSS MB |")
  console.log("|---|---|---|---|---|---|---|")
  for (const workload of workloads) {
    const { show, name, unit } = workload
    const raw = medianOf(name)(namesOf(workload).raw)
    for (
      const { cpuMicros, loopP99Ms, max, median, min, rssMb, subject } of results.filter(({ workload }) =>
        workload === name
      )
    ) {
      const ratio = raw === undefined ? "-" : (median / raw).toFixed(2)
      const value = `${show(median)} (${show(min)}-${show(max)}) ${unit}`
      const rest = [orDash(cpuMicros, 1), orDash(loopP99Ms, 1), orDash(rssMb, 0)]
      console.log(`| ${[name, subject, value, ratio, ...rest].join(" | ")} |`)
    }
    for (const { reason, subject } of run.notRun.filter(({ workload }) => workload === name)) {
      console.log(`| ${name} | ${subject} | not run: ${reason} | - | - | - | - |`)
    }
  }
  console.log("")
  for (const { atLeast, limit, of, what, workload } of bars) {
    const millrace = results.find((result) =>
      result.workload === workload && /^millrace(?:\/sql)?$/.test(result.subject)
    )
    const value = millrace === undefined ? undefined : of(medianOf(workload), millrace, {
      idleP99: run.idleP99,
      millrace: (name) => medianOf(name)("millrace")
    })
    if (value === undefined) continue
    const reached = atLeast ? value >= limit : value <= limit
    console.log(
      `${reached ? "ok    " : "MISSED"} ${workload}: ${value.toFixed(2)} ${what} (${atLeast ? ">=" : "<="} ${limit})`
    )
  }
}
