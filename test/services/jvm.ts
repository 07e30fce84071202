import { fileURLToPath } from "node:url"

const logging = fileURLToPath(new URL("kafka/log4j2.properties", import.meta.url))

/** The arguments of `java` before a main class of Kafka's; tuned to start fast rather than to run fast. */
export const jvmArguments = (jars: string, heap: string, more: ReadonlyArray<string> = []): Array<string> => [
  "-XX:+IgnoreUnrecognizedVMOptions",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  `-Xmx${heap}`,
  ...more,
  `-Dlog4j2.configurationFile=${logging}`,
  "-cp",
  `${jars}/*`
]
