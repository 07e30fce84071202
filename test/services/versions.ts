/** The versions of the services that tests run against; `compose.test.ts` holds docker-compose.yml to them. */
export const versions = {
  kafka: "4.3.1",
  postgres: "18",
  debezium: "3.6",
  /** From npm; PostgreSQL 18. */
  embeddedPostgres: "18.4.0-beta.17",
  debeziumPlugin: "3.6.1.Final",
  /** The newest that Maven Central has whole. */
  debeziumJdbcPlugin: "3.6.0.Final",
  apicurio: "3.3.3",
  /** The newest that runs on Java 17, which tests have. */
  apicurioOnJava17: "2.6.13.Final",
  confluentPython: "2.16.1"
} as const
