import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import { composeFile } from "./compose.ts"
import { versions } from "./versions.ts"

interface Service {
  readonly image: string
  readonly ports: ReadonlyArray<string>
  readonly healthcheck?: { readonly test: ReadonlyArray<string> }
  readonly command?: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string | number>>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

const { services } = parse(readFileSync(composeFile, "utf8")) as {
  readonly services: Readonly<Record<string, Service>>
}

describe("docker-compose.yml", () => {
  it("has the versions that the tests run against", () => {
    assert.deepStrictEqual(Object.fromEntries(Object.entries(services).map(([name, { image }]) => [name, image])), {
      kafka: `apache/kafka:${versions.kafka}`,
      postgres: `postgres:${versions.postgres}`,
      connect: `quay.io/debezium/connect:${versions.debezium}`,
      registry: `apicurio/apicurio-registry:${versions.apicurio}`
    })
    const pom = readFileSync(new URL("kafka/pom.xml", import.meta.url), "utf8")
    assert.include(pom, `<kafka.version>${versions.kafka}</kafka.version>`)
  })

  it("offers every service on the loopback interface only, and knows when it is healthy", () => {
    for (const [name, service] of Object.entries(services)) {
      for (const port of service.ports) assert.match(port, /^127\.0\.0\.1:\$\{MILLRACE_[A-Z]+_PORT:-\d+\}:\d+$/, name)
      assert.strictEqual(service.healthcheck?.test[0], "CMD-SHELL", name)
    }
  })

  it("lets Connect reach a broker that is up, and read the database's changes", () => {
    assert.deepStrictEqual(Object.values(services["connect"]?.depends_on ?? {}).map(({ condition }) => condition), [
      "service_healthy",
      "service_healthy"
    ])
    const internal = String(services["connect"]?.environment?.["BOOTSTRAP_SERVERS"])
    const advertised = String(services["kafka"]?.environment?.["KAFKA_ADVERTISED_LISTENERS"]).split(",")
    assert.include(advertised, `INTERNAL://${internal}`)
    assert.include(services["postgres"]?.command ?? [], "wal_level=logical")
  })

  it("advertises the broker under the port that it is published on", () => {
    const kafka = services["kafka"]
    const published = kafka?.ports[0]?.replace(/:9092$/, "")
    assert.include(String(kafka?.environment?.["KAFKA_ADVERTISED_LISTENERS"]), `HOST://${published}`)
  })
})
