import { writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { composeDown, composeKafka, hasEngine } from "./compose.ts"
import { brokerAnswers } from "./health.ts"
import { hasJava } from "./java.ts"
import { startBroker } from "./kafka.ts"
import { startPostgres } from "./postgres.ts"
import { newServiceFolder } from "./runFolder.ts"

/** What a test run may need. */
export type ServiceName = "kafka" | "postgres"

/** How the shared broker came to be: named by its user, of docker-compose.yml, or a process of the kit. */
export type KafkaState =
  | { readonly source: "named" | "compose"; readonly bootstrap: string }
  | { readonly source: "kit"; readonly bootstrap: string; readonly folder: string }

/** What the tests are told, as JSON, in the file that MILLRACE_TEST_SERVICES names. */
export interface ServicesState {
  readonly kafka?: KafkaState
}

export interface Started {
  readonly state: ServicesState
  readonly missing: ReadonlyArray<{ readonly service: ServiceName; readonly reason: string }>
  /** The environment of the tests. */
  readonly env: Readonly<Record<string, string>>
  /** Stops what does not end with the run. */
  readonly stop: () => Promise<void>
}

/**
 * Named by a variable, else of the kit where Java is at hand, else of a container engine that answers, else of the kit
 * with Java installed first. The kit goes before the engine because its brokers can be killed, paused and cut off.
 */
const startKafka = async (run: string): Promise<KafkaState> => {
  const named = process.env["MILLRACE_KAFKA_BOOTSTRAP"]
  if (named !== undefined && named !== "") {
    const first = named.split(",", 1)[0] ?? named
    if (await brokerAnswers(first)) return { source: "named", bootstrap: named }
    throw new Error(`no Kafka broker answers at ${first}, which MILLRACE_KAFKA_BOOTSTRAP names: start it or unset it`)
  }
  if (!await hasJava() && await hasEngine()) {
    return { source: "compose", bootstrap: await composeKafka(basename(run).toLowerCase()) }
  }
  const broker = await startBroker({ folder: newServiceFolder("kafka", run) })
  return { source: "kit", bootstrap: broker.bootstrap, folder: broker.folder }
}

/** Starts services for a test run; one that cannot be started is reported, not thrown. */
export const startServices = async (wanted: ReadonlySet<ServiceName>, run: string): Promise<Started> => {
  const missing: Array<{ service: ServiceName; reason: string }> = []
  const attempt = async <A>(service: ServiceName, start: () => Promise<A>): Promise<A | undefined> => {
    if (!wanted.has(service)) return undefined
    try {
      return await start()
    } catch (error) {
      missing.push({ service, reason: error instanceof Error ? error.message : String(error) })
      return undefined
    }
  }
  const [kafka, postgres] = await Promise.all([
    attempt("kafka", () => startKafka(run)),
    attempt("postgres", () => startPostgres("", run))
  ])
  const state: ServicesState = kafka === undefined ? {} : { kafka }
  if (postgres !== undefined) console.error(`PostgreSQL: ${postgres.from}`)
  const file = join(run, "services.json")
  writeFileSync(file, JSON.stringify(state))
  return {
    state,
    missing,
    env: {
      MILLRACE_TEST_FOLDER: run,
      MILLRACE_TEST_SERVICES: file,
      ...(kafka && { MILLRACE_TEST_KAFKA: kafka.bootstrap }),
      ...(postgres && { MILLRACE_TEST_POSTGRES: `${postgres.host}:${postgres.port}` })
    },
    stop: async () => {
      if (kafka?.source === "compose") await composeDown(basename(run).toLowerCase())
    }
  }
}
