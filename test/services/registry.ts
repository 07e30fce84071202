import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { cached } from "../../scripts/user-cache.mjs"
import { runCommand } from "./command.ts"
import { ensureJava } from "./java.ts"
import { freePorts, host } from "./ports.ts"
import { spawnDetached, until } from "./processes.ts"
import { sharedServiceFolder, writePid } from "./runFolder.ts"
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

const start = async (folder: string): Promise<string> => {
  const [app, [port]] = await Promise.all([registryApp(), freePorts(1)])
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
  return url
}

/**
 * The URL of a real Schema Registry, with Confluent's REST interface, that all files of a run share: use subjects of
 * your own there, and leave its global settings alone. The first file that asks starts it; it keeps everything in
 * memory and ends with the run.
 */
export const sharedRegistry = async (): Promise<string> => {
  const { folder, isNew } = sharedServiceFolder("registry")
  const file = join(folder, "url")
  if (isNew) {
    const url = await start(folder)
    // A reader finds the whole of it, or nothing.
    writeFileSync(`${file}.new`, url)
    renameSync(`${file}.new`, file)
    return url
  }
  await until("another test file starts the registry", () => existsSync(file), 120_000)
  return readFileSync(file, "utf8")
}
