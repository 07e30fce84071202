/** Builds and starts the Spring application beside this file. */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { aptInstall, aptLine } from "../../../scripts/apt.mjs"
import { cached } from "../../../scripts/user-cache.mjs"
import { runCommand } from "../../services/command.ts"
import { ensureJava } from "../../services/java.ts"
import { type Peer, startPeer } from "../peer.ts"

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
const pom = path("pom.xml")
const sources = ["Application.java", "Listeners.java", "Report.java"].map(path)
const compiler = ["default-jdk-headless"]

const keyOf = (files: ReadonlyArray<string>) => {
  const hash = createHash("sha256")
  for (const file of files) hash.update(readFileSync(file))
  return hash.digest("hex").slice(0, 8)
}

const hasCompiler = async () => (await runCommand("javac", ["-version"])).code === 0

const ensureCompiler = async () => {
  await ensureJava()
  if (await hasCompiler() || await aptInstall(compiler) && await hasCompiler()) return
  throw new Error(`the Spring application of the tests needs javac. On Debian:\n  ${aptLine(compiler)}`)
}

const succeed = async (what: string, command: string, args: ReadonlyArray<string>) => {
  const { code, stderr, stdout } = await runCommand(command, args)
  if (code !== 0) throw new Error(`${what}:\n${(stdout + stderr).slice(-4_000)}`)
}

/** Spring's jars, fetched once per user. */
const jars = (): Promise<string> =>
  cached(`spring-kafka-${keyOf([pom])}`, async (staging) => {
    await ensureCompiler()
    const copy = [`${plugin}:copy-dependencies`, "-DincludeScope=runtime", `-DoutputDirectory=${staging}`]
    await succeed("Maven could not fetch Spring Kafka", "mvn", ["-B", "-q", "-f", pom, ...copy])
  })

/** The compiled application, made once per user and version of its sources. */
const classes = (libraries: string): Promise<string> =>
  cached(`spring-application-${keyOf([pom, ...sources])}`, async (staging) => {
    await ensureCompiler()
    await succeed("the Spring application does not compile", "javac", [
      ...["-cp", `${libraries}/*`, "-d", staging],
      ...sources
    ])
  })

export interface Settings {
  readonly bootstrap: string
  readonly topic: string
  readonly group: string
  /** A class of Listeners.java. Default `Billing`. */
  readonly listener?: "Billing" | "Names" | "Recovering" | undefined
  /** How many deliveries, the first one counts. Default 4. */
  readonly attempts?: number | undefined
  /** The first delay in milliseconds, and by how much each is longer than the one before. Default 500 and 2. */
  readonly delay?: number | undefined
  readonly multiplier?: number | undefined
  /** The partitions of the topics that it makes. Default 1. */
  readonly partitions?: number | undefined
  /** Whether it reads dead letters. Default `true`. */
  readonly dlt?: boolean | undefined
  /** Its `partition.assignment.strategy`. Default: that of Kafka's client. */
  readonly assignor?: string | undefined
  /** Whether to wait until each of its listeners has partitions. Default `true`. */
  readonly assigned?: boolean | undefined
}

export const startSpring = async (settings: Settings): Promise<Peer> => {
  const libraries = await jars()
  const { listener = "Billing", ...rest } = settings
  const properties = Object.entries({
    attempts: 4,
    delay: 500,
    multiplier: 2,
    partitions: 1,
    dlt: true,
    assigned: true,
    ...rest
  })
  return startPeer("java", [
    ...["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m"],
    `-Dlog4j2.configurationFile=${path("log4j2.properties")}`,
    `-Dlistener=Listeners$${listener}`,
    ...properties.flatMap(([name, value]) => value === undefined ? [] : [`-D${name}=${value}`]),
    ...["-cp", `${join(libraries, "*")}:${await classes(libraries)}`, "Application"]
  ])
}
