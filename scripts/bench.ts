/**
 * npm run bench -- [--quick] [--only C1,P1] [--subjects raw,millrace] [--repeat 3] [--json] [--keep]
 *
 * The same work by Millrace, by the native client by hand ("raw") and by other clients, on one broker: the one that
 * MILLRACE_KAFKA_BOOTSTRAP names, else one of its own. Each cell is a process of its own; the whole matrix is run
 * several times over, so that a disturbance hits everybody; the table shows medians and their ratio to raw.
 *
 * --quick     less of everything, only Millrace and raw, in C1 also the KafkaJS-like interface: under five minutes
 * --only      workloads, by the beginning of their names; those they are compared with run too, by Millrace alone
 * --subjects  only these, also with --quick
 * --repeat    how often each cell is run (default 3)
 * --json      one line of JSON a cell instead of the table
 * --keep      leaves the filled topics for the next run
 *
 * The clients to compare with are installed in scratchpad/bench/peers on first use; django-kafka by pip, and Debezium's
 * connectors by Maven, once per user. What cannot be set up is "not run", and the rest is measured.
 */
import { execFile, spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { availableParallelism, cpus } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import type { Figures, Spec } from "../scratchpad/bench/cell.ts"
import { djangoPackages } from "../scratchpad/bench/django.ts"
import { javaRate } from "../scratchpad/bench/java.ts"
import { median } from "../scratchpad/bench/meter.ts"
import { printTable } from "../scratchpad/bench/report.ts"
import { namesOf, needsPostgres, needsSource, subjectsOf, workloads } from "../scratchpad/bench/workloads.ts"
import type { Workload } from "../scratchpad/bench/workloads.ts"
import { type ConnectServer, startConnect } from "../test/services/connect.ts"
import { debeziumJdbcPlugins, debeziumPlugins } from "../test/services/debezium.ts"
import { startBroker } from "../test/services/kafka.ts"
import { type PostgresServer, startPostgres } from "../test/services/postgres.ts"
import { ensureAddon } from "./addon.mjs"

const usage = `npm run bench -- [options]
  --quick          less of everything, in under five minutes
  --only C1,P1     workloads, by the beginning of their names: ${workloads.map(({ name }) => name).join(" ")}
  --subjects a,b   only these, also with --quick
  --repeat 3       how often each cell is run
  --json           one line of JSON a cell instead of the table
  --keep           leaves the filled topics for the next run`

const refuse = (problem: string): never => {
  console.error(`${problem}\n${usage}`)
  process.exit(2)
}

const parse = () =>
  parseArgs({
    options: {
      help: { type: "boolean", short: "h", default: false },
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      subjects: { type: "string" },
      repeat: { type: "string", default: "3" },
      json: { type: "boolean", default: false },
      keep: { type: "boolean", default: false }
    }
  }).values

const parsed = (): ReturnType<typeof parse> => {
  try {
    return parse()
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

const options = parsed()
if (options.help) {
  console.log(usage)
  process.exit(0)
}

const root = join(import.meta.dirname, "..")
const folder = join(root, "scratchpad", "bench")
const quick = options.quick
const repeat = Number(options.repeat)
const only = options.only?.split(",")
const wanted = options.subjects?.split(",")
const asked = workloads.filter(({ name }) => only === undefined || only.some((start) => name.startsWith(start)))
if (asked.length === 0) refuse(`no workload begins with ${options.only}`)
const chosen = workloads.filter((one) => asked.includes(one) || asked.some(({ against }) => against === one.name))

const say = (line: string) => process.stderr.write(`${line}\n`)

// What is measured is what is published: without the condition the package's name leads to what was built.
const { NODE_OPTIONS: _, ...env } = process.env

const build = () => {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
  const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], {
    cwd: root,
    stdio: ["ignore", 2, 2]
  })
  if (status !== 0) throw new Error("the build failed")
}

const node = (file: string, argument: string, timeoutMs: number): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [join(folder, file), argument],
      { timeout: timeoutMs, killSignal: "SIGKILL", env },
      (error, stdout, stderr) => {
        const lines = stdout.trim().split("\n")
        if (error === null) resolve(lines.at(-1)!)
        else reject(new Error((stderr.trim() || error.message).split("\n").slice(-12).join("\n")))
      }
    )
  })

