/**
 * node cell.ts <spec as JSON>
 *
 * Runs one cell in this process and prints its figures as one line of JSON.
 */
import { readFile } from "node:fs/promises"
import { LateTimer, maxRssMb, percentile, rssMb } from "./meter.ts"
import type { Program } from "./outside.ts"
import { sleep } from "./task.ts"
import type { ConsumeTask, Handling, OutsideTask, Postgres, Sending, Subject } from "./task.ts"
import { valueOf } from "./values.ts"

/** What the parent asks for. */
export interface Spec {
  readonly workload: string
  readonly subject: string
  readonly bootstrap: string
  readonly topic: string
  readonly partitions: number
  readonly records: number
  readonly keys: number
  readonly capMs: number
  /** For workloads over SQL. */
  readonly postgres?: Postgres | undefined
  /** A Connect worker, where the cell needs one. */
  readonly connect?: string | undefined
}

export interface Figures {
  readonly value: number
  /** Of all threads of the client, per record; NaN where nothing is counted. */
  readonly cpuMicros: number
  readonly loopP99Ms: number
  readonly rssMb: number
}

/** Their packages need not be installed: nothing but this leads there. */
const peer = (file: string): Promise<Readonly<Record<string, Subject>>> =>
  import(new URL(`peers/${file}.ts`, import.meta.url).href)

/** Of workloads over SQL. */
const sinks: Readonly<Record<string, () => Promise<Subject>>> = {
  unnest: async () => (await import("./sql.ts")).unnest,
  "millrace/sql": async () => (await import("./sql.ts")).millrace,
  copy: async () => (await import("./sql.ts")).copy,
  "per-row": async () => (await import("./sql.ts")).perRow
}

/** Programs of their own. */
const outside: Readonly<Record<string, () => Promise<(task: OutsideTask) => Promise<Program>>>> = {
  "django-kafka": async () => (await import("./django.ts")).startDjango,
  "debezium-jdbc": async () => (await import("./debezium.ts")).startSink
}

const subjects: Readonly<Record<string, () => Promise<Subject>>> = {
  raw: async () => (await import("./raw.ts")).raw,
  millrace: async () => (await import("./millrace.ts")).millrace,
  "millrace-jit": async () => {
    await import("effect/schema/SchemaJITCompiler/enable")
    return (await import("./millrace.ts")).millrace
  },
  "millrace-partition": async () => (await import("./millrace.ts")).millrace,
  memory: async () => (await import("./millrace.ts")).memory,
  ckjs: async () => (await import("./ckjs.ts")).ckjs,
  kafkajs: async () => (await peer("kafkajs"))["kafkajs"]!,
  platformatic: async () => (await peer("platformatic"))["platformatic"]!,
  "joep-confluent": async () => (await peer("effectKafka"))["effectKafka"]!
}

const spec: Spec = JSON.parse(process.argv[2]!)
const timer = new LateTimer()
let late = { p99: Number.NaN, max: Number.NaN }
let measured = 0
let cpuMicros = 0
let cpuBefore = process.cpuUsage()

const startMeasuring = () => {
  cpuBefore = process.cpuUsage()
  timer.start()
}

const stopMeasuring = () => {
  const { system, user } = process.cpuUsage(cpuBefore)
  cpuMicros = system + user
  late = timer.stop()
}
const group = `bench-${process.pid}-${Date.now()}`

const need = <A>(part: A | undefined): A => {
  if (part === undefined) throw new Error(`${spec.subject} cannot do ${spec.workload}`)
  return part
}

interface Consumed {
  readonly records: number
  readonly millis: number
  readonly received: number
  /** Resident memory each time another tenth was handled. */
  readonly rss: ReadonlyArray<number>
}

const consume = async (subject: Subject, handling: Handling, withStatistics = false): Promise<Consumed> => {
  let records = 0
  let began = 0
  let ended = 0
  let received = 0
  const rss: Array<number> = []
  const step = spec.records / 10
  let nextStep = step
  let finish = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const end = () => {
    if (ended !== 0) return
    ended = performance.now()
    stopMeasuring()
    finish()
  }
  const task: ConsumeTask = {
    ...spec,
    group,
    handling,
    handled: (count) => {
      if (records === 0) {
        began = performance.now()
        startMeasuring()
        setTimeout(end, spec.capMs)
      }
      if (ended !== 0) return
      records += count
      if (records >= nextStep) {
        nextStep += step
        rss.push(rssMb())
      }
      if (records >= spec.records) end()
    },
    ...(withStatistics ? { received: (bytes: number) => (received = bytes) } : {}),
    content: { records: spec.records, value: valueOf(spec.workload), keys: spec.keys }
  }
  const close = await need(subject.consume)(task)
  const patience = setTimeout(() => {
    if (records > 0) return
    console.error("no record came")
    process.exit(1)
  }, 20_000)
  await finished
  clearTimeout(patience)
  if (withStatistics) await sleep(500)
  await Promise.race([close(), sleep(5_000)])
  measured = records
  return { records, millis: ended - began, received, rss }
}

