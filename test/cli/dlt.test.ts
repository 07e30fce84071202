import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as TestConsole from "effect/testing/TestConsole"
import { InMemoryKafka } from "millrace/testing"
import { fileURLToPath } from "node:url"
import { Operator } from "../../src/cli/confirm.ts"
import { importLines } from "../../src/cli/dltImport.ts"
import { run } from "../../src/cli/main.ts"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import { billing, bytes, deadLetter, group, parked, send, text, tier1 } from "../internal/deadLetters/letters.ts"
import { built, cluster } from "./fixtures/dlt.config.ts"

const path = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
const config = path("dlt.config.ts")
const fn = (name: string) => path(`functions/${name}.ts`)

/** The exit code and what was printed, of a command on the shared cluster. */
const millrace = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const before = [(yield* TestConsole.logLines).length, (yield* TestConsole.errorLines).length] as const
    const code = yield* run("0.0.0", [...args, "--config", config])
    const out = (yield* TestConsole.logLines).slice(before[0]).map(String).join("\n")
    const err = (yield* TestConsole.errorLines).slice(before[1]).map(String).join("\n")
    return { code, out, err }
  })

const on = Effect.provideContext(cluster)
const kafka = Context.get(cluster, InMemoryKafka)
const admin = Effect.flatMap(Context.get(cluster, KafkaEngine.Service).admin, Effect.succeed)

const committed = (of: string) => Effect.map(kafka.committed(of), (positions) => positions.map(({ offset }) => offset))

const countOf = (topic: string) => Effect.map(kafka.records(topic), (records) => records.length)

