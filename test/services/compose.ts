import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { runCommand } from "./command.ts"
import { freePorts, host } from "./ports.ts"

export const composeFile = join(fileURLToPath(new URL("../../", import.meta.url)), "docker-compose.yml")

/** Whether a container engine answers. */
export const hasEngine = async () => {
  const info = await runCommand("docker", ["info"], { timeoutMs: 5000 })
  return info.code === 0
}

const compose = async (project: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}) => {
  const run = await runCommand("docker", ["compose", "-f", composeFile, "-p", project, ...args], {
    env: { ...process.env, ...env },
    timeoutMs: 300_000
  })
  if (run.code !== 0) throw new Error(`docker compose ${args.join(" ")} failed:\n${run.stderr.slice(-2000)}`)
}

/** Starts the broker of docker-compose.yml on a free port; resolves with its address when it is healthy. */
export const composeKafka = async (project: string): Promise<string> => {
  const [port] = await freePorts(1)
  await compose(project, ["up", "-d", "--wait", "kafka"], { MILLRACE_KAFKA_PORT: String(port) })
  return `${host}:${port}`
}

export const composeDown = (project: string): Promise<void> => compose(project, ["down", "-v"])
