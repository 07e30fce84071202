import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { cached } from "../../scripts/user-cache.mjs"
import { runCommand } from "./command.ts"
import { ensureJava } from "./java.ts"
import { versions } from "./versions.ts"

const plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
const pom = fileURLToPath(new URL("kafka/pom.xml", import.meta.url))

const copyDependencies = async (staging: string) => {
  const run = await runCommand("mvn", [
    "-B",
    "-q",
    "-f",
    pom,
    `${plugin}:copy-dependencies`,
    "-DincludeScope=runtime",
    `-DoutputDirectory=${join(staging, "lib")}`
  ])
  if (run.code !== 0) {
    throw new Error(`Maven could not fetch Kafka ${versions.kafka}:\n${(run.stdout + run.stderr).slice(-2000)}`)
  }
}

/** The folder of Kafka's jars (broker, tools, Connect), fetched once per user and set of versions. */
export const kafkaJars = async (): Promise<string> => {
  await ensureJava()
  const key = createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 8)
  return join(await cached(`kafka-${versions.kafka}-${key}`, copyDependencies), "lib")
}
