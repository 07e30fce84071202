/** Which topics a transaction may not be written to: librdkafka names them in its log alone. */
import { codeOf } from "../shared/errors.ts"
import type { NativeError, NativeProducer } from "../shared/native.ts"

const refusalLine = /Failed to add partition "(.+)" \[\d+\] to transaction: (.*)$/

/** TOPIC_AUTHORIZATION_FAILED and UNKNOWN_TOPIC_OR_PARTITION. */
const ofTopic = new Set([29, 3])

/** What the client says of all records that it takes back with a transaction: ERR__PURGE_*. */
const isTakenBack = ({ code }: NativeError): boolean => code === -151 || code === -152

/** The topic and the error that a line of the client's log tells of, if it does. */
export const refusalIn = (entry: {
  readonly fac: string
  readonly message: string
}): readonly [topic: string, error: NativeError] | undefined => {
  const found = entry.fac === "ADDPARTS" ? refusalLine.exec(entry.message) : null
  if (found === null) return undefined
  const [, topic, message] = found
  const code = codeOf({ message: message! })
  return ofTopic.has(code) ? [topic!, { code, message: message! }] : undefined
}

export class Refusals {
  private readonly byTopic = new Map<string, NativeError>()

  constructor(producer: NativeProducer) {
    producer.on("event.log", (entry: { readonly fac: string; readonly message: string }) => {
      const refusal = refusalIn(entry)
      if (refusal !== undefined) this.byTopic.set(...refusal)
    })
  }

  /** Why a record failed: the cause, where what the client says of it is only that it was taken back. */
  causeOf(error: NativeError, topic: string): NativeError {
    return isTakenBack(error) ? this.byTopic.get(topic) ?? error : error
  }

  /** Another transaction begins. */
  forget(): void {
    this.byTopic.clear()
  }
}

/** Tells reports in their order, but those of records that were taken back not before the log was. */
export const afterLog = <Report>(
  tell: (error: NativeError | null, report: Report) => void
): (error: NativeError | null, report: Report) => void => {
  let waiting: Array<readonly [NativeError | null, Report]> = []
  return (error, report) => {
    if (waiting.length === 0 && (error === null || !isTakenBack(error))) return tell(error, report)
    waiting.push([error, report])
    if (waiting.length > 1) return
    setImmediate(() => {
      const told = waiting
      waiting = []
      for (const [error, report] of told) tell(error, report)
    })
  }
}
