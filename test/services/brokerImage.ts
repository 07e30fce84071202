import { createHash } from "node:crypto"
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { cached } from "../../scripts/user-cache.mjs"
import { type BrokerPorts, brokerConfig, clusterId, toProperties, users } from "./brokerConfig.ts"
import { runCommand } from "./command.ts"
import { jvmArguments } from "./jvm.ts"
import { kafkaJars } from "./maven.ts"
import { freePorts } from "./ports.ts"
import { spawnDetached, stopProcess, until } from "./processes.ts"
import { hasStarted } from "./brokerLog.ts"

/** What is made once per user so that a broker starts in one second instead of three. */
export interface BrokerImage {
  readonly jars: string
  /** A formatted data folder with the users in it, to be copied. */
  readonly data: string
  /** The JVM options that use an archive of the loaded classes, where the JVM could make one. */
  readonly classes: ReadonlyArray<string>
}

export const newBrokerPorts = async (): Promise<BrokerPorts> => {
  const [plaintext, proxied, proxy, saslPlaintext, ssl, saslSsl, controller] = await freePorts(7) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number
  ]
  return { plaintext, proxied, proxy, saslPlaintext, ssl, saslSsl, controller }
}

const format = async (jars: string, config: string) => {
  const scram = Object.entries(users).flatMap(([name, password]) =>
    ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
      "--add-scram",
      `${mechanism}=[name=${name},password=${password}]`
    ])
  )
  const tool = ["kafka.tools.StorageTool", "format", "-t", clusterId, "-c", config, ...scram]
  const run = await runCommand("java", [...jvmArguments(jars, "256m"), ...tool])
  if (run.code !== 0) throw new Error(`Kafka's storage could not be formatted:\n${run.stdout}${run.stderr}`)
}

/** Starts a broker once and stops it, so that the JVM writes down which classes it loaded. */
const archiveClasses = async (jars: string, staging: string, config: string) => {
  const log = join(staging, "log")
  const archive = [`-XX:ArchiveClassesAtExit=${join(staging, "classes.jsa")}`]
  const pid = spawnDetached("java", [...jvmArguments(jars, "512m", archive), "kafka.Kafka", config], log)
  try {
    await until("Kafka starts", () => hasStarted(log, 0), 60_000)
  } finally {
    await stopProcess(pid, config, 30_000)
  }
}

const make = (jars: string) => async (staging: string) => {
  const prepare = async (name: string) => {
    const config = join(staging, `${name}.properties`)
    writeFileSync(config, toProperties(brokerConfig(await newBrokerPorts(), join(staging, name))))
    mkdirSync(join(staging, name))
    await format(jars, config)
    return config
  }
  await prepare("data")
  await archiveClasses(jars, staging, await prepare("trial"))
  for (const name of ["trial", "trial.properties", "data.properties", "log"]) {
    rmSync(join(staging, name), { recursive: true, force: true })
  }
}

export const brokerImage = async (): Promise<BrokerImage> => {
  const jars = await kafkaJars()
  // Another JVM refuses the archive; other users mean another format.
  const java = await runCommand("java", ["-version"])
  const key = createHash("sha256").update(java.stderr + JSON.stringify(users)).digest("hex").slice(0, 8)
  const folder = await cached(`${basename(dirname(jars))}-image-${key}`, make(jars))
  const archive = join(folder, "classes.jsa")
  const classes = existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : []
  return { jars, data: join(folder, "data"), classes }
}
