import { assert, describe, it } from "@effect/vitest"
import type { Linted } from "../../../src/connect/plan/lint.ts"
import { lint } from "../../../src/connect/plan/lint.ts"

const postgres = "io.debezium.connector.postgresql.PostgresConnector"

const rulesOf = (...all: ReadonlyArray<Linted>) =>
  [...lint(all).values()].map((findings) => findings.map(({ rule }) => rule))

const source = (config: Linted["config"], name = "s"): Linted => ({
  name,
  type: "source",
  config: { "connector.class": "x.Y", "topic.creation.default.partitions": "1", ...config }
})
const sink = (config: Linted["config"]): Linted => ({ name: "k", type: "sink", config })
const database = {
  "connector.class": postgres,
  "heartbeat.interval.ms": "1000",
  "database.hostname": "h",
  "database.dbname": "d"
}

describe("lint", () => {
  it("finds what is lost in silence", () => {
    const all = { "errors.tolerance": "all" }
    const topic = { "errors.deadletterqueue.topic.name": "dlq" }
    assert.deepStrictEqual(rulesOf(sink(all)), [["silent-loss"]])
    assert.deepStrictEqual(rulesOf(sink({ ...all, ...topic })), [[]])
    assert.deepStrictEqual(rulesOf(source({ ...all, ...topic })), [["dlq-on-source", "silent-loss"]])
  })

  it("finds settings of PostgreSQL sources that are regretted", () => {
    assert.deepStrictEqual(rulesOf(source(database)), [[]])
    assert.deepStrictEqual(rulesOf(source({ ...database, "tasks.max": "2", "slot.drop.on.stop": "true" })), [
      ["one-task-source", "slot-dropped"]
    ])
    assert.deepStrictEqual(rulesOf(source({ "connector.class": postgres })), [["no-heartbeat"]])
    const { "topic.creation.default.partitions": _, ...bare } = source(database).config
    assert.deepStrictEqual(rulesOf({ name: "s", type: "source", config: bare }), [["no-topic-creation"]])
  })

  it("finds two readers of one slot", () => {
    assert.deepStrictEqual(rulesOf(source(database, "a"), source(database, "b")), [["shared-slot"], ["shared-slot"]])
    assert.deepStrictEqual(rulesOf(source(database, "a"), source({ ...database, "slot.name": "two" }, "b")), [[], []])
  })

  it("finds passwords in URLs, and leaves references alone", () => {
    const url = (value: string) => sink({ "connection.url": value })
    assert.deepStrictEqual(rulesOf(url("jdbc:postgresql://h/d?user=u&password=p")), [["password-in-url"]])
    assert.deepStrictEqual(rulesOf(url("jdbc:postgresql://u:p@h/d")), [["password-in-url"]])
    assert.deepStrictEqual(rulesOf(url("jdbc:postgresql://h/d")), [[]])
    assert.deepStrictEqual(rulesOf(url("jdbc:postgresql://h/d?password=${file:/s:p}")), [[]])
  })
})
