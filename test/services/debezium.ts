import { cached } from "../../scripts/user-cache.mjs"
import { runCommand } from "./command.ts"
import { ensureJava } from "./java.ts"
import { versions } from "./versions.ts"

const plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
const artifact = `io.debezium:debezium-connector-postgres:${versions.debeziumPlugin}:tar.gz:plugin`

/** A folder for a worker's `plugin.path` with Debezium's connector for PostgreSQL, fetched once per user. */
export const debeziumPlugins = (): Promise<string> =>
  cached(`debezium-${versions.debeziumPlugin}`, async (staging) => {
    await ensureJava()
    const copy = ["-B", "-q", `${plugin}:copy`, `-Dartifact=${artifact}`, `-DoutputDirectory=${staging}`]
    const fetched = await runCommand("mvn", copy)
    if (fetched.code !== 0) throw new Error(`Maven could not fetch ${artifact}:\n${fetched.stdout.slice(-2_000)}`)
    const unpacked = await runCommand("sh", ["-c", `cd '${staging}' && tar xzf *.tar.gz && rm *.tar.gz`])
    if (unpacked.code !== 0) throw new Error(`cannot unpack Debezium:\n${unpacked.stderr}`)
  })
