/** `millrace dlt import`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as KafkaEngine from "../engine/KafkaEngine.ts"
import { fromNdjson } from "../internal/deadLetters/importing.ts"
import type { KafkaError } from "../KafkaError.ts"
import { consumer, dryRun } from "./dltFilter.ts"
import { worksOn } from "./ending.ts"
import { UsageError } from "./exit.ts"
import { every } from "./inputLines.ts"
import { config } from "./root.ts"
import { type AnyConsumer, selectOne } from "./selection.ts"

/** In its place among the others it is refused as what it is, and the lines before it are written. */
const noText = "no UTF-8"

/** Writes the lines of an input, and says how many. */
export const importLines = Effect.fnUntraced(function*(
  one: AnyConsumer,
  input: AsyncIterable<Uint8Array | string>,
  options: { readonly allow: ReadonlyArray<string>; readonly dryRun: boolean }
): Effect.fn.Return<void, KafkaError | UsageError, KafkaEngine.Service> {
  let written = 0
  const lines = Stream.fromAsyncIterable(
    every(input),
    (cause) => new UsageError({ problem: `the input cannot be read: ${cause}`, cause })
  ).pipe(Stream.flatMap((lines) => Stream.fromIterable(lines)), Stream.map(({ text }) => text ?? noText))
  yield* fromNdjson(one, lines, options, (done) => void (written += done.length)).pipe(
    Stream.runDrain,
    Effect.ensuring(Effect.suspend(() => Console.error(`${written} ${options.dryRun ? "would be " : ""}written`)))
  )
})

/** Writes exported dead letters back. */
export const imported = Command.make(
  "import",
  {
    consumer,
    allow: Flag.String("allow").pipe(
      Flag.withDescription("A further topic that the lines may name; may be repeated"),
      Flag.atLeast(0)
    ),
    dryRun
  },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const one = yield* selectOne(loaded, Option.getOrUndefined(flags.consumer))
    const { allow, dryRun } = flags
    yield* worksOn
    yield* Effect.provide(importLines(one, process.stdin, { allow, dryRun }), loaded.engine)
  })
).pipe(Command.withDescription("Write exported dead letters (lines on standard input) back to their topics"))
