import { join } from "node:path"
import { cached } from "../../scripts/user-cache.mjs"
import { runCommand } from "./command.ts"
import { ensureJava } from "./java.ts"
import { freePorts, host } from "./ports.ts"
import { killProcess, spawnDetached, until } from "./processes.ts"
import { newServiceFolder, writePid } from "./runFolder.ts"
import { versions } from "./versions.ts"

const plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
const artifact = `io.apicurio:apicurio-registry-app:${versions.apicurioOnJava17}:tar.gz:all`

/** The folder of Apicurio's registry, fetched once per user and version. */
const registryApp = (): Promise<string> =>
  cached(`apicurio-${versions.apicurioOnJava17}`, async (staging) => {
    await ensureJava()
    const fetched = await runCommand("mvn", [
      "-B",
      "-q",
      `${plugin}:copy`,
      `-Dartifact=${artifact}`,
      `-DoutputDirectory=${staging}`
    ])
    if (fetched.code !== 0) throw new Error(`Maven could not fetch ${artifact}:\n${fetched.stdout.slice(-2_000)}`)
    const unpacked = await runCommand("sh", ["-c", `cd '${staging}' && tar xzf *.tar.gz && rm *.tar.gz`])
    if (unpacked.code !== 0) throw new Error(`cannot unpack the registry:\n${unpacked.stderr}`)
  })

/** A real Schema Registry, empty, with Confluent's REST interface. */
export interface RegistryServer {
  readonly url: string
  readonly stop: () => Promise<void>
}

/** Starts a registry that keeps everything in memory; it ends with the run. */
export const startRegistry = async (): Promise<RegistryServer> => {
  const [app, [port]] = await Promise.all([registryApp(), freePorts(1)])
  const folder = newServiceFolder("registry")
  const pid = spawnDetached("java", [
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xmx384m",
    `-Dmillrace.folder=${folder}`,
    `-Dquarkus.http.host=${host}`,
    `-Dquarkus.http.port=${port}`,
    "-jar",
    join(app, `apicurio-registry-app-${versions.apicurioOnJava17}-runner.jar`)
  ], join(folder, "registry.log"))
  writePid(folder, pid)
  const url = `http://${host}:${port}/apis/ccompat/v7`
  const serves = () => fetch(`${url}/subjects`).then(({ ok }) => ok, () => false)
  await until("the registry serves", serves, 120_000)
  return { url, stop: () => killProcess(pid, folder) }
}
