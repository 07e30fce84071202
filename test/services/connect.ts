import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { toProperties } from "./brokerConfig.ts"
import { brokerImage } from "./brokerImage.ts"
import { jvmArguments } from "./jvm.ts"
import { freePorts, host } from "./ports.ts"
import { killProcess, spawnDetached, stopProcess, until } from "./processes.ts"
import { newServiceFolder, writePid } from "./runFolder.ts"

/** A real worker of Kafka Connect. */
export interface ConnectServer {
  readonly url: string
  /** A folder that is there for the files of connectors. */
  readonly files: string
  /** Ends the worker as an operator would. */
  readonly stop: () => Promise<void>
  /** Starts it again, on the same port and with the same connectors. */
  readonly start: () => Promise<void>
  readonly kill: () => Promise<void>
  /** Starts another worker of the same cluster; `onSpawned` is called before it joins. */
  readonly join: (onSpawned?: () => void) => Promise<ConnectServer>
}

let clusters = 0

/**
 * Starts a worker with the file connectors and those of `plugins`, folders separated by commas; it ends with the run.
 * `jvm`: options that win over those that make it start fast.
 */
export const startConnect = (
  bootstrap: string,
  plugins?: string,
  jvm: ReadonlyArray<string> = []
): Promise<ConnectServer> => startWorker(bootstrap, plugins, jvm, `connect-${process.pid}-${++clusters}`)

const startWorker = async (
  bootstrap: string,
  plugins: string | undefined,
  jvm: ReadonlyArray<string>,
  name: string,
  onSpawned = () => {}
): Promise<ConnectServer> => {
  const [{ jars }, [port]] = await Promise.all([brokerImage(), freePorts(1)])
  const folder = newServiceFolder("connect")
  const files = join(folder, "files")
  mkdirSync(files)
  const settings = join(folder, "connect.properties")
  writeFileSync(
    settings,
    toProperties({
      "bootstrap.servers": bootstrap,
      "group.id": name,
      listeners: `http://${host}:${port}`,
      "key.converter": "org.apache.kafka.connect.json.JsonConverter",
      "value.converter": "org.apache.kafka.connect.json.JsonConverter",
      "key.converter.schemas.enable": "false",
      "value.converter.schemas.enable": "false",
      "config.storage.topic": `${name}-configs`,
      "offset.storage.topic": `${name}-offsets`,
      "status.storage.topic": `${name}-status`,
      "config.storage.replication.factor": "1",
      "offset.storage.replication.factor": "1",
      "status.storage.replication.factor": "1",
      "offset.storage.partitions": "1",
      "status.storage.partitions": "1",
      "offset.flush.interval.ms": "1000",
      "scheduled.rebalance.max.delay.ms": "1000",
      "config.providers": "file",
      "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
      "plugin.discovery": "hybrid_warn",
      ...(plugins === undefined ? {} : { "plugin.path": plugins })
    })
  )
  const url = `http://${host}:${port}`
  const healthy = () => fetch(`${url}/health`).then(({ ok }) => ok, () => false)
  let pid: number
  const start = async () => {
    pid = spawnDetached("java", [
      ...jvmArguments(jars, "384m", [...jvm, `-Dmillrace.folder=${folder}`]),
      "org.apache.kafka.connect.cli.ConnectDistributed",
      settings
    ], join(folder, "connect.log"))
    writePid(folder, pid)
    onSpawned()
    await until("the Connect worker is healthy", healthy, 180_000)
  }
  await start()
  return {
    url,
    files,
    start,
    stop: () => stopProcess(pid, folder, 60_000),
    kill: () => killProcess(pid, folder),
    join: (onSpawned) => startWorker(bootstrap, plugins, jvm, name, onSpawned)
  }
}
