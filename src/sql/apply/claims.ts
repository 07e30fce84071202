/** Who owns which partition: a claim is taken at each assignment, and each transaction proves it. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { CurrentRun } from "../../internal/shared/currentRun.ts"
import * as TopicPartition from "../../TopicPartition.ts"
import type { Place } from "../tables/ownTables.ts"
import type { Applied } from "./carefully.ts"
import type { Op } from "./fold.ts"
import { literalOf } from "./literals.ts"
import * as Offsets from "./offsetsSql.ts"
import { textsOf } from "./running.ts"

/** A partition that this run claimed. */
export interface Claim {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** What the row of the offset says: a new text with each transaction, so that it tells which ones were committed. */
  owner: string
  /** The number of the last transaction. */
  sequence: number
  readonly token: string
  /** How many operations are tried at once after a row was refused; all of them while none was. */
  stride: number
  /** Whether rows were refused at the end of a transaction in which each of them had been taken. */
  isLate: boolean
  /** When a row had waited for a unique value for as long as it may, in milliseconds since the epoch. */
  waitedOutAt: number
  /** Where the last chunk with a value that cannot be read was cut. */
  cut: Cut | undefined
  /** The transactions whose COMMIT was not answered, by the owner that each wrote. */
  readonly unanswered: Map<string, Unanswered>
}

/** Operations of which one has a value that cannot be read: those before it, and why. */
export interface Cut {
  readonly ops: ReadonlyArray<Op>
  readonly before: ReadonlyArray<Op>
  readonly error: SqlError
}

/** What a transaction did, if it was committed. */
export interface Unanswered {
  readonly ops: ReadonlyArray<Op>
  readonly applied: Applied & { readonly parked: number }
}

/** Where a partition goes on. */
export interface Start extends TopicPartition.TopicPartition {
  readonly offset: number
}

/** How many operations are tried at once while no row is refused. */
export const unlimited = Number.MAX_SAFE_INTEGER

const nameOf = (group: string, { partition, topic }: TopicPartition.TopicPartition): string =>
  JSON.stringify([group, topic, partition])

/** Stands for what runs outside of a consumer. */
const noRun: object = {}

/** The claims of a handler, for each run of a consumer that it is in. */
export class Claims {
  private readonly runs = new WeakMap<object, Map<string, Claim>>()

  private readonly mine: Effect.Effect<Map<string, Claim>> = Effect.map(CurrentRun, (current) => {
    const run: object = current ?? noRun
    let claims = this.runs.get(run)
    if (claims === undefined) this.runs.set(run, claims = new Map())
    return claims
  })

  /** The claim of a partition, if this run took one. */
  readonly of = (group: string, partition: TopicPartition.TopicPartition): Effect.Effect<Claim | undefined> =>
    Effect.map(this.mine, (claims) => claims.get(nameOf(group, partition)))

  /** Claims partitions, and returns where those go on that have been stored. */
  readonly take = Effect.fnUntraced({ self: this as Claims }, function*(
    sql: SqlClient,
    place: Place,
    group: string,
    partitions: ReadonlyArray<TopicPartition.TopicPartition>
  ): Effect.fn.Return<ReadonlyArray<Start>, SqlError> {
    // Two that claim the same ones lock their rows in the same order.
    const sorted = partitions.toSorted(TopicPartition.Order)
    const rows = yield* textsOf(sql, Offsets.claim(place), [
      group,
      literalOf(sorted, ({ topic }) => topic),
      literalOf(sorted, ({ partition }) => String(partition))
    ])
    const claims = yield* this.mine
    return rows.flatMap(([topic, number, owner, next]) => {
      const partition = { topic: topic ?? "", partition: Number(number) }
      const token = owner ?? ""
      const unanswered = new Map<string, Unanswered>()
      const counts = { sequence: 0, stride: unlimited, isLate: false, waitedOutAt: -Infinity, cut: undefined }
      claims.set(nameOf(group, partition), { group, ...partition, owner: token, token, ...counts, unanswered })
      return next === null || next === undefined ? [] : [{ ...partition, offset: Number(next) }]
    })
  })
}