const consumeRate = (handling: Handling) => async (subject: Subject): Promise<number> => {
  const { millis, records } = await consume(subject, handling)
  return records / millis * 1_000
}

const produceRate = (sending: Sending) => async (subject: Subject): Promise<number> => {
  let began = 0
  const sent = await need(subject.produce)({
    ...spec,
    sending,
    value: valueOf(spec.workload),
    begin: () => {
      began = performance.now()
      startMeasuring()
    }
  })
  const millis = performance.now() - began
  stopMeasuring()
  measured = sent
  return sent / millis * 1_000
}

/** A table of this cell. */
const table = `items_${process.pid}_${Date.now()}`

/** The same, of a program of its own, whose CPU time and memory are not seen. */
const outsideRate = async (start: (task: OutsideTask) => Promise<Program>): Promise<number> => {
  const { storedOutside } = await import("./outside.ts")
  const task = { ...spec, group, connect: spec.connect, postgres: need(spec.postgres), table }
  const { millis, records } = await storedOutside(task, start)
  return records / millis * 1_000
}

/** From the first records that are stored to the last, or to the cap. */
const sinkRate = async (subject: Subject): Promise<number> => {
  let stored = 0
  let began = 0
  let first = 0
  let finish = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const close = await need(subject.sink)({
    ...spec,
    group,
    postgres: need(spec.postgres),
    table,
    stored: (records) => {
      stored += records
      if (began === 0) {
        began = performance.now()
        first = stored
        startMeasuring()
        setTimeout(finish, spec.capMs)
      }
      if (stored >= spec.records) finish()
    }
  })
  await finished
  const millis = performance.now() - began
  stopMeasuring()
  measured = stored - first
  await Promise.race([close(), sleep(5_000)])
  return measured / millis * 1_000
}

/** Messages of an outbox, or the same ones without it. */
const relayRate = async (): Promise<number> => {
  const { direct, relay, relayOnce } = await import("./outbox.ts")
  const run = spec.subject === "raw" ? direct : spec.subject === "millrace-once" ? relayOnce : relay
  const rate = await run({
    ...spec,
    value: valueOf(spec.workload),
    postgres: need(spec.postgres),
    begin: startMeasuring
  })
  stopMeasuring()
  measured = spec.records
  return rate
}

const latency = async (subject: Subject): Promise<number> => {
  const latencies: Array<number> = []
  const warm = 20
  const { close, send } = await need(subject.echo)({ ...spec, group }, (value) => {
    const at = Buffer.from(value.buffer, value.byteOffset, value.byteLength).readDoubleLE(0)
    latencies.push(performance.timeOrigin + performance.now() - at)
  })
  const sendOne = () => {
    const value = Buffer.alloc(256)
    value.writeDoubleLE(performance.timeOrigin + performance.now())
    send(value)
  }
  // Until the consumer has its partition, nothing arrives.
  for (let i = 0; i < 400 && latencies.length < warm; i++) {
    sendOne()
    await sleep(50)
  }
  if (latencies.length < warm) throw new Error("nothing arrived")
  latencies.length = 0
  timer.start()
  for (let i = 0; i < spec.records; i++) {
    sendOne()
    await sleep(10)
  }
  for (let i = 0; i < 100 && latencies.length < spec.records; i++) await sleep(10)
  late = timer.stop()
  await Promise.race([close(), sleep(5_000)])
  return percentile(latencies.toSorted((a, b) => a - b), 0.5)
}

/** How many records wait, and how long each does, in milliseconds. */
const waitingRecords = 1_000
const retryDelayMs = 2_000
const stepMs = 10

