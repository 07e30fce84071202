import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import * as TestConsole from "effect/testing/TestConsole"
import { ConnectError } from "millrace/connect"
import { RegistryError } from "millrace/registry"
import { SyncError } from "millrace/sql"
import { BottomLine } from "../../src/cli/bottomLine.ts"
import { agreed, Operator } from "../../src/cli/confirm.ts"
import * as Ending from "../../src/cli/ending.ts"
import { codeOf, naming, render, UsageError, wantsStacks, WorkFailed } from "../../src/cli/exit.ts"
import { parse, timeFromFlag } from "../../src/cli/places.ts"
import { Progress } from "../../src/cli/progress.ts"
import { table } from "../../src/cli/table.ts"
import { inWords, plain, timeOf, toJson } from "../../src/cli/values.ts"
import { nearest, unknown } from "../../src/internal/shared/suggestions.ts"
import { invalidSetting } from "../../src/KafkaError.ts"

describe("places", () => {
  it("are ends, offsets, counts back, and times", () => {
    assert.deepStrictEqual(parse("beginning"), { _tag: "Beginning" })
    assert.deepStrictEqual(parse("latest"), { _tag: "End" })
    assert.deepStrictEqual(parse("42"), { _tag: "Offset", offset: 42 })
    assert.deepStrictEqual(parse("-5"), { _tag: "Back", records: 5 })
    assert.deepInclude(parse("2026-01-31T12:00:00Z"), { _tag: "Time", timestamp: Date.UTC(2026, 0, 31, 12) })
    for (const text of ["", "yesterday", "5x", "--5", "2026-13-01", "1.5", "1e3", "99999999999999999"]) {
      assert.strictEqual(parse(text), undefined, text)
    }
  })

  it("take for a time only what is one, the same in every zone of the reader", () => {
    const noon = Date.UTC(2026, 0, 31, 12)
    const times: ReadonlyArray<readonly [string, number, boolean]> = [
      ["2026-01-31T12:00:00.000Z", noon, true],
      ["2026-01-31T14:00:00+02:00", noon, true],
      ["2026-01-31T06:30-0530", noon, true],
      ["2026-01-31T12:00", noon, false],
      ["2026-01-31 12:00:00,250", noon + 250, false],
      ["2026-01-31", Date.UTC(2026, 0, 31), false],
      ["2024-02-29", Date.UTC(2024, 1, 29), false],
      [String(noon), noon, true]
    ]
    for (const [text, timestamp, zoned] of times) {
      assert.deepStrictEqual(parse(text), { _tag: "Time", timestamp, zoned }, text)
    }
    const none = ["2026-02-30", "2025-02-29", "2026-04-31T10:00Z", "2026-01-31T24:01Z", "2026-01-31T12:60Z"]
    for (const text of [...none, "2026-01-31T12:00+15:00", "1969-12-31T23:59:59Z", "2026-01-31T12"]) {
      assert.strictEqual(parse(text), undefined, text)
    }
  })

  it.effect("say in which zone a time is taken, and take milliseconds where only a time can be meant", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* timeFromFlag("since", "2026-01-31"), Date.UTC(2026, 0, 31))
      assert.match(String((yield* TestConsole.errorLines)[0]), /^--since 2026-01-31 is taken in UTC: 2026-01-31T00:00/)
      assert.strictEqual(yield* timeFromFlag("since", "86400000"), 86_400_000)
      assert.lengthOf(yield* TestConsole.errorLines, 1)
      const noDate = yield* Effect.flip(timeFromFlag("since", "2026-02-30"))
      assert.strictEqual(noDate.message, "--since 2026-02-30 is no date that there is")
    }))
})

describe("suggestions", () => {
  it("name what was probably meant, and nothing far-fetched", () => {
    assert.strictEqual(nearest("biling", ["billing", "audit"]), "billing")
    assert.strictEqual(nearest("zzz", ["billing", "audit"]), undefined)
    assert.strictEqual(nearest("x", ["a", "bc"]), undefined)
    assert.include(unknown("consumer", "zzz", ["billing", "audit"]), "audit, billing")
    assert.include(unknown("consumer", "zzz", []), "there is none")
  })

  it("show no more than ten, the nearest first, else by name", () => {
    const topics = ["t3", "quite-another", "t1", "t2", ...Array.from({ length: 200 }, (_, i) => `zzzzzzzz.${i}`)]
    const words = unknown("topic", "abcd", topics)
    assert.include(words, "there is: t1, t2, t3, ")
    assert.include(words, ", and 194 more")
    assert.lengthOf(words.split(", "), 11)
  })
})

describe("tables", () => {
  it("align texts left and numbers right", () => {
    assert.deepStrictEqual(table(["A", "LAG"], [["x", 7], ["long", 12]]), ["A     LAG", "x       7", "long   12"])
  })
})

