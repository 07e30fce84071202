/** Writes exported dead letters back to their topics. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Imported } from "../../DeadLetter.ts"
import type { RawMessage } from "../../engine/KafkaEngine.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import * as Errors from "../../KafkaError.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { isDelivered, sendAll } from "../produce/delivering.ts"
import { messageOf } from "../shared/causes.ts"
import * as Ndjson from "./ndjson.ts"
import { type AnyConsumer, placesOf } from "./places.ts"
import { importProblem } from "./selecting/options.ts"

/** The options of an import; see `DeadLetters.fromNdjson`. */
export interface Options {
  readonly allow?: ReadonlyArray<string> | undefined
  readonly dryRun?: boolean | undefined
}

interface Numbered {
  readonly number: number
  readonly text: string
}

const refused = (line: number, problem: string): KafkaError =>
  Errors.make("import", new Errors.InvalidRecord({ topic: `line ${line}`, problem }))

/** Writes a batch of lines. The first wrong line ends the import; the lines before it are written. */
const importBatch = Effect.fnUntraced(function*(
  lines: Arr.NonEmptyReadonlyArray<Numbered>,
  sizes: ReadonlyMap<string, number>,
  dryRun: boolean
) {
  const messages: Array<RawMessage> = []
  let error: KafkaError | undefined
  for (const { number, text } of lines) {
    const read = yield* Effect.result(Effect.try({
      try: () => Ndjson.decode(text),
      catch: (cause) => refused(number, messageOf(cause))
    }))
    const size = read._tag === "Success" ? sizes.get(read.success.topic) : undefined
    if (read._tag === "Failure") error = read.failure
    else if (size === undefined) {
      error = refused(
        number,
        `"${read.success.topic}" is no dead letter or parked topic of this consumer that exists; create it, or name `
          + "it in allow if it is meant"
      )
    } else messages.push({ ...read.success, partition: read.success.partition % size })
    if (error !== undefined) break
  }
  const engine = yield* KafkaEngine.Service
  const settlements = dryRun || messages.length === 0 ? [] : yield* sendAll(yield* engine.producer, messages)
  const done: Array<Imported> = []
  for (let i = 0; i < messages.length; i++) {
    const settlement = settlements[i]
    if (settlement !== undefined && !isDelivered(settlement)) return { done, error: settlement }
    const { partition, topic } = messages[i]!
    done.push({ line: lines[i]!.number, topic, partition: partition!, offset: settlement?.offset })
  }
  return { done, error }
})

/**
 * Writes the lines. The stream has an element for each that was written, in order. An interruption waits for the batch
 * in work, and `tell` is called with what it wrote: the reader of the stream no longer sees it then.
 */
export const fromNdjson = <E, R>(
  consumer: AnyConsumer,
  lines: Stream.Stream<string, E, R>,
  options: Options,
  tell: (done: ReadonlyArray<Imported>) => void = () => {}
): Stream.Stream<Imported, E | KafkaError, R | KafkaEngine.Service> =>
  Stream.unwrap(Effect.gen(function*() {
    const problem = importProblem(options)
    if (problem !== undefined) return yield* problem
    const { allow = [], dryRun = false } = options
    const engine = yield* KafkaEngine.Service
    const admin = yield* engine.admin
    const places = yield* placesOf(consumer, admin)
    const names = [...new Set([...places.flatMap(({ deadLetter, parked }) => [deadLetter, parked]), ...allow])]
    const sizes = new Map(
      (yield* admin.describeTopics(names)).map(({ name, partitions }) => [name, partitions.length])
    )
    let number = 0
    return lines.pipe(
      Stream.map((text): Numbered => ({ number: ++number, text })),
      Stream.filter(({ text }) => text.trim() !== ""),
      Stream.rechunk(500),
      Stream.mapArrayEffect((batch) =>
        Effect.uninterruptible(Effect.map(importBatch(batch, sizes, dryRun), (imported) => {
          tell(imported.done)
          return Arr.of(imported)
        }))
      ),
      // The lines that were written come before the error.
      Stream.flatMap(({ done, error }) =>
        error === undefined
          ? Stream.fromArray(done)
          : Stream.concat(Stream.fromArray(done), Stream.fail<KafkaError>(error))
      )
    )
  }))
