import { readFileSync } from "node:fs"
import { attachBroker, type Broker } from "./kafka.ts"
import type { ServicesState } from "./services.ts"

const state = (): ServicesState => {
  const file = process.env["MILLRACE_TEST_SERVICES"]
  return file === undefined ? {} : JSON.parse(readFileSync(file, "utf8")) as ServicesState
}

/** The bootstrap servers of the broker that all tests of a run share. Use topic and group names of your own there. */
export const sharedKafka = (): string => {
  const bootstrap = process.env["MILLRACE_TEST_KAFKA"] ?? process.env["MILLRACE_KAFKA_BOOTSTRAP"]
  if (bootstrap !== undefined) return bootstrap
  throw new Error("this test needs a Kafka broker: run it by `npm test -- <file>`, or set MILLRACE_KAFKA_BOOTSTRAP")
}

/**
 * The shared broker with its other listeners (TLS, SASL). It can be stopped, killed and paused too, but other test
 * files use it at the same time: a test of faults takes a broker of its own from `startBroker`, in a second.
 */
export const kafka = (): Broker => {
  const { kafka } = state()
  if (kafka?.source === "kit") return attachBroker(kafka.folder)
  throw new Error(
    kafka === undefined
      ? "this test needs the kit's Kafka broker: run it by `npm test -- <file>`"
      : `this test needs the kit's Kafka broker, and the run uses ${kafka.bootstrap} (${kafka.source}): unset`
        + " MILLRACE_KAFKA_BOOTSTRAP, or install java and mvn"
  )
}

/** The PostgreSQL that all tests of a run share; its user `postgres` needs no password. Make databases of your own. */
export const sharedPostgres = (): { readonly host: string; readonly port: number } => {
  const [host, port] = process.env["MILLRACE_TEST_POSTGRES"]?.split(":") ?? []
  if (host !== undefined && port !== undefined) return { host, port: Number(port) }
  throw new Error("this test needs PostgreSQL: run it by `npm test -- <file>`")
}
