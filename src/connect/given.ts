/** What names, settings and offsets of connectors look like, for callers without types. Pure. */
import * as Predicate from "effect/Predicate"
import type { ConnectorOffset } from "./ConnectModel.ts"

/** The setting in which hashes of the secrets are kept that were applied last. */
export const markerKey = "millrace.applied"

/** Connect trims names, and takes what comes before a slash. A path cannot have a part of dots alone. */
export const isName = (name: unknown): boolean =>
  typeof name === "string" && name !== "" && name.trim() === name && !/[\p{Cc}\p{Cs}/]/u.test(name)
  && name !== "." && name !== ".."

const isPlace = (value: unknown): boolean => Predicate.isObject(value) && !Array.isArray(value)

export const isOffset = (value: unknown): value is ConnectorOffset =>
  Predicate.hasProperty(value, "partition") && isPlace(value.partition)
  && Predicate.hasProperty(value, "offset") && (value.offset === null || isPlace(value.offset))
