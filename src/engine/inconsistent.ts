/** What keeps a member out of a group whose others share partitions in another way; the same on every engine. */
import * as Errors from "../KafkaError.ts"

/** The reason, with the remedy. `theirs` and `own` name the assignors where they are known. */
export const inconsistent = (groupId: string, theirs?: string, own?: string): Errors.BrokerError => {
  const others = theirs === undefined ? "use another assignor or protocol" : `use the assignor "${theirs}"`
  const mine = own === undefined ? "" : `, this one "${own}"`
  const problem = `the other members of group "${groupId}" ${others}${mine}: set \`assignor\` (or \`groupProtocol\`) `
    + `to theirs, or stop them before this one starts`
  return new Errors.BrokerError({ code: 23, name: "INCONSISTENT_GROUP_PROTOCOL", problem, retryable: false })
}
