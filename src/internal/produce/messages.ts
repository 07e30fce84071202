/** What is given to a send, as a message. */
import type { AnyMessage, Topic } from "../codec/encoding.ts"

const isMessage = (input: unknown): boolean => typeof input === "object" && input !== null && "value" in input

/**
 * A topic that knows the keys of its values takes values, too. What has a `value` is a message: values that have one
 * are not taken as they are, which the types say.
 */
export const messageOf = ({ keyOf }: Topic, input: unknown): AnyMessage =>
  keyOf === undefined || isMessage(input)
    // What it is not is said when it is encoded.
    ? input as AnyMessage
    : { value: input }
