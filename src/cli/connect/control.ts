/** `millrace connect restart`, `pause`, `resume`, `stop`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { ConnectError } from "../../connect/ConnectError.ts"
import * as KafkaConnect from "../../connect/KafkaConnect.ts"
import { isDown } from "../../connect/plan/serving.ts"
import { worksOn } from "../ending.ts"
import { WorkFailed } from "../exit.ts"
import { json } from "../root.ts"
import { plain } from "../values.ts"
import { unavailable } from "./lines.ts"
import { declared, names, sayRemoved, select } from "./selecting.ts"

const said = (name: string, words: string) => Console.log(plain(`${name}: ${words}`))

/** Does something to each connector; the error of one stops no other, unless it is the error of all. */
const toEach = Effect.fnUntraced(function*(
  { json, names: wanted }: { readonly names: ReadonlyArray<string>; readonly json: boolean },
  words: string,
  act: (connect: KafkaConnect.Connect, name: string) => Effect.Effect<void, ConnectError>
) {
  const selected = yield* select(wanted)
  yield* worksOn
  if (!json) yield* sayRemoved(selected, "left alone")
  const all = declared(selected)
  const done: Array<{ readonly name: string; readonly error: string | undefined }> = []
  let asking: string | undefined
  const each = Effect.gen(function*() {
    const connect = yield* KafkaConnect.Service
    let down = false
    yield* Effect.forEach(
      all,
      Effect.fnUntraced(function*(name) {
        if (!down) asking = name
        const asked = down ? undefined : yield* Effect.result(act(connect, name))
        const error = asked === undefined
          ? `not asked, because ${unavailable}`
          : asked._tag === "Failure"
          ? asked.failure.message
          : undefined
        done.push({ name, error })
        if (!json) yield* error === undefined ? said(name, words) : Console.error(plain(`${name}: ${error}`))
        if (asked?._tag === "Failure") down = yield* isDown(connect, asked.failure)
      }),
      { discard: true }
    )
  }).pipe(Effect.provide(selected.connect))
  const interrupted = Effect.suspend(() =>
    Effect.forEach(all.slice(done.length), (name) => {
      const error = name === asking ? "interrupted before an answer: it may be done" : "not asked, because interrupted"
      done.push({ name, error })
      return json ? Effect.void : Console.error(plain(`${name}: ${error}`))
    }, { discard: true })
  )
  const report = Effect.suspend(() => json ? Console.log(JSON.stringify(done)) : Effect.void)
  yield* each.pipe(Effect.onInterrupt(() => interrupted), Effect.ensuring(report))
  if (done.some(({ error }) => error !== undefined)) return yield* new WorkFailed({})
})

export const restart = Command.make(
  "restart",
  {
    names,
    json,
    all: Flag.Boolean("all").pipe(
      Flag.withDescription("Also what has not failed"),
      Flag.withDefault(false)
    )
  },
  (flags) =>
    toEach(
      flags,
      "asked to restart",
      (connect, name) => connect.restart(name, { tasks: flags.all ? "all" : "failed" })
    )
).pipe(Command.withDescription("Restart what failed of connectors and their tasks"))

export const pause = Command.make(
  "pause",
  { names, json },
  (flags) => toEach(flags, "asked to pause", (connect, name) => connect.pause(name))
).pipe(
  Command.withDescription("Let connectors rest; their tasks keep what they hold")
)

export const resume = Command.make(
  "resume",
  { names, json },
  (flags) => toEach(flags, "asked to go on", (connect, name) => connect.resume(name))
).pipe(
  Command.withDescription("Let paused and stopped connectors go on")
)

export const stop = Command.make(
  "stop",
  { names, json },
  (flags) => toEach(flags, "asked to stop", (connect, name) => connect.stop(name))
).pipe(
  Command.withDescription("End the tasks of connectors, so that their offsets can be changed")
)
