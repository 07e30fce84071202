/** `millrace dlt show`: dead letters, decoded, and what happened to them. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { DeadLetter } from "../DeadLetter.ts"
import * as DeadLetters from "../DeadLetters.ts"
import type * as KafkaEngine from "../engine/KafkaEngine.ts"
import * as Topic from "../Topic.ts"
import { consumer, filter, filterOf, optional } from "./dltFilter.ts"
import { decodedHeader } from "./knownHeaders.ts"
import { objectOf, partFields, wordsOf } from "./recordLines.ts"
import { config, json } from "./root.ts"
import { type AnyConsumer, selectOne } from "./selection.ts"
import { checkConsumer, servicesOf } from "./services.ts"
import { inWords, plain, timeOf, toJson } from "./values.ts"
import * as Wire from "./wire.ts"

/** How the records of a source are shown. */
type Wires = readonly [key: Wire.Wire, value: Wire.Wire]

/** The wires of a source topic; none where codecs need what only the application has. */
const wiresOf = Effect.fnUntraced(function*({ handlers }: AnyConsumer, source: string) {
  const codecs = handlers.find((handler) => Topic.matches(handler.source, source))?.source.codecs
  if (codecs === undefined) return undefined
  const wires = Effect.all([
    Wire.make(codecs.key, { topic: source, part: "key" }),
    Wire.make(codecs.value, { topic: source, part: "value" })
  ])
  const exit = yield* Effect.exit(wires)
  return Exit.isSuccess(exit) ? exit.value : undefined
})

const shownOf = Effect.fnUntraced(function*(letter: DeadLetter, wires: Wires | undefined) {
  const record = yield* Effect.result(letter.decoded)
  const raw = [Wire.showRaw(letter.key), Wire.showRaw(letter.value)] as const
  if (Result.isFailure(record)) return { parts: raw, poison: record.failure }
  if (wires === undefined) return { parts: raw, poison: undefined }
  const key = yield* Wire.show(wires[0], letter.key, record.success.key)
  return { parts: [key, yield* Wire.show(wires[1], letter.value, record.success.value)] as const, poison: undefined }
})

type Shown = Effect.Success<ReturnType<typeof shownOf>>

const jsonOf = (letter: DeadLetter, { parts: [key, value], poison }: Shown): string => {
  const { attempts, errorFields, errorMessage, errorTag, failedAt, family, firstFailedAt, gone, group } = letter
  const { offset, origin, partition, replays, source, timestamp, topic } = letter
  const fields = {
    ...{ topic, partition, offset, time: timeOf(timestamp), source, origin, group, attempts, errorTag, errorMessage },
    ...{ errorFields, gone, firstFailedAt, failedAt, replays, family, headers: letter.headers.map(decodedHeader) },
    undecodable: poison?.problem
  }
  return objectOf({
    ...Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, value === undefined ? undefined : toJson(value)])
    ),
    ...partFields(key, value)
  })
}

const linesOf = (letter: DeadLetter, { parts: [key, value], poison }: Shown): ReadonlyArray<string> => {
  const { attempts, errorFields, errorMessage, errorTag, failedAt, gone, headers, offset, origin, partition } = letter
  const { replays, source } = letter
  const again = replays === 0 ? "" : `, redriven ${replays} times`
  const problem = poison === undefined ? "" : `  (undecodable ${poison.part}: ${plain(poison.problem)})`
  return [
    plain(`${letter.topic} ${partition}/${offset}  ${timeOf(failedAt)}  ${errorTag ?? "(none)"}`)
    + `${attempts === undefined ? "" : ` after ${attempts} attempts`}${again}`,
    `  from     ${plain(origin === undefined ? source : `${origin.topic} ${origin.partition}/${origin.offset}`)}`,
    ...(errorMessage === undefined ? [] : [`  message  ${plain(errorMessage)}`]),
    ...(errorFields === undefined ? [] : [`  fields   ${toJson(errorFields)}`]),
    ...(gone === undefined ? [] : [`  gone     ${plain(gone)}, to which this dead letter refers`]),
    `  key      ${wordsOf(key, letter.key)}`,
    `  value    ${wordsOf(value, letter.value)}${problem}`,
    ...headers.map(decodedHeader).map(([name, value]) => `  header   ${plain(name)}: ${inWords(value)}`)
  ]
}

/** Shows dead letters. */
export const show = Command.make(
  "show",
  {
    consumer,
    ...filter,
    waiting: Flag.Boolean("waiting").pipe(
      Flag.withDescription("Only those that a redrive with the same filter has not reached"),
      Flag.withDefault(false)
    ),
    max: optional.number("max", "At most this many"),
    json
  },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const one = yield* selectOne(loaded, Option.getOrUndefined(flags.consumer))
    yield* checkConsumer(loaded, one)
    const known = new Map<string, Wires | undefined>()
    const wires = Effect.fnUntraced(function*(source: string) {
      if (!known.has(source)) known.set(source, yield* wiresOf(one, source))
      return known.get(source)
    })
    const letters = DeadLetters.records(one, { ...(yield* filterOf(flags)), waiting: flags.waiting }).pipe(
      Stream.take(Option.getOrElse(flags.max, () => Infinity)),
      Stream.runForEach(Effect.fnUntraced(function*(letter) {
        const shown = yield* shownOf(letter, yield* wires(letter.source))
        if (flags.json) return yield* Console.log(jsonOf(letter, shown))
        for (const line of linesOf(letter, shown)) yield* Console.log(line)
      }))
    )
    // Codecs whose services only the application has are not asked.
    yield* Effect.provide(letters as Effect.Effect<void, unknown, KafkaEngine.Service>, servicesOf(loaded))
  })
).pipe(Command.withDescription("Show dead letters, decoded by the consumer's codecs, with where and why they failed"))
