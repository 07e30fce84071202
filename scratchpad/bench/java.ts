/** Kafka's own performance tools, for orientation: Java, no handler, no event loop. */
import { kafkaTool, tools } from "../../test/services/tools.ts"
import type { Spec } from "./cell.ts"

const printed = async (tool: "consumerPerformance" | "producerPerformance", args: ReadonlyArray<string>) => {
  const { code, stderr, stdout } = await kafkaTool(tools[tool], args, { heap: "512m" })
  if (code !== 0) throw new Error(`${tools[tool]}: ${(stderr + stdout).split("\n")[0]}`)
  return stdout.trim().split("\n")
}

/** Records per second, as the tool says. */
export const javaRate = async ({ bootstrap, records, topic, workload }: Spec): Promise<number> => {
  if (workload.startsWith("C")) {
    const args = ["--bootstrap-server", bootstrap, "--topic", topic, "--num-records", String(records)]
    const lines = await printed("consumerPerformance", [...args, "--timeout", "20000"])
    const head = lines.findIndex((line) => line.startsWith("start.time"))
    const names = lines[head]!.split(",").map((name) => name.trim())
    const values = lines[head + 1]!.split(",").map((value) => value.trim())
    const rate = Number(values[names.findIndex((name) => /^fetch\.n(Msg|Records)\.sec$/i.test(name))])
    if (Number.isNaN(rate)) throw new Error(`cannot read ${lines.join(" ")}`)
    return rate
  }
  const properties = ["bootstrap.servers=" + bootstrap, "acks=all", "linger.ms=0", "compression.type=lz4"]
  const args = ["--topic", topic, "--num-records", String(records), "--record-size", "256", "--throughput", "-1"]
  const lines = await printed("producerPerformance", [...args, "--producer-props", ...properties])
  const rate = Number(/([\d.]+) records\/sec/.exec(lines.at(-1)!)?.[1])
  if (Number.isNaN(rate)) throw new Error(`cannot read ${lines.join(" ")}`)
  return rate
}
