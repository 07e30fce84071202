/** Whether a file of messages can read what was written with another one, as registries ask it. Pure. */
import { problemsOf } from "./layout.ts"
import type { Declared, MessageType, ProtoFile } from "./protoType.ts"

interface Difference {
  readonly path: string
  readonly type: string
  readonly message: string
}

const messagesOf = (level: ReadonlyArray<Declared>): ReadonlyArray<MessageType> =>
  level.flatMap(({ message, nested }) => [message, ...messagesOf(nested)])

/**
 * Why the reader's file cannot read records of the writer's. Messages match by their names: one that is gone, or in
 * another package, is a difference. Fields match by their numbers.
 */
export const differences = (reader: ProtoFile, writer: ProtoFile): ReadonlyArray<Difference> => {
  const own = messagesOf(reader.messages)
  return messagesOf(writer.messages).flatMap((message): ReadonlyArray<Difference> => {
    const same = own.find(({ name }) => name === message.name)
    if (same === undefined) {
      return [{ path: message.name, type: "MESSAGE_REMOVED", message: "the reader has no message of this name" }]
    }
    return problemsOf(same, message).map((problem) => ({ ...problem, type: "FIELD_CHANGED" }))
  })
}
