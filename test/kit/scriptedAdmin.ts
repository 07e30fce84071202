/** What a scripted engine's admin client says: just what a consumer asks it. */
import * as Effect from "effect/Effect"
import type { AdminClient } from "../../src/engine/KafkaEngine.ts"
import { broken, type Script } from "./scriptedEngine.ts"

export const scriptedAdmin = (script: Script): AdminClient => {
  const asked = <A>(call: string, found: () => A) =>
    Effect.suspend(() => script.unreachable ? Effect.fail(broken(call)) : Effect.succeed(found()))
  const listOffsets: AdminClient["listOffsets"] = (partitions, at) =>
    asked("list offsets", () =>
      partitions.map((partition) => ({
        ...partition,
        offset: at === "earliest" ? script.log(partition)[0]?.offset ?? 0 : script.endOffset(partition)
      })))
  const describeTopics: AdminClient["describeTopics"] = (names) =>
    asked("describe topics", () =>
      names.map((name) => ({
        name,
        internal: false,
        partitions: script.partitions.filter(({ topic }) => topic === name).map(({ partition }) => ({
          partition,
          leader: 1,
          replicas: [1],
          inSync: [1]
        }))
      })))
  const describeGroups: AdminClient["describeGroups"] = ([groupId = ""]) =>
    asked("describe groups", () => [{
      groupId,
      state: script.rebalances ? "PreparingRebalance" : "Stable",
      protocol: "classic",
      members: [script.assigned, ...script.others].map((assignment, i) => ({
        memberId: `m${i}`,
        groupInstanceId: undefined,
        clientId: "",
        host: "",
        assignment
      }))
    }])
  return { listOffsets, describeTopics, describeGroups } as AdminClient
}