const lateness = (p: number) => async (subject: Subject): Promise<number> => {
  const lates: Array<number> = []
  const { close, send } = await need(subject.retry)(
    { ...spec, group, value: valueOf(spec.workload) },
    retryDelayMs,
    (millis) => lates.push(millis)
  )
  for (let i = 0; i < 400 && lates.length === 0; i++) {
    if (i % 100 === 0) send(1)
    await sleep(50)
  }
  if (lates.length === 0) throw new Error("nothing was retried")
  const perStep = waitingRecords / (retryDelayMs / stepMs)
  const fill = async (records: number) => {
    const began = performance.now()
    for (let sent = 0; sent < records;) {
      const due = Math.min(records, Math.ceil((performance.now() - began) / stepMs) * perStep)
      if (due > sent) send(due - sent)
      sent = due
      await sleep(stepMs)
    }
  }
  await fill(waitingRecords)
  lates.length = 0
  startMeasuring()
  await fill(spec.records)
  stopMeasuring()
  measured = lates.length
  await Promise.race([close(), sleep(5_000)])
  return percentile(lates.toSorted((a, b) => a - b), p)
}

const consumersBesideFiles = 8

const fileReads = async (subject: Subject): Promise<number> => {
  const closes = await Promise.all(Array.from({ length: consumersBesideFiles }, (_, i) =>
    need(subject.consume)({
      ...spec,
      group: `${group}-${i}`,
      handling: "record",
      handled: () => {},
      content: { records: 0, value: valueOf(spec.workload), keys: 0 }
    })))
  await sleep(1_500)
  timer.start()
  const reads: Array<number> = []
  const end = performance.now() + spec.capMs
  while (performance.now() < end) {
    const began = performance.now()
    await readFile(new URL(import.meta.url))
    reads.push(performance.now() - began)
    await sleep(1)
  }
  late = timer.stop()
  await Promise.race([Promise.all(closes.map((close) => close())), sleep(3_000)])
  return percentile(reads.toSorted((a, b) => a - b), 0.99)
}

const memoryGrowth = (handling: Handling) => async (subject: Subject): Promise<number> => {
  const { rss } = await consume(subject, handling)
  // A fifth is the warm-up.
  const [warm = Number.NaN, ...rest] = rss.slice(1)
  return Math.max(...rest) / warm
}

const amplification = async (subject: Subject): Promise<number> => {
  const { received, records } = await consume(subject, "pause", true)
  return received / (records * valueOf(spec.workload).length)
}

const workloads: Readonly<Record<string, (subject: Subject) => Promise<number>>> = {
  C1: consumeRate("record"),
  C2: consumeRate("batch"),
  C3: consumeRate("json"),
  "C3-avro": consumeRate("avro"),
  "C3-jsonschema": consumeRate("jsonschema"),
  "C3-protobuf": consumeRate("protobuf"),
  C4: (subject) => consumeRate(spec.subject === "millrace" || spec.subject === "memory" ? "keys" : "serial")(subject),
  "P1 one": produceRate("one"),
  "P1 batch": produceRate("batch"),
  "P1 inflight": produceRate("inflight"),
  "P1 all": produceRate("all"),
  L1: latency,
  X1: fileReads,
  M: memoryGrowth("record"),
  "M lag": memoryGrowth("pause"),
  A: amplification,
  S1: sinkRate,
  R1: consumeRate("failing"),
  R2: consumeRate("some"),
  "L2 p50": lateness(0.5),
  "L2 p99": lateness(0.99)
}

const run = async (): Promise<number> => {
  if (spec.workload === "O") return (await import("./loopCost.ts")).loopCost(spec.records)
  if (spec.workload.startsWith("D-") || spec.workload === "P-avro") {
    const cost = await (await import("./registryCost.ts")).registryCost(spec)
    measured = cost.done
    cpuMicros = cost.micros
    return cost.done / cost.micros * 1_000_000
  }
  if (spec.workload === "S2") return relayRate()
  if (spec.workload === "idle") {
    timer.start()
    await sleep(2_000)
    late = timer.stop()
    return late.p99
  }
  if (spec.workload.startsWith("S3")) {
    const { arrivals } = await import("./arrivals.ts")
    const task = { ...spec, group, table, connect: need(spec.connect), postgres: need(spec.postgres) }
    return arrivals(task, spec.workload === "S3 p50" ? 0.5 : 0.99)
  }
  const program = spec.workload === "S1" ? outside[spec.subject] : undefined
  if (program !== undefined) return outsideRate(await program())
  const known = spec.workload === "S1" ? sinks : subjects
  return workloads[spec.workload]!(await known[spec.subject]!())
}

const value = await run()
const isOutside = outside[spec.subject] !== undefined
const figures: Figures = {
  value,
  cpuMicros: cpuMicros / measured,
  loopP99Ms: isOutside ? Number.NaN : late.p99,
  rssMb: isOutside ? Number.NaN : maxRssMb()
}
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0))