/** One cluster, so one story: each step stands on the ones before. */
describe("working failures off by the command", () => {
  it.effect("begins with the topics that the policies need", () =>
    Effect.gen(function*() {
      // Where there are no dead letters yet, a destination that nobody knows is no less wrong.
      const nowhere = yield* millrace("dlt", "redrive", "--to", "nope", "--yes")
      assert.deepStrictEqual([nowhere.code, nowhere.out], [2, ""])
      const early = yield* millrace("retry", "topics", "--create")
      assert.strictEqual(early.code, 1)
      assert.include(early.err, "create orders first")
      yield* Effect.flatMap(admin, (admin) => admin.createTopic({ name: "orders", partitions: 1 }))
      const plan = yield* millrace("retry", "topics", "--plan")
      assert.strictEqual(plan.code, 0)
      const config = "cleanup\\.policy=delete retention\\.ms=604800000 max\\.message\\.bytes=1064972"
      assert.match(plan.out, new RegExp(`billing\\.orders\\.retry\\.1 +1 +${config} +missing`))
      assert.include(plan.err, "3 are missing; add --create")
      assert.lengthOf(yield* Effect.flatMap(admin, (admin) => admin.listTopics), 1)
      const created = yield* millrace("retry", "topics", "--create", "--json")
      assert.strictEqual(created.code, 0)
      assert.deepStrictEqual(
        JSON.parse(created.out).map(({ status, topic }: { status: string; topic: string }) => [topic, status]),
        [[tier1, "created"], ["billing.orders.retry.2", "created"], [deadLetter, "created"]]
      )
      assert.include((yield* millrace("retry", "topics")).out, "exists")
      assert.strictEqual((yield* millrace("retry", "topics", "--plan", "--create")).code, 2)
    }))

  it.effect("lists, shows and counts", () =>
    Effect.gen(function*() {
      yield* on(send({ key: "k1", value: "{\"id\":\"1\",\"total\":50}" }))
      yield* on(send({ key: "k2", value: "{\"id\":\"2\",\"total\":500}", tag: "Timeout" }))
      yield* on(send({ key: "k3", value: "nonsense", replays: 3 }))
      const ls = yield* millrace("dlt", "ls")
      assert.match(ls.out, /billing\.orders\.dlt +1 +3 +3 +0 .*CardDeclined 2, Timeout 1/)
      const [summary] = JSON.parse((yield* millrace("dlt", "ls", "billing", "--json")).out)
      assert.deepInclude(summary, { topic: deadLetter, waiting: 3, parked })
      const shown = yield* millrace("dlt", "show", "--tag", "Timeout")
      assert.include(shown.out, "Timeout after 3 attempts")
      assert.include(shown.out, "{\"id\":\"2\",\"total\":500}")
      assert.notInclude(shown.out, "k1")
      assert.include(shown.out, `${deadLetter} 0/1  `)
      assert.include(shown.out, "  header   retry_topic-attempts: 4")
      assert.include(shown.out, "  header   kafka_original-timestamp: 1970-01-01T00:00:05.000Z")
      assert.include(shown.out, "  header   retry_topic-backoff-timestamp: 1970-01-01T00:01:30.000Z")
      for (
        const args of [["show"], ["stats"], ["export"], ["redrive", "--yes"], ["park", "--yes"], ["discard", "--yes"]]
      ) {
        const nowhere = yield* millrace("dlt", ...args, "--partition", "99")
        assert.deepStrictEqual([nowhere.code, nowhere.out], [1, ""], args.join(" "))
      }
      const poison = yield* millrace("dlt", "show", "--partition", "0", "--offset", "2")
      assert.include(poison.out, "redriven 3 times")
      assert.include(poison.out, "nonsense  (undecodable value")
      const json = JSON.parse((yield* millrace("dlt", "show", "billing", "--key", "k1", "--json")).out)
      assert.deepInclude(json, { offset: 0, source: "orders", errorTag: "CardDeclined", attempts: 3, key: "k1" })
      assert.deepStrictEqual(json.value, { id: "1", total: 50 })
      assert.strictEqual((yield* millrace("dlt", "show", "--max", "1", "--json")).out.split("\n").length, 1)
      const stats = yield* millrace("dlt", "stats")
      assert.match(stats.out, /orders +CardDeclined +2\n/)
      const counts = JSON.parse((yield* millrace("dlt", "stats", "--topic", "orders", "--json")).out)
      assert.lengthOf(counts, 2)
    }))

  it.effect("says what a redrive would do, and does it", () =>
    Effect.gen(function*() {
      const dry = yield* millrace("dlt", "redrive", "--dry-run")
      assert.strictEqual(dry.code, 0)
      assert.include(dry.out, `${deadLetter} -> ${tier1}: 2 would be redriven`)
      assert.include(dry.out, `${deadLetter} -> ${parked}: 1 would be parked`)
      assert.include(dry.out, "by tag: CardDeclined 2, Timeout 1")
      assert.deepStrictEqual(yield* committed(group), [])
      const plan = yield* millrace("dlt", "redrive")
      assert.include(plan.out, "2 would be redriven")
      assert.deepStrictEqual([plan.code, plan.err], [1, "nothing was done; add --yes to do it"])
      assert.strictEqual(yield* countOf(tier1), 0)
      const where = yield* millrace("dlt", "redrive", "--where", fn("large"), "--max", "1", "--json", "--yes")
      assert.strictEqual(where.code, 0)
      const done = JSON.parse(where.out)
      assert.match(done.group, /^billing\.dlt\.redrive\./)
      assert.deepStrictEqual(done.routes, [{ from: deadLetter, to: tier1, verb: "Redriven", count: 1 }])
      const canary = yield* millrace("dlt", "redrive", "--canary", "1", "--transform", fn("free"), "--yes")
      assert.include(canary.out, "1 redriven")
      assert.include(canary.err, "canary")
      const sent = yield* kafka.records(tier1)
      assert.deepStrictEqual(sent.map(({ value }) => text(value)), [
        "{\"id\":\"2\",\"total\":500}",
        "{\"id\":\"1\",\"total\":0}"
      ])
      assert.deepStrictEqual(yield* committed(group), [1])
      const rest = yield* TestClock.withLive(
        millrace("dlt", "redrive", "--rate", "1000", "--max-replays", "3", "--yes")
      )
      assert.include(rest.out, "1 redriven")
      assert.include(rest.out, "1 parked")
      assert.include((yield* millrace("dlt", "redrive", "--yes")).out, "nothing was sent")
      assert.strictEqual((yield* millrace("dlt", "show", "--waiting")).out, "")
      assert.strictEqual((yield* millrace("dlt", "show", "--waiting", "--tag", "Timeout", "--json")).out, "")
      assert.lengthOf((yield* millrace("dlt", "show", "--json")).out.split("\n"), 3)
    }))

  it.effect("shows what waits in the retry topics", () =>
    Effect.gen(function*() {
      const ls = yield* millrace("retry", "ls")
      assert.match(ls.out, /billing\.orders\.retry\.1 +1 +10 s +3 +1970/)
      const [first] = JSON.parse((yield* millrace("retry", "ls", "billing", "--json")).out)
      assert.deepInclude(first, { topic: tier1, waiting: 3, tier: 1, delay: 10_000 })
    }))

  it.effect("asks before others would notice", () =>
    Effect.gen(function*() {
      yield* on(send())
      yield* Effect.flatMap(admin, (admin) =>
        admin.alterGroupOffsets("shipping", [{ topic: "orders", partition: 0, offset: 0 }]))
      for (const to of ["origin", "orders"]) {
        const plan = yield* millrace("dlt", "redrive", "--to", to)
        assert.strictEqual(plan.code, 1)
        assert.include(plan.out, `${deadLetter} -> orders: 1 would be redriven`)
        assert.include(plan.err, "every group that reads \"orders\" sees the records again: shipping")
        assert.include(plan.err, "nothing was done; add --yes to do it")
      }
      assert.strictEqual(yield* countOf("orders"), 0)
      assert.deepStrictEqual(yield* committed(group), [3])
      const done = yield* millrace("dlt", "redrive", "--to", "origin", "--yes")
      assert.include(done.out, "1 redriven")
      assert.strictEqual(yield* countOf("orders"), 1)
      const elsewhere = yield* millrace("dlt", "redrive", "--to", "shipping.topic")
      assert.strictEqual(elsewhere.code, 2)
    }))

  it.effect("names the groups that read another topic, and asks before it is sent to as well", () =>
    Effect.gen(function*() {
      yield* Effect.flatMap(admin, (admin) => admin.createTopic({ name: "shipping.topic", partitions: 1 }))
      yield* Effect.flatMap(
        admin,
        (admin) => admin.alterGroupOffsets("shipping", [{ topic: "shipping.topic", partition: 0, offset: 0 }])
      )
      yield* on(send())
      const to = ["dlt", "redrive", "--to", "shipping.topic", "--allow", "shipping.topic"]
      const plan = yield* millrace(...to)
      assert.include(plan.err, "every group that reads \"shipping.topic\" sees the records again: shipping")
      assert.include(plan.err, "nothing was done; add --yes to do it")
      assert.strictEqual(yield* countOf("shipping.topic"), 0)
      assert.include((yield* millrace(...to, "--yes")).out, "1 redriven")
      assert.strictEqual(yield* countOf("shipping.topic"), 1)
    }))

  it.effect("asks an operator at a terminal, who has to say yes", () =>
    Effect.gen(function*() {
      yield* on(send({ tag: "Asked" }))
      const before = yield* countOf(tier1)
      const asked: Array<string> = []
      const operator = (line: string | undefined) =>
        Effect.provideService(Operator, {
          isThere: () => true,
          ask: (question) => Effect.sync(() => (asked.push(question), line))
        })
      for (const no of ["", "n", undefined, "yesterday"]) {
        const { code, err } = yield* operator(no)(millrace("dlt", "redrive", "--tag", "Asked"))
        assert.deepStrictEqual([code, err], [1, "nothing was done"])
      }
      assert.include((yield* operator("n")(millrace("dlt", "discard"))).err, "nothing was done")
      assert.strictEqual(yield* countOf(tier1), before)
      assert.strictEqual((yield* operator("n")(millrace("dlt", "redrive", "--tag", "Asked", "--yes"))).code, 0)
      assert.deepStrictEqual(asked.slice(-2), ["Send them? [y/N] ", "Give them up? [y/N] "])
      assert.strictEqual(yield* countOf(tier1), before + 1)
      yield* on(send({ tag: "Asked" }))
      assert.include((yield* operator("Y ")(millrace("dlt", "redrive", "--tag", "Asked"))).out, "1 redriven")
      assert.strictEqual(yield* countOf(tier1), before + 2)
    }))

  it.effect("parks and discards only when told to", () =>
    Effect.gen(function*() {
      yield* on(send({ tag: "Hopeless" }))
      yield* on(send())
      const plan = yield* millrace("dlt", "park", "--tag", "Hopeless")
      assert.include(plan.out, "1 would be parked")
      assert.include(plan.err, "add --yes")
      assert.strictEqual(yield* countOf(parked), 1)
      assert.include((yield* millrace("dlt", "park", "--tag", "Hopeless", "--yes")).out, "1 parked")
      assert.strictEqual(yield* countOf(parked), 2)

      const discard = yield* millrace("dlt", "discard", "--delete-records")
      assert.strictEqual(discard.code, 1)
      assert.include(discard.out, "would be deleted, and passed by group billing.dlt.redrive; nothing was done")
      assert.strictEqual(discard.err, "nothing was done; add --yes to do it")
      assert.strictEqual(yield* countOf(deadLetter), 9)
      yield* millrace("dlt", "discard", "--partition", "0", "--before", "8", "--yes")
      assert.deepStrictEqual(yield* committed(group), [8])
      assert.strictEqual(yield* countOf(deadLetter), 9)
      const json = JSON.parse((yield* millrace("dlt", "discard", "--yes", "--json")).out)
      assert.deepStrictEqual(json, {
        executed: true,
        partitions: [{ topic: deadLetter, partition: 0, from: 8, to: 9 }]
      })
    }))

  it.effect("looks at what is parked, and sends it on, by itself", () =>
    Effect.gen(function*() {
      const shown = yield* millrace("dlt", "show", "--parked", "--tag", "Hopeless")
      assert.include(shown.out, "Hopeless after 3 attempts")
      const sent = yield* millrace("dlt", "redrive", "--parked", "--tag", "Hopeless", "--json", "--yes")
      assert.deepStrictEqual(JSON.parse(sent.out).routes, [{ from: parked, to: tier1, verb: "Redriven", count: 1 }])
      assert.strictEqual((yield* millrace("dlt", "park", "--parked")).code, 2)
      const discard = yield* millrace("dlt", "discard", "--parked", "--yes", "--json")
      assert.deepStrictEqual(JSON.parse(discard.out).partitions, [{ topic: parked, partition: 0, from: 0, to: 2 }])
      assert.include((yield* millrace("dlt", "redrive", "--parked", "--yes")).out, "nothing was sent")
    }))

  it.effect("exports and imports", () =>
    Effect.gen(function*() {
      const { out } = yield* millrace("dlt", "export", "--tag", "Hopeless")
      assert.lengthOf(out.split("\n"), 1)
      assert.strictEqual((yield* millrace("dlt", "discard", "--delete-records", "--yes")).code, 0)
      assert.strictEqual(yield* countOf(deadLetter), 0)
      const input = async function*() {
        yield `${out.slice(0, 20)}`
        yield `${out.slice(20)}\n\n`
      }
      yield* on(importLines(billing, input(), { allow: [], dryRun: false }))
      const [record] = yield* kafka.records(deadLetter)
      assert.strictEqual(text(record!.value), text(Buffer.from(JSON.parse(out).value, "base64")))
      const bad = async function*() {
        yield "nonsense"
      }
      const error = yield* Effect.flip(on(importLines(billing, bad(), { allow: [], dryRun: false })))
      assert.include(error.message, "line 1")
    }))

  it.effect("refuses functions that are none or that fail, and commits nothing", () =>
    Effect.gen(function*() {
      const before = yield* committed(group)
      const groups = yield* Effect.flatMap(admin, (admin) => admin.listGroups)
      const sent = yield* countOf(tier1)
      for (const flag of ["--where", "--transform"]) {
        for (const module of ["throws", "noFunction", "breaks", "answersText", "missing"]) {
          const { code } = yield* millrace("dlt", "redrive", flag, fn(module))
          assert.strictEqual(code, 2, `${flag} ${module}`)
        }
      }
      assert.deepStrictEqual(yield* committed(group), before)
      for (const { groupId } of yield* Effect.flatMap(admin, (admin) => admin.listGroups)) {
        if (!groups.some((known) => known.groupId === groupId)) assert.deepStrictEqual(yield* committed(groupId), [])
      }
      assert.strictEqual(yield* countOf(tier1), sent)
    }))

  it.effect("shows no character of a record that would steer the terminal, and bears any time", () =>
    Effect.gen(function*() {
      const hostile = "\u001b[2J\r\nforged\u009b1m\u007f"
      yield* on(send({ tag: hostile, key: hostile, value: `no json ${hostile}`, at: 9e15 }))
      for (
        const args of [
          ["dlt", "show", "--tag", hostile],
          ["dlt", "ls"],
          ["dlt", "stats"],
          ["tail", deadLetter, "--from", "beginning", "--until", "end"],
          ["tail", deadLetter, "--from", "beginning", "--until", "end", "--raw"]
        ]
      ) {
        const { code, out } = yield* millrace(...args)
        assert.strictEqual(code, 0, args.join(" "))
        assert.include(out, "forged", args.join(" "))
        assert.isFalse(out.split("\n").some((line) => /\p{Cc}/u.test(line) || line.startsWith("forged")))
      }
      const json = yield* millrace("dlt", "show", "--tag", hostile, "--json")
      assert.deepInclude(JSON.parse(json.out), { key: hostile, errorTag: hostile, time: "-" })
      const exported = yield* millrace("dlt", "export", "--tag", hostile)
      assert.strictEqual(JSON.parse(exported.out).errorTag, hostile)
      for (const { out } of [json, exported]) assert.notMatch(out, /\p{Cc}/u)
    }))

  it.effect("says of a dead letter of a broker what it refers to, or that it is gone", () =>
    Effect.gen(function*() {
      yield* kafka.produce({
        topic: "orders",
        partition: 0,
        key: bytes("s1"),
        value: bytes("{\"id\":\"s\",\"total\":3}")
      })
      const offset = (yield* countOf("orders")) - 1
      for (const at of [offset, 4000]) {
        const headers = [["topic", "orders"], ["partition", "0"], ["offset", String(at)], ["message", "too often"]]
          .map(([name, value]) => [`__dlq.errors.${name}`, bytes(value!)] as const)
        yield* kafka.produce({ topic: deadLetter, partition: 0, key: null, value: null, headers })
      }
      const { code, out } = yield* millrace("dlt", "show", "--waiting", "--key", "s1")
      assert.strictEqual(code, 0)
      assert.include(out, "  value    {\"id\":\"s\",\"total\":3}")
      const all = yield* millrace("dlt", "show", "--waiting")
      assert.include(all.out, "  gone     orders/0 at offset 4000, to which this dead letter refers")
      const last = JSON.parse((yield* millrace("dlt", "show", "--waiting", "--json")).out.split("\n").at(-1)!)
      assert.deepInclude(last, { value: null, gone: "orders/0 at offset 4000" })
    }))

  it.effect("shows dead letters of any depth, each with its place", () =>
    Effect.gen(function*() {
      const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`
      const depths = [nested(4_000), nested(100_000), `{"id":"d","total":1,"more":${nested(4_000)}}`]
      for (const value of depths) yield* on(send({ tag: "Deep", value }))
      const last = (yield* kafka.records(deadLetter)).at(-1)!.offset
      const { code, out } = yield* millrace("dlt", "show", "--tag", "Deep")
      assert.strictEqual(code, 0)
      for (const at of [last - 2, last - 1, last]) assert.include(out, `${deadLetter} 0/${at}  `)
      const json = yield* millrace("dlt", "show", "--tag", "Deep", "--json")
      assert.strictEqual(json.code, 0)
      const offsets = json.out.split("\n").map((line) => JSON.parse(line).offset)
      assert.deepStrictEqual(offsets, [last - 2, last - 1, last])
    }))

  it.effect("wrong usage is 2, and the application is never built", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<ReadonlyArray<string>> = [
        ["dlt", "ls", "biling"],
        ["dlt", "show", "biling"],
        ["dlt", "show", "--since", "yesterday"],
        ["dlt", "show", "--topic", "order"],
        ["dlt", "redrive", "--rate", "0"],
        ["dlt", "redrive", "--max", "0"],
        ["dlt", "discard", "--before", "3"],
        ["dlt", "discard", "--tag", "Timeout"],
        ["dlt", "nothing"],
        ["retry", "ls", "biling"]
      ]
      for (const args of wrong) assert.strictEqual((yield* millrace(...args)).code, 2, args.join(" "))
      assert.strictEqual(built.times, 0)
    }))

  it.effect("that ends halfway says what was done", () =>
    Effect.gen(function*() {
      const failing = ["--config", path("failing.config.ts")]
      const at = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
        const before = [(yield* TestConsole.logLines).length, (yield* TestConsole.errorLines).length] as const
        const code = yield* run("0.0.0", [...args, ...failing])
        const out = (yield* TestConsole.logLines).slice(before[0]).map(String)
        return { code, out, err: (yield* TestConsole.errorLines).slice(before[1]).map(String).join("\n") }
      })
      const topics = yield* at("topics", "first", "second", "--create", "--partitions", "1", "--json")
      assert.strictEqual(topics.code, 1)
      const states = JSON.parse(topics.out.join("")).map((
        { status, topic }: { readonly [name: string]: unknown }
      ) => [topic, status])
      assert.deepStrictEqual(states, [["first", "created"], ["second", "missing"]])
      assert.include(topics.err, "\"second\": the cluster did not answer, it may be there")
      yield* on(send({ key: "late", value: "{\"id\":\"9\",\"total\":1}" }))
      const discarded = yield* at("dlt", "discard", "--delete-records", "--yes", "--json")
      assert.deepStrictEqual([discarded.code, discarded.out], [1, []])
      assert.include(discarded.err, `may be passed by group ${group}, and some of them deleted; the same command`)
    }))
})