interface Cell {
  readonly workload: Workload
  readonly subject: string
  readonly figures: Array<Figures>
  /** Why it cannot be measured here. */
  reason?: string
}

const needsConnect = ({ subject, workload }: Cell): boolean => subject === "debezium-jdbc" || needsSource(workload)

/** Programs that others wrote and that this machine may not have: without them the rest is measured. */
const isOutside = ({ subject }: Cell): boolean => subject === "debezium-jdbc" || subject === "django-kafka"

/** One line: where a cell failed, the one that names the error. */
const reasonOf = (error: unknown): string => {
  const lines = (error instanceof Error ? error.message : String(error)).split("\n")
  return (lines.find((line) => /^\w*Error: /.test(line)) ?? lines[0]!).replace(/^Error: |:$/g, "").replaceAll("|", "/")
}

/** Gets ready what some cells need; those whose part cannot be had get a reason. */
const prepared = async <A>(cells: ReadonlyArray<Cell>, part: () => Promise<A>): Promise<A | undefined> => {
  if (cells.length === 0) return undefined
  try {
    return await part()
  } catch (error) {
    for (const cell of cells) cell.reason = reasonOf(error)
    return undefined
  }
}

/** With the JVM as it is by itself: the tests' options make it start fast, and run slowly. */
const startWorker = async (bootstrap: string): Promise<ConnectServer> => {
  const plugins = await Promise.all([debeziumPlugins(), debeziumJdbcPlugins()])
  const jvm = ["-Xmx1g", "-XX:-UseSerialGC", "-XX:+UseG1GC", "-XX:TieredStopAtLevel=4"]
  return startConnect(bootstrap, plugins.join(","), jvm)
}

/** What is installed for the comparison. */
const installed = new Set([
  "kafkajs",
  "platformatic",
  "joep-confluent",
  "kafkajs-registry",
  "confluent-registry",
  "confluent-each"
])

const installPeers = () => {
  const peers = join(folder, "peers")
  if (existsSync(join(peers, "node_modules"))) return
  say("installing the clients to compare with, once")
  const { status } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: peers,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32"
  })
  if (status !== 0) throw new Error(`npm ci failed in ${peers}`)
}

const topicOf = (workload: Workload): string => {
  const { fills, keys, partitions } = workload
  return `bench-${fills}-${workload.sizes(quick).records}-${partitions}-${keys}`
}

interface Servers {
  readonly bootstrap: string
  readonly postgres?: PostgresServer | undefined
  readonly connect?: ConnectServer | undefined
}

const specOf = (workload: Workload, subject: string, { bootstrap, connect, postgres }: Servers): Spec => ({
  workload: workload.name,
  subject,
  bootstrap,
  topic: topicOf(workload),
  partitions: workload.partitions,
  keys: workload.keys,
  postgres: postgres && { host: postgres.host, port: postgres.port },
  connect: connect?.url,
  ...workload.sizes(quick)
})

const runCell = async (spec: Spec): Promise<Figures> => {
  if (spec.subject !== "java") return JSON.parse(await node("cell.ts", JSON.stringify(spec), 120_000))
  return { value: await javaRate(spec), cpuMicros: Number.NaN, loopP99Ms: Number.NaN, rssMb: Number.NaN }
}

const cellsOf = (): ReadonlyArray<Cell> =>
  chosen.flatMap((workload) =>
    (asked.includes(workload) ? subjectsOf(workload, quick && wanted === undefined) : [namesOf(workload).millrace])
      .filter((subject) => wanted === undefined || wanted.includes(subject))
      .map((subject): Cell => ({ workload, subject, figures: [] }))
  )

