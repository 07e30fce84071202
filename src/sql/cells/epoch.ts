/** Integers that count from the epoch, with what a schema of Connect says of their unit. Pure. */
import { microseconds, milliseconds, nanoseconds, type Unit } from "./calendar.ts"

/** A time or timestamp whose unit a schema has said, so that no mode is needed. */
export class Epoch {
  readonly unit: Unit
  readonly value: number | bigint
  constructor(unit: Unit, value: number | bigint) {
    this.unit = unit
    this.value = value
  }
}

const units: { readonly [name: string]: Unit } = {
  "io.debezium.time.Time": milliseconds,
  "io.debezium.time.MicroTime": microseconds,
  "io.debezium.time.NanoTime": nanoseconds,
  "io.debezium.time.Timestamp": milliseconds,
  "io.debezium.time.MicroTimestamp": microseconds,
  "io.debezium.time.NanoTimestamp": nanoseconds,
  "org.apache.kafka.connect.data.Time": milliseconds,
  "org.apache.kafka.connect.data.Timestamp": milliseconds
}

/** The unit of a schema of this name, or `undefined` for one that is no count from the epoch. */
export const unitOf = (schema: string): Unit | undefined => Object.hasOwn(units, schema) ? units[schema] : undefined
