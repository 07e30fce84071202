import { createHash } from "node:crypto"
import { cpSync, existsSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { cached } from "../../scripts/user-cache.mjs"
import { brokerConfig, type BrokerPorts, clusterId, toProperties, users } from "./brokerConfig.ts"
import { untilStarted } from "./brokerLog.ts"
import { runCommand } from "./command.ts"
import { jvmArguments } from "./jvm.ts"
import { kafkaJars } from "./maven.ts"
import { freePorts } from "./ports.ts"
import { spawnDetached, stopProcess } from "./processes.ts"
import { newServiceFolder, writePid } from "./runFolder.ts"

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

/** Writes down the identity of the cluster and the users. */
const format = async (jars: string, folder: string) => {
  const config = join(folder, "server.properties")
  writeFileSync(config, toProperties(brokerConfig(await newBrokerPorts(), join(folder, "data"))))
  const scram = Object.entries(users).flatMap(([name, password]) =>
    ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
      "--add-scram",
      `${mechanism}=[name=${name},password=${password}]`
    ])
  )
  const tool = ["kafka.tools.StorageTool", "format", "-t", clusterId, "-c", config, ...scram]
  const run = await runCommand("java", [...jvmArguments(jars, "256m"), ...tool])
  if (run.code !== 0) throw new Error(`Kafka's storage could not be formatted:\n${run.stdout}${run.stderr}`)
  return config
}

/** Starts a broker once and stops it, so that the JVM writes down which classes it loaded. */
const archiveClasses = async (jars: string, folder: string, config: string, archive: string) => {
  const log = join(folder, "broker.log")
  const java = jvmArguments(jars, "512m", [`-XX:ArchiveClassesAtExit=${archive}`])
  const pid = spawnDetached("java", [...java, "kafka.Kafka", config], log)
  writePid(folder, pid)
  try {
    await untilStarted(log, 0, pid, folder)
  } finally {
    await stopProcess(pid, folder, 30_000)
  }
}

const make = (jars: string) => async (staging: string) => {
  const folder = newServiceFolder("image")
  try {
    const config = await format(jars, folder)
    cpSync(join(folder, "data"), join(staging, "data"), { recursive: true })
    await archiveClasses(jars, folder, config, join(staging, "classes.jsa"))
  } finally {
    rmSync(folder, { recursive: true, force: true })
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
