/** What a cell of the benchmark is: one workload, run by one subject, in a process of its own. */

/** The formats of a Schema Registry. */
export type Format = "avro" | "jsonschema" | "protobuf"

export const isFormat = (text: string): text is Format =>
  text === "avro" || text === "jsonschema" || text === "protobuf"

/** How the records are handled. */
export type Handling =
  | "record" // a handler per record that does nothing
  | "batch" // a handler per batch that does nothing
  | "json" // decode the value, then as `record`
  | Format // decode the value by a registry's schema, then as `record`
  | "serial" // wait 5 ms per record
  | "keys" // the same, 64 keys at once
  | "pause" // wait 1 ms per record, partitions beside each other
  | "failing" // fail each record, which goes to a retry topic; handled is what the broker acknowledged there
  | "some" // fail each hundredth record, then as `record`

export interface ConsumeTask {
  readonly bootstrap: string
  readonly topic: string
  readonly partitions: number
  readonly group: string
  readonly handling: Handling
  /** To be called by the handler: it counts, and nothing else. */
  readonly handled: (records: number) => void
  /** Bytes of messages that the client received so far, as its statistics tell. */
  readonly received?: ((bytes: number) => void) | undefined
  /** For engines without a broker: what is in the topic. */
  readonly content: { readonly records: number; readonly value: Uint8Array; readonly keys: number }
}

/** How records are produced: awaiting each, in batches, by many at once, or all before awaiting any. */
export type Sending = "one" | "batch" | "inflight" | "all"

export interface ProduceTask {
  readonly bootstrap: string
  readonly topic: string
  readonly partitions: number
  readonly sending: Sending
  readonly records: number
  readonly value: Buffer
  /** No record is begun after this many milliseconds. */
  readonly capMs: number
  /** The client is connected and has sent its first record: the measuring begins. */
  readonly begin: () => void
}

/** Sends a value, or ends. */
export interface Echo {
  readonly send: (value: Buffer) => void
  readonly close: () => Promise<void>
}

/** Sends records that fail once and are handled from a retry topic, or ends. */
export interface Waiting {
  readonly send: (count: number) => void
  readonly close: () => Promise<void>
}

/** Where a database is. */
export interface Postgres {
  readonly host: string
  readonly port: number
}

export interface SinkTask {
  readonly bootstrap: string
  readonly topic: string
  readonly group: string
  readonly records: number
  readonly postgres: Postgres
  /** A table that is not there yet. */
  readonly table: string
  /** Records are in the table, with their offsets. */
  readonly stored: (records: number) => void
}

/** What a sink outside of this process needs to know. */
export interface OutsideTask extends Omit<SinkTask, "stored"> {
  readonly partitions: number
  readonly capMs: number
  /** Where a Connect worker is. */
  readonly connect: string | undefined
}

export interface RelayTask {
  readonly bootstrap: string
  readonly topic: string
  readonly records: number
  readonly value: Buffer
  readonly postgres: Postgres
  /** All is ready: the measuring begins. */
  readonly begin: () => void
}

export interface Subject {
  /** Stores the events of a topic in a table until closed. */
  readonly sink?: (task: SinkTask) => Promise<() => Promise<void>>

  /** Consumes until closed. */
  readonly consume?: (task: ConsumeTask) => Promise<() => Promise<void>>
  /** Sends, and returns how many records were acknowledged. */
  readonly produce?: (task: ProduceTask) => Promise<number>
  /** Sends to a topic that it consumes as well, and tells what arrives. */
  readonly echo?: (
    task: { readonly bootstrap: string; readonly topic: string; readonly group: string },
    arrived: (value: Uint8Array) => void
  ) => Promise<Echo>
  /** Handles failed records again after a delay, and tells how many milliseconds after they were due. */
  readonly retry?: (
    task: { readonly bootstrap: string; readonly topic: string; readonly group: string; readonly value: Buffer },
    delayMs: number,
    late: (millis: number) => void
  ) => Promise<Waiting>
}

export const batchSize = 100
export const inFlight = 1_000
export const keyCount = 64

export const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))