describe("values", () => {
  const hostile = "\u001b[2J\r\n\u007f\u009b1m\u0000"

  it("do not steer a terminal, neither as texts nor as JSON", () => {
    assert.strictEqual(plain(hostile), "\\u001b[2J\\r\\n\\u007f\\u009b1m\\u0000")
    assert.strictEqual(plain("Größe 5 €, 日本"), "Größe 5 €, 日本")
    for (const text of [inWords(hostile), inWords({ hostile }), toJson([hostile]), ...table(["A"], [[hostile]])]) {
      assert.notMatch(text, /\p{Cc}/u)
    }
    assert.deepStrictEqual(JSON.parse(toJson({ hostile })), { hostile })
    assert.deepStrictEqual(render(Cause.fail(new Error(`no: ${hostile}`)), false), [
      "no: \\u001b[2J\\r\n\\u007f\\u009b1m\\u0000"
    ])
  })

  it("have a moment only where a date has", () => {
    assert.strictEqual(timeOf(0), "1970-01-01T00:00:00.000Z")
    assert.strictEqual(timeOf(8.64e15), "+275760-09-13T00:00:00.000Z")
    for (const millis of [undefined, -1, 9e15, NaN, Infinity]) assert.strictEqual(timeOf(millis), "-")
  })
})

describe("exits", () => {
  it("show what a database said in words, also where a rollback failed", () => {
    const error = new SqlError({ reason: new UnknownError({ cause: new Error("cut"), message: "query failed" }) })
    const cause = Cause.combine(Cause.interrupt(1), Cause.die(error))
    assert.deepStrictEqual(render(cause, false), ["query failed\n  because: cut"])
    assert.include(render(cause, true).join(), "    at ")
    assert.strictEqual(codeOf(cause), 1)
  })

  it("a failure beside an interrupt counts: draining may fail", () => {
    const failed = Cause.combine(Cause.interrupt(), Cause.fail(new Error("the last commit failed")))
    assert.strictEqual(codeOf(failed), 1)
    assert.deepStrictEqual(render(failed, false), ["the last commit failed"])
  })

  it.effect("a Config that is missing is wrong usage, with its name", () =>
    Effect.gen(function*() {
      const cause = Cause.fail(yield* Effect.flip(Config.String("MILLRACE_NOWHERE")))
      assert.strictEqual(codeOf(cause), 2)
      assert.match(render(cause, false).join(), /MILLRACE_NOWHERE/)
    }))

  it("what is behind a failure is said as well, once", () => {
    const inner = new Error("no route", { cause: new Error("cable cut") })
    assert.deepStrictEqual(render(Cause.fail(new Error("the layer failed", { cause: inner })), false), [
      "the layer failed\n  because: no route\n  because: cable cut"
    ])
    assert.deepStrictEqual(
      render(Cause.fail(new Error("it failed: no route", { cause: new Error("no route") })), false),
      [
        "it failed: no route"
      ]
    )
    class Silent extends Data.TaggedError("Silent")<{ readonly cause: unknown }> {}
    assert.deepStrictEqual(render(Cause.fail(new Silent({ cause: "cable cut" })), false), [
      "Silent\n  because: cable cut"
    ])
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const failure of [Cause.fail(proxy), Cause.fail(new Silent({ cause: proxy })), Cause.die(proxy)]) {
      assert.lengthOf(render(failure, false), 1)
      assert.strictEqual(codeOf(failure), 1)
    }
  })

  it.effect("a consumer's failure names it, and keeps its exit code", () =>
    Effect.gen(function*() {
      const wrong = yield* Effect.exit(naming("billing#2")(Effect.fail(invalidSetting("until", "no"))))
      const cause = Exit.isFailure(wrong) ? wrong.cause : Cause.empty
      assert.strictEqual(codeOf(cause), 2)
      assert.deepStrictEqual(render(cause, false), ["consumer billing#2: configuration: setting `until`: no"])
    }))

  it("a wrong setting of a service in the config module is wrong usage, and what the service says failed work", () => {
    const problem = "not a URL"
    for (
      const [code, error] of [
        [2, ConnectError.make("configuration", new ConnectError.InvalidSetting({ problem }))],
        [2, RegistryError.make("configuration", new RegistryError.Unexpected({ status: 0, problem }))],
        [2, SyncError.make("resync", new SyncError.InvalidSetting({ setting: "by", problem }))],
        [1, SyncError.make("compare", new SyncError.Denied({ problem: "no" }))],
        [1, ConnectError.make("plan", new ConnectError.Unexpected({ status: 418, problem }))],
        [1, RegistryError.make("register", new RegistryError.Unexpected({ status: 418, problem }))]
      ] as const
    ) assert.strictEqual(codeOf(Cause.fail(error)), code, error.message)
  })

  it.effect("somebody who is asked is asked also where nobody reads the plan any more", () =>
    Effect.gen(function*() {
      const ending = Ending.make()
      const asked: Array<boolean> = []
      const operator: Operator = {
        isThere: () => true,
        ask: () => Effect.sync(() => void asked.push(ending.hasOtherWork)).pipe(Effect.as("y"))
      }
      yield* agreed("Do it?").pipe(
        Effect.provideService(Operator, operator),
        Effect.provideService(Ending.Ending, ending)
      )
      assert.deepStrictEqual(asked, [true])
    }))

  it("wrong usage is 2, failed work says nothing more", () => {
    assert.strictEqual(codeOf(Cause.fail(new UsageError({ problem: "no" }))), 2)
    assert.deepStrictEqual(render(Cause.fail(new UsageError({ problem: "no" })), false), ["no"])
    assert.strictEqual(codeOf(Cause.fail(new WorkFailed({}))), 1)
    assert.deepStrictEqual(render(Cause.fail(new WorkFailed({})), true), [])
  })

  it("stacks are for those who debug", () => {
    assert.isTrue(wantsStacks(["topics", "--log-level", "debug"]))
    assert.isTrue(wantsStacks(["--log-level=trace", "topics"]))
    assert.isFalse(wantsStacks(["tail", "debug"]))
    assert.isFalse(wantsStacks(["tail", "--log-level", "info"]))
    assert.isFalse(wantsStacks(["tail", "--log-level"]))
  })
})