const main = async () => {
  await ensureAddon()
  build()
  const cells = cellsOf()
  if (cells.some(({ subject }) => installed.has(subject))) installPeers()
  const named = process.env["MILLRACE_KAFKA_BOOTSTRAP"]
  const broker = named === undefined || named === "" ? await startBroker() : undefined
  const bootstrap = broker?.bootstrap ?? named!
  const postgres = chosen.some(needsPostgres)
    ? await startPostgres("ALTER SYSTEM SET fsync = on\nALTER SYSTEM SET track_commit_timestamp = on")
    : undefined
  await prepared(cells.filter(({ subject }) => subject === "django-kafka"), djangoPackages)
  const connect = await prepared(cells.filter(needsConnect), () => startWorker(bootstrap))
  const servers = { bootstrap, postgres, connect }
  const topics = new Set<string>()
  try {
    for (const workload of chosen) {
      if (workload.fills === "none" || topics.has(topicOf(workload))) continue
      topics.add(topicOf(workload))
      const { fills, keys, partitions } = workload
      const records = fills === "empty" ? 0 : workload.sizes(quick).records
      const content = { workload: workload.name, topic: topicOf(workload), partitions, records, keys }
      say(await node("fill.ts", JSON.stringify({ bootstrap, content }), 120_000))
    }
    const idle: Array<Figures> = []
    for (let round = 0; round < repeat; round++) {
      idle.push(await runCell({ ...specOf(workloads[0]!, "idle", servers), workload: "idle" }))
      for (const cell of cells) {
        if (cell.reason !== undefined || cell.workload.once === true && round > 0) continue
        try {
          const figures = await runCell(specOf(cell.workload, cell.subject, servers))
          cell.figures.push(figures)
          const late = Number.isFinite(figures.loopP99Ms ?? Number.NaN)
            ? `, loop p99 ${figures.loopP99Ms.toFixed(1)} ms`
            : ""
          say(`${cell.workload.name} ${cell.subject}: ${cell.workload.show(figures.value)}${late}`)
        } catch (error) {
          say(`${cell.workload.name} ${cell.subject} failed: ${error instanceof Error ? error.message : error}`)
          if (isOutside(cell)) cell.reason = reasonOf(error)
          else process.exitCode = 1
        }
      }
    }
    const results = cells.filter(({ figures }) => figures.length > 0).map(({ figures, subject, workload }) => {
      const values = figures.map(({ value }) => value)
      return {
        workload: workload.name,
        subject,
        median: median(values),
        min: Math.min(...values),
        max: Math.max(...values),
        unit: workload.unit,
        loopP99Ms: median(figures.map(({ loopP99Ms }) => loopP99Ms)),
        rssMb: median(figures.map(({ rssMb }) => rssMb)),
        cpuMicros: median(figures.map(({ cpuMicros }) => cpuMicros))
      }
    })
    const idleP99 = median(idle.map(({ value }) => value))
    if (options.json) {
      for (const result of results) console.log(JSON.stringify(result))
      console.log(JSON.stringify({ workload: "idle", subject: "timer", median: idleP99, unit: "ms" }))
    } else {
      const machine = `${availableParallelism()} cores (${cpus()[0]?.model ?? "?"}), Node ${process.versions.node}, `
        + `broker ${broker === undefined ? `at ${bootstrap}` : "on this machine"}`
      const baseRss = median(idle.map(({ rssMb }) => rssMb))
      const notRun = cells.flatMap(({ figures, reason, subject, workload }) =>
        figures.length > 0 ? [] : [{ workload: workload.name, subject, reason: reason ?? "it failed" }]
      )
      printTable(results, { machine, idleP99, baseRss, repeat, quick, notRun })
    }
    if (!options.keep) say(await node("fill.ts", JSON.stringify({ bootstrap, remove: [...topics] }), 60_000))
  } finally {
    await connect?.kill()
    await postgres?.stop()
    await broker?.remove()
  }
}

await main()
process.exit()
