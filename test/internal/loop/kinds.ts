/** What the model runs: handlers of each kind, and readers of streams. */
import * as Effect from "effect/Effect"
import { Codec, Topic } from "millrace"
import { Pending } from "../../../src/Codec.ts"

export type HandlerKind = "partition" | "keys" | "unordered" | "batch" | "owned"
export type StreamKind = "records" | "partitioned" | "runPartitions"
export type Kind = HandlerKind | StreamKind

export const isStream = (kind: Kind): kind is StreamKind =>
  kind === "records" || kind === "partitioned" || kind === "runPartitions"

const values = Codec.string
/** Text, for which the reader sometimes has to wait. */
export const value: typeof values = {
  ...values,
  decoder: (site) =>
    Effect.map(values.decoder(site), (decode) => (bytes, headers) => {
      const decoded = decode(bytes, headers)
      return decoded === "pending" ? new Pending(Effect.as(Effect.sleep(3), "pending")) : decoded
    })
}

/** What handlers handle. */
export const Records = Topic.make("t", { key: Codec.none, value })
