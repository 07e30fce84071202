/**
 * npm run services -- up | down | status
 *
 * Real services for development, on well-known ports of the loopback interface. They live in `.lab` and stay up after
 * this command ends; `down` stops them and deletes their data. The credentials are in test/services/brokerConfig.ts.
 * `up` also makes the native client ready, which `npm run millrace` needs to reach them.
 */
import { existsSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { BrokerPorts } from "../test/services/brokerConfig.ts"
import { brokerAnswers } from "../test/services/health.ts"
import { attachBroker, type Broker, startBroker } from "../test/services/kafka.ts"
import { isFree } from "../test/services/ports.ts"
import { ensureAddon } from "./addon.mjs"

const lab = join(dirname(dirname(fileURLToPath(import.meta.url))), ".lab")
const folder = join(lab, "kafka")

const ports: BrokerPorts = {
  plaintext: 9092,
  controller: 9093,
  proxied: 9094,
  proxy: 19_094,
  saslPlaintext: 9095,
  ssl: 9096,
  saslSsl: 9097
}

const checkPorts = async () => {
  for (const [name, port] of Object.entries(ports)) {
    if (name !== "proxy" && !await isFree(port)) {
      throw new Error(`port ${port} (Kafka's ${name} listener) is taken: stop what listens there and try again`)
    }
  }
}

const installed = (): Broker | undefined => existsSync(join(folder, "ports.json")) ? attachBroker(folder) : undefined

const up = async () => {
  const broker = installed()
  if (broker?.isRunning()) return
  await checkPorts()
  if (broker === undefined) {
    // What a start that failed half-way left.
    rmSync(folder, { recursive: true, force: true })
    await startBroker({ folder, ports })
  } else {
    await broker.start()
  }
}

const down = async () => {
  await installed()?.stop()
  rmSync(lab, { recursive: true, force: true })
}

const status = async (): Promise<boolean> => {
  const broker = installed()
  const healthy = broker !== undefined && await brokerAnswers(broker.bootstrap)
  const health = healthy ? "healthy" : broker?.isRunning() ? "does not answer" : "down"
  const rows = [
    ["name", "address", "pid", "health"],
    ["kafka", `127.0.0.1:${ports.plaintext}`, String(broker?.pid() ?? "-"), health],
    ["  SASL_PLAINTEXT", `127.0.0.1:${ports.saslPlaintext}`, "", ""],
    ["  SSL", `127.0.0.1:${ports.ssl}`, "", ""],
    ["  SASL_SSL", `127.0.0.1:${ports.saslSsl}`, "", ""]
  ]
  const widths = [18, 18, 8, 0]
  for (const row of rows) console.log(row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("").trimEnd())
  return healthy
}

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error)

const commands: Readonly<Record<string, () => Promise<boolean>>> = {
  up: async () => {
    // One is of use without the other.
    const made = await Promise.allSettled([up(), ensureAddon()])
    for (const one of made) if (one.status === "rejected") console.error(messageOf(one.reason))
    return await status() && made.every((one) => one.status === "fulfilled")
  },
  down: async () => {
    await down()
    console.log("stopped, data deleted")
    return true
  },
  status
}

const command = commands[process.argv[2] ?? ""]
if (command === undefined) {
  console.error("usage: npm run services -- up | down | status")
  process.exit(2)
}
try {
  process.exitCode = await command() ? 0 : 1
} catch (error) {
  console.error(messageOf(error))
  process.exitCode = 1
}
