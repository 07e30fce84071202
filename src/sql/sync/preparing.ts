/** From the records of a batch to operations. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Failed } from "../../BatchFailed.ts"
import { Pending } from "../../Codec.ts"
import type { RawRecord } from "../../engine/KafkaEngine.ts"
import { brief } from "../../internal/shared/causes.ts"
import { noFieldsText } from "../../internal/shared/effectOf.ts"
import type { Undecoded } from "../../internal/shared/undecoded.ts"
import type * as Record from "../../Record.ts"
import * as Suppression from "../../Suppression.ts"
import type { Op } from "../apply/fold.ts"
import { type Fields, Malformed as MalformedRecord, type Upsert, type Values } from "../change/model.ts"
import { SyncError } from "../SyncError.ts"
import { Malformed, type Reason, UnmappedTable } from "../SyncErrorReason.ts"
import { Problem } from "./problem.ts"
import { removed, truncated, written } from "./reading.ts"
import { mappingFor, type Mappings, type Parts } from "./syncTables.ts"

/** A record of any topic. */
export type AnyRecord = Record.Record<any, any, any>

/** What a program makes of the fields of a row. */
export type Transform<R> = (values: Values, record: AnyRecord) => Fields | Effect.Effect<Fields, unknown, R>

const notFields = [Symbol.hasInstance, Symbol.iterator, Symbol.toPrimitive, Symbol.toStringTag]

/** A Promise or a Map, say, has no fields, and would be a row of nothing but its key. */
const isFields = (returned: unknown): returned is Values =>
  typeof returned === "object" && returned !== null && !notFields.some((symbol) => symbol in returned)

/** What records are whose turn is not yet: what is read behind one that is refused is not read again. */
export type Known = ReadonlyMap<unknown, Op | undefined>

export interface Prepared {
  /** Up to the first record that is none. */
  readonly ops: ReadonlyArray<Op>
  /** The records that are none, in their order: not all of those behind the first may be found. */
  readonly refusals: ReadonlyArray<Failed>
  /** What the others behind the first of these are. */
  readonly known: Known | undefined
  /** Whether one would be none for another column than the table was known to have: it may have that by now. */
  readonly mayBeStale: boolean
}

const refuse = (operation: string, { offset, partition, topic }: RawRecord, reason: Reason): Failed => ({
  offset,
  cause: Cause.fail(new SyncError({ operation, reason, place: { topic, partition, offset } }))
})

/** Sends of the transform would come back as records of the topic, if it is synced both ways. */
const quietly = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, Suppression.Current, Suppression.all)

/** Whether another column of the table, or another type of it, might take the value. */
const isOfColumn = ({ _tag }: Reason): boolean => _tag === "UnknownField" || _tag === "BadValue"

/**
 * Reads records from place `from` on. `operation`: how errors name the sync. Goes on behind a record that is none, so
 * that many of them in a batch cost no transaction each, but not behind one whose codec waited or whose `row` failed:
 * what these ask may be down, and would be asked for each record.
 */
export const prepare = Effect.fnUntraced(function*<R>(
  operation: string,
  parts: Parts & { readonly row?: Transform<R> | undefined; readonly suppress: boolean },
  mappings: Mappings,
  records: ReadonlyArray<Pick<Undecoded<AnyRecord>, "raw" | "decoded">>,
  from: number,
  before?: Known
): Effect.fn.Return<Prepared, never, R> {
  const { format, row, suppress } = parts
  const ops: Array<Op> = []
  const keyFields = mappings.main.keyFields
  const refusals: Array<Failed> = []
  let known: Map<unknown, Op | undefined> | undefined
  let mayBeStale = false
  const end = (failed?: Failed): Prepared => {
    if (failed !== undefined) refusals.push(failed)
    return { ops, refusals, known, mayBeStale }
  }
  const add = (record: unknown, op: Op | undefined): void => {
    if (refusals.length > 0) (known ??= new Map()).set(record, op)
    else if (op !== undefined) ops.push(op)
  }

  /** What the transform makes of a row, or how it failed. */
  const transformed = (row: Transform<R>, change: Upsert, record: AnyRecord) => {
    const made = row(change.row, record)
    return Effect.isEffect(made) && suppress ? quietly(made) : made
  }

  for (let i = from; i < records.length; i++) {
    const undecoded = records[i]!
    const { raw } = undecoded
    if (before?.has(undecoded) === true) {
      add(undecoded, before.get(undecoded))
      continue
    }
    let record: AnyRecord
    try {
      const decoded = undecoded.decoded()
      if (decoded instanceof Pending) {
        const exit = yield* Effect.exit(decoded.effect)
        // Also one that interrupts itself: who interrupts this fiber gets no exit.
        if (exit._tag === "Failure") return end({ offset: raw.offset, cause: exit.cause })
        record = exit.value
      } else record = decoded
    } catch (poison) {
      refusals.push({ offset: raw.offset, cause: Cause.fail(poison) })
      continue
    }
    try {
      const change = format.read(record, keyFields)
      if (change instanceof MalformedRecord) {
        refusals.push(refuse(operation, raw, new Malformed({ problem: change.message })))
        continue
      }
      if (change._tag === "Ignore") {
        add(undecoded, undefined)
        continue
      }
      const mapping = mappingFor(mappings, change.table)
      if (mapping instanceof UnmappedTable) {
        refusals.push(refuse(operation, raw, mapping))
        continue
      }
      let op: Op | Problem | undefined
      switch (change._tag) {
        case "Upsert": {
          let values: Fields = change.row
          try {
            const made = row === undefined ? values : transformed(row, change, record)
            if (made !== values && Effect.isEffect(made)) {
              const exit = yield* Effect.exit(made)
              if (exit._tag === "Failure") return end({ offset: record.offset, cause: exit.cause })
              values = exit.value
            } else values = made
          } catch (defect) {
            return end({ offset: record.offset, cause: Cause.die(defect) })
          }
          if (!isFields(values)) {
            return end(refuse(operation, raw, new Malformed({ problem: noFieldsText(values, "`row`") })))
          }
          op = written(mapping, change, values, record)
          break
        }
        case "Delete":
          op = removed(mapping, change, record)
          break
        case "Truncate":
          op = truncated(mapping, record)
      }
      if (op instanceof Problem) {
        mayBeStale ||= isOfColumn(op.reason)
        refusals.push(refuse(operation, raw, op.reason))
      } else add(undecoded, op)
    } catch (defect) {
      // Getters and formats of the program may throw. That is one record's fault, and not that of its batch.
      const problem = `it cannot be read: ${brief(Cause.fail(defect))}`
      refusals.push(refuse(operation, raw, new Malformed({ problem })))
    }
  }
  return end()
})
