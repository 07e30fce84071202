import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { brokerConfig, type BrokerPorts, toProperties } from "./brokerConfig.ts"
import { brokerImage, newBrokerPorts } from "./brokerImage.ts"
import { readLog, untilStarted } from "./brokerLog.ts"
import { jvmArguments } from "./jvm.ts"
import { host } from "./ports.ts"
import { isAlive, killProcess, send, spawnDetached, stopProcess } from "./processes.ts"
import { type FaultProxy, startProxy } from "./proxy.ts"
import { newServiceFolder, readPid, writePid } from "./runFolder.ts"

/**
 * A real Kafka broker, as a process of its own. It may have been started by another process: everything that a handle
 * knows is in the broker's folder.
 */
export interface Broker {
  readonly folder: string
  readonly ports: BrokerPorts
  /** Bootstrap servers of the listeners; see `users` and `tlsFiles` of brokerConfig.ts for the credentials. */
  readonly bootstrap: string
  readonly saslPlaintext: string
  readonly ssl: string
  readonly saslSsl: string
  /** The bootstrap server behind the fault proxy; nothing listens there before `startProxy`. */
  readonly proxied: string
  /** Starts the fault proxy in this process. One at a time: tests of faults take a broker of their own. */
  readonly startProxy: () => Promise<FaultProxy>
  readonly pid: () => number | undefined
  readonly isRunning: () => boolean
  readonly log: () => string
  /** Starts a stopped or killed broker on its old ports and data; resolves when it serves. */
  readonly start: () => Promise<void>
  /** Stops it as an operator would: it hands everything over and writes everything down first. */
  readonly stop: () => Promise<void>
  /** Ends it as a power cut would. */
  readonly kill: () => Promise<void>
  readonly restart: () => Promise<void>
  /** Makes it hang: its connections stay open and nothing answers. */
  readonly pause: () => void
  readonly continue: () => void
  /** Kills it and deletes its data. */
  readonly remove: () => Promise<void>
}

const portsFile = "ports.json"
const logFile = "broker.log"

/** The handle of a broker whose folder is there, running or not. */
export const attachBroker = (folder: string): Broker => {
  const ports = JSON.parse(readFileSync(join(folder, portsFile), "utf8")) as BrokerPorts
  const log = join(folder, logFile)
  const at = (port: number) => `${host}:${port}`
  const isRunning = () => {
    const pid = readPid(folder)
    return pid !== undefined && isAlive(pid, folder)
  }
  const withPid = async (use: (pid: number) => Promise<void> | void) => {
    const pid = readPid(folder)
    if (pid !== undefined) await use(pid)
  }

  const start = async () => {
    if (isRunning()) return
    const { classes, jars } = await brokerImage()
    const from = existsSync(log) ? statSync(log).size : 0
    const main = ["kafka.Kafka", join(folder, "server.properties")]
    const pid = spawnDetached("java", [...jvmArguments(jars, "512m", classes), ...main], log)
    writePid(folder, pid)
    try {
      await untilStarted(log, from, pid, folder)
    } catch (error) {
      await killProcess(pid, folder)
      throw error
    }
  }
  const stop = () => withPid((pid) => stopProcess(pid, folder, 15_000))
  const kill = () => withPid((pid) => killProcess(pid, folder))

  return {
    folder,
    ports,
    bootstrap: at(ports.plaintext),
    saslPlaintext: at(ports.saslPlaintext),
    ssl: at(ports.ssl),
    saslSsl: at(ports.saslSsl),
    proxied: at(ports.proxy),
    startProxy: () => startProxy({ listen: ports.proxy, upstream: ports.proxied }),
    pid: () => isRunning() ? readPid(folder) : undefined,
    isRunning,
    log: () => readLog(log),
    start,
    stop,
    kill,
    restart: async () => {
      await stop()
      await start()
    },
    pause: () => void withPid((pid) => send(pid, "SIGSTOP", folder)),
    continue: () => void withPid((pid) => send(pid, "SIGCONT", folder)),
    remove: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

export interface BrokerOptions {
  /** Where it lives; by default a new folder that is removed when the run ends. */
  readonly folder?: string
  /** By default free ones. */
  readonly ports?: BrokerPorts
  /** Settings beside and above those of brokerConfig.ts. */
  readonly config?: Readonly<Record<string, string | number | boolean>>
}

/** Starts a broker with an empty log. */
export const startBroker = async (options: BrokerOptions = {}): Promise<Broker> => {
  const [image, ports] = await Promise.all([brokerImage(), options.ports ?? newBrokerPorts()])
  const folder = options.folder ?? newServiceFolder("kafka")
  const data = join(folder, "data")
  mkdirSync(folder, { recursive: true })
  cpSync(image.data, data, { recursive: true })
  writeFileSync(join(folder, "server.properties"), toProperties({ ...brokerConfig(ports, data), ...options.config }))
  writeFileSync(join(folder, portsFile), JSON.stringify(ports))
  const broker = attachBroker(folder)
  await broker.start()
  return broker
}
