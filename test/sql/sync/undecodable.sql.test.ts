/** Records of a sync that cannot be decoded: the sync decodes them itself, and they fail as they do elsewhere. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Codec, isPoison, Producer, Topic } from "millrace"
import { Change, ModelSync } from "millrace/sql"
import { rowsOf, runToEnd, world } from "./kit.ts"

const statements = ["items", "asked", "scattered"].map((name) => `CREATE TABLE ${name} (id int PRIMARY KEY, name text)`)

const format = Change.flattened({ tombstones: "delete" })

const text = new TextEncoder()
const utf8 = new TextDecoder()

/** Sends texts as they are. */
const sendTexts = (topic: string, texts: ReadonlyArray<readonly [key: string, value: string]>) =>
  Producer.sendAll(
    Topic.make(topic, { key: Codec.bytes, value: Codec.bytes }),
    texts.map(([key, value]) => ({ key: text.encode(key), value: text.encode(value), partition: 0 }))
  )

const good = (id: number): readonly [string, string] => [`{"id":${id}}`, `{"id":${id},"name":"n${id}"}`]

/** What is stored for the group: the next offset, and how many transactions its owner has committed. */
const stored = (group: string) =>
  Effect.flatMap(SqlClient, (sql) =>
    Effect.map(
      sql.unsafe(`SELECT next::text, split_part(owner, '#', 2) FROM millrace.offsets WHERE group_id = '${group}'`)
        .values,
      ([row]) => ({ next: Number(row![0]), transactions: Number(row![1]) })
    ))

const shownOf = (failures: ReadonlyArray<{ readonly offset: number; readonly error: unknown }>) =>
  failures.map(({ error, offset }) => [offset, isPoison(error) ? error.part : error])

layer(world(statements), { excludeTestServices: true })("records that do not decode", (it) => {
  it.effect("are judged by themselves, and those around them are stored", () =>
    Effect.gen(function*() {
      const Items = Topic.make("broken", { key: Change.debezium, value: Change.debezium })
      const broken = [`{"id":9}`, "{"] as const
      yield* sendTexts("broken", [broken, good(1), broken, broken, good(2), ["{", "{}"], good(3), broken])
      const failures = yield* runToEnd(ModelSync.handler(ModelSync.make(Items, { table: "items", format })), "broken")
      assert.deepStrictEqual(shownOf(failures), [[0, "value"], [2, "value"], [3, "value"], [5, "key"], [7, "value"]])
      assert.deepStrictEqual(yield* rowsOf("items"), [1, 2, 3].map((id) => ({ id, name: `n${id}` })))
      assert.strictEqual((yield* stored("broken")).next, 8)
    }))

  it.effect("need no transaction each", () =>
    Effect.gen(function*() {
      const Items = Topic.make("bad", { key: Change.debezium, value: Change.debezium })
      yield* sendTexts("bad", Array.from({ length: 300 }, () => ["{}", "{"] as const))
      const failures = yield* runToEnd(ModelSync.handler(ModelSync.make(Items, { table: "items", format })), "bad")
      assert.strictEqual(failures.length, 300)
      const { next, transactions } = yield* stored("bad")
      assert.strictEqual(next, 300)
      assert.isBelow(transactions, 10)
    }))

  it.effect("need no transaction each where they are scattered, nor do others that are no rows", () =>
    Effect.gen(function*() {
      const Items = Topic.make("scattered", { key: Change.debezium, value: Change.debezium })
      const broken = (id: number) => id % 25 === 0
      let made = 0
      const texts = Array.from({ length: 5_000 }, (_, i): readonly [string, string] => {
        const [key, value] = good(i)
        return broken(i) ? [key, i % 2 === 0 ? "{" : `{"id":{},"name":[]}`] : [key, value]
      })
      yield* sendTexts("scattered", texts)
      const failures = yield* runToEnd(
        ModelSync.handler(ModelSync.make(Items, {
          table: "scattered",
          format,
          row: (values) => {
            made++
            return values
          }
        })),
        "scattered"
      )
      // What is behind a record that is refused is read once, too.
      assert.strictEqual(made, 4_900)
      assert.deepStrictEqual(failures.map(({ offset }) => offset), texts.flatMap((_, i) => broken(i) ? [i] : []))
      assert.strictEqual((yield* rowsOf("scattered")).length, 4_800)
      const { next, transactions } = yield* stored("scattered")
      assert.strictEqual(next, 5_000)
      assert.isBelow(transactions, 10)
    }))

  it.effect("are not looked for behind a record whose `row` fails: what that asks may be down", () =>
    Effect.gen(function*() {
      const Items = Topic.make("asking", { key: Change.debezium, value: Change.debezium })
      yield* sendTexts("asking", [["{}", "{"], good(31), good(32), good(33)])
      const asked: Array<unknown> = []
      const row = (values: Change.Values) =>
        Effect.suspend(() => {
          asked.push(values["id"])
          return values["id"] === 32 && asked.length < 3 ? Effect.fail("down") : Effect.succeed(values)
        })
      const failures = yield* runToEnd(ModelSync.handler(ModelSync.make(Items, { table: "asked", format, row })))
      assert.deepStrictEqual(failures.map(({ offset }) => offset), [0, 2])
      assert.deepStrictEqual(asked, [31, 32, 33])
    }))

  it.effect("are waited for where their codec has to wait, and are poison where that fails", () =>
    Effect.gen(function*() {
      const waiting = Codec.make<unknown>({
        decoder: () =>
          Effect.succeed((bytes) =>
            new Codec.Pending(
              Effect.andThen(Effect.yieldNow, Effect.try((): unknown => JSON.parse(utf8.decode(bytes!))))
            )
          ),
        encoder: () => Effect.succeed(() => new Uint8Array())
      })
      const Items = Topic.make("late", { key: Change.debezium, value: waiting })
      yield* sendTexts("late", [good(11), [`{"id":12}`, "{"], good(13)])
      const failures = yield* runToEnd(ModelSync.handler(ModelSync.make(Items, { table: "items", format })), "late")
      assert.deepStrictEqual(shownOf(failures), [[1, "value"]])
      assert.deepStrictEqual(
        (yield* rowsOf("items")).slice(-2),
        [11, 13].map((id) => ({ id, name: `n${id}` }))
      )
    }))

  it.effect("are not those of a batch of which one is interrupted, by its codec or by `row`", () =>
    Effect.gen(function*() {
      const Items = Topic.make("interrupted", {
        key: Change.debezium,
        value: Codec.make<unknown>({
          decoder: () =>
            Effect.succeed((bytes) =>
              bytes!.length === 0 ? new Codec.Pending(Effect.interrupt) : JSON.parse(utf8.decode(bytes!))
            ),
          encoder: () => Effect.succeed(() => new Uint8Array())
        })
      })
      yield* sendTexts("interrupted", [good(21), ["{}", ""], good(22), good(23)])
      const row = (values: Change.Values) => values["id"] === 22 ? Effect.interrupt : values
      const failures = yield* runToEnd(ModelSync.handler(ModelSync.make(Items, { table: "items", format, row })))
      assert.deepStrictEqual(failures.map(({ offset }) => offset), [1, 2])
      assert.deepStrictEqual(
        (yield* rowsOf("items")).slice(-2),
        [21, 23].map((id) => ({ id, name: `n${id}` }))
      )
    }))
})