describe("the line at the bottom of a terminal", () => {
  /** What a terminal shows, line by line. */
  const screen = (written: ReadonlyArray<string>): ReadonlyArray<string> =>
    written.join("").split("\n").map((line) => line.split("\r\x1b[2K").at(-1)!)

  const terminal = () => {
    const written: Array<string> = []
    const stream = () => ({ write: (chunk: string | Uint8Array) => written.push(String(chunk)) > 0 })
    const [err, out] = [stream(), stream()]
    return { err, out, line: new BottomLine([err, out]), screen: () => screen(written) }
  }

  it("stays below what others write", () => {
    const { err, line, out, screen } = terminal()
    out.write("before\n")
    line.set("1 handled")
    out.write("charging order 1\n")
    err.write(Buffer.from("level=INFO\n"))
    line.set("2 handled")
    assert.deepStrictEqual(screen(), ["before", "charging order 1", "level=INFO", "2 handled"])
  })

  it("comes when a line that another one began is ended", () => {
    const { err, line, out, screen } = terminal()
    line.set("1 handled")
    out.write("charging")
    line.set("2 handled")
    assert.deepStrictEqual(screen(), ["charging"])
    out.write(" order 1\n")
    err.write("")
    assert.deepStrictEqual(screen(), ["charging order 1", "2 handled"])
  })

  it("knows a line end behind which colors are taken back", () => {
    const { line, out, screen } = terminal()
    line.set("1 handled")
    out.write("\x1b[31mdeclined\n\x1b[0m")
    out.write(Buffer.from("again\n\x1b[0m"))
    assert.deepStrictEqual(screen(), ["\x1b[31mdeclined", "again", "\x1b[0m1 handled"])
  })

  it("takes nothing away that others put around the streams", () => {
    const { line, out } = terminal()
    const seen: Array<unknown> = []
    const inner = out.write
    out.write = (chunk) => {
      seen.push(chunk)
      return inner(chunk)
    }
    line.end()
    out.write("after\n")
    assert.deepStrictEqual(seen, ["after\n"])
  })

  it("is cut to the width of the terminal", () => {
    const { err, line, screen } = terminal()
    Object.assign(err, { columns: 10 })
    line.set("123456789")
    assert.deepStrictEqual(screen(), ["123456789"])
    line.set("1234567890")
    assert.deepStrictEqual(screen(), ["12345678…"])
    Object.assign(err, { columns: 4 })
    line.set("1234567890")
    assert.deepStrictEqual(screen(), ["12…"])
  })

  it("is left where it is in the end", () => {
    const { line, out, screen } = terminal()
    line.set("1 handled")
    line.end()
    out.write("after\n")
    assert.deepStrictEqual(screen(), ["1 handled", "after", ""])
  })
})

describe("progress", () => {
  const health = (lag: number | undefined) => ({
    group: "g",
    status: "running" as const,
    healthy: true,
    assignment: [{ topic: "t", partition: 0 }],
    held: [],
    stalled: [],
    unsent: [],
    problem: undefined,
    hints: [],
    lag,
    lastError: undefined
  })

  it("says what was handled since the last line, and never that an unknown lag is none", () => {
    const progress = new Progress()
    progress.note({ topic: "t", partition: 0, from: 0, to: 5, handled: 5, duration: 1, exceptions: [] })
    assert.strictEqual(progress.line([health(3)], []), "5 handled (5/s), 0 failed, lag 3, 1 partitions")
    assert.strictEqual(
      progress.line([health(3), health(undefined)], []),
      "5 handled (0/s), 0 failed, lag unknown, 2 partitions"
    )
    const idle = { ...health(undefined), status: "off" as const, assignment: [] }
    assert.strictEqual(progress.line([health(3), idle], []), "5 handled (0/s), 0 failed, lag 3, 1 partitions")
    const relay = { name: "relay", status: "running", healthy: true, problems: [], lagMillis: 0 } as const
    const unwell = { ...relay, healthy: false, problems: ["no broker, for 12 s"] }
    assert.strictEqual(
      progress.line([idle], [relay, unwell]),
      "5 handled (0/s), 0 failed, lag 0, 0 partitions; relay: no broker, for 12 s"
    )
  })
})
