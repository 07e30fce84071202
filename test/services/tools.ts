import { brokerImage } from "./brokerImage.ts"
import { type CommandOptions, type Finished, runCommand } from "./command.ts"
import { jvmArguments } from "./jvm.ts"

/**
 * The foreign client: Kafka's own Java tools. What they wrote we must be able to read, and the other way round.
 * Each call is a JVM and takes about half a second.
 */
export const kafkaTool = async (
  main: string,
  args: ReadonlyArray<string>,
  options: CommandOptions & { readonly heap?: string } = {}
): Promise<Finished> => {
  const { classes, jars } = await brokerImage()
  // A hung tool must not outlive its test's patience by much.
  const limits = { timeoutMs: 60_000, ...options }
  return runCommand("java", [...jvmArguments(jars, options.heap ?? "256m", classes), main, ...args], limits)
}

export const tools = {
  consoleProducer: "org.apache.kafka.tools.ConsoleProducer",
  consoleConsumer: "org.apache.kafka.tools.consumer.ConsoleConsumer",
  topics: "org.apache.kafka.tools.TopicCommand",
  configs: "kafka.admin.ConfigCommand",
  acls: "org.apache.kafka.tools.AclCommand",
  consumerGroups: "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
  groups: "org.apache.kafka.tools.GroupsCommand",
  offsets: "org.apache.kafka.tools.GetOffsetShell",
  transactions: "org.apache.kafka.tools.TransactionsCommand",
  deleteRecords: "org.apache.kafka.tools.DeleteRecordsCommand",
  producerPerformance: "org.apache.kafka.tools.ProducerPerformance",
  consumerPerformance: "org.apache.kafka.tools.ConsumerPerformance"
} as const

/** Runs one of Kafka's tools against a broker; fails with what it printed when it fails. */
export const runTool = async (
  tool: keyof typeof tools,
  bootstrap: string,
  args: ReadonlyArray<string>,
  options: CommandOptions & { readonly heap?: string } = {}
): Promise<string> => {
  const finished = await kafkaTool(tools[tool], ["--bootstrap-server", bootstrap, ...args], options)
  if (finished.code !== 0) {
    const printed = finished.stdout + finished.stderr
    throw new Error(`${tools[tool]} ${args.join(" ")} ended with ${finished.code}:\n${printed}`)
  }
  return finished.stdout
}
