/** The headers of retries and dead letters that are numbers in bytes, as people read them. Pure. */
import type { RawHeader } from "../engine/KafkaEngine.ts"
import * as Bytes from "../internal/retry/bytes.ts"
import { own, spring, table } from "../internal/retry/headerNames.ts"
import { headerJson } from "./recordLines.ts"
import { momentOf } from "./values.ts"

type Read = (value: Uint8Array | null) => unknown

const moment = (read: (value: Uint8Array | null) => number | undefined): Read => (value) => {
  const millis = read(value)
  return millis === undefined ? undefined : momentOf(millis) ?? millis
}

const readers = new Map<string, Read>([
  [spring.attempts, Bytes.readInt32],
  [spring.due, moment(Bytes.readBigInteger)],
  [spring.firstTimestamp, moment(Bytes.readBigInteger)],
  [own.firstFailedAt, moment(Bytes.readDecimal)],
  [own.replayedAt, moment(Bytes.readDecimal)],
  ...table.filter(({ binary }) => binary).flatMap(({ offset, partition, timestamp }): Array<[string, Read]> => [
    [partition!, Bytes.readInt32],
    [offset!, Bytes.readInt64],
    [timestamp!, moment(Bytes.readInt64)]
  ])
])

/** A header as JSON: the number or the time that it is, else its text or its bytes. */
export const decodedHeader = (header: RawHeader): readonly [string, unknown] => {
  const [name, value] = header
  const known = readers.get(name)?.(value)
  return known === undefined ? headerJson(header) : [name, known]
}
