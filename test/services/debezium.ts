import { cached } from "../../scripts/user-cache.mjs"
import { runCommand } from "./command.ts"
import { ensureJava } from "./java.ts"
import { versions } from "./versions.ts"

const plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"

/** A folder with a connector and what it needs, fetched once per user. */
const fetched = (name: string, connector: string, version: string): Promise<string> =>
  cached(`${name}-${version}`, async (staging) => {
    await ensureJava()
    const artifact = `io.debezium:debezium-connector-${connector}:${version}:tar.gz:plugin`
    const copy = ["-B", "-q", `${plugin}:copy`, `-Dartifact=${artifact}`, `-DoutputDirectory=${staging}`]
    const copied = await runCommand("mvn", copy)
    if (copied.code !== 0) throw new Error(`Maven could not fetch ${artifact}:\n${copied.stdout.slice(-2_000)}`)
    const unpacked = await runCommand("sh", ["-c", `cd '${staging}' && tar xzf *.tar.gz && rm *.tar.gz`])
    if (unpacked.code !== 0) throw new Error(`cannot unpack Debezium:\n${unpacked.stderr}`)
  })

/** For a worker's `plugin.path`: Debezium's connector for PostgreSQL. */
export const debeziumPlugins = (): Promise<string> => fetched("debezium", "postgres", versions.debeziumPlugin)

/** For a worker's `plugin.path`: Debezium's sink into databases. */
export const debeziumJdbcPlugins = (): Promise<string> => fetched("debezium-jdbc", "jdbc", versions.debeziumJdbcPlugin)
