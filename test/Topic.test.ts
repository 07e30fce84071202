import { assert, describe, it } from "@effect/vitest"
import { Codec, Handler, Topic } from "millrace"
import { inspect } from "node:util"

const codecs = { key: Codec.none, value: Codec.bytes }

describe("Topic", () => {
  it("takes the names that Kafka takes and throws on others", () => {
    for (const name of ["a", "A.b_c-9", "x".repeat(249), "..."]) assert.strictEqual(Topic.make(name, codecs).name, name)
    for (const name of ["", ".", "..", "a b", "ü", "a/b", "x".repeat(250)]) {
      assert.throws(() => Topic.make(name, codecs), /not allowed by Kafka/)
    }
  })

  it("a pattern matches whole names and never internal topics", () => {
    const audit = Topic.pattern(/audit\..+/, codecs)
    assert.isTrue(Topic.matches(audit, "audit.users"))
    assert.isFalse(Topic.matches(audit, "my.audit.users"))
    assert.isFalse(Topic.matches(audit, "audit."))
    assert.isFalse(Topic.matches(Topic.pattern(/.*/, codecs), "__consumer_offsets"))
  })

  it("a global or sticky pattern answers the same every time", () => {
    const sticky = Topic.pattern(/a+/gy, codecs)
    for (let i = 0; i < 3; i++) assert.isTrue(Topic.matches(sticky, "aaa"))
  })

  it("an alternative of a pattern is anchored as a whole", () => {
    const either = Topic.pattern(/a|b/, codecs)
    assert.isTrue(Topic.matches(either, "b"))
    assert.isFalse(Topic.matches(either, "ab"))
  })

  it("names that differ by . and _ alone collide", () => {
    assert.isTrue(Topic.collide("a.b", "a_b"))
    assert.isFalse(Topic.collide("a.b", "a.b"))
    assert.isFalse(Topic.collide("a.b", "a-b"))
  })

  it("says what it is, and what it is not", () => {
    const topic = Topic.make("orders", codecs)
    const source = Topic.pattern(/audit.+/, codecs)
    const handler = Topic.handle(source, Topic.skip)
    assert.isTrue(Topic.isTopic(topic) && Topic.isSource(topic) && Topic.isSource(source))
    assert.isFalse(Topic.isTopic(source))
    assert.isTrue(Handler.isHandler(handler))
    for (const value of [undefined, null, "orders", {}, { name: "orders" }, () => topic]) {
      assert.isFalse(Topic.isTopic(value) || Topic.isSource(value) || Handler.isHandler(value))
    }
    assert.strictEqual(`${topic} ${source} ${handler}`, "Topic(orders) Source(/audit.+/) Handler(/audit.+/)")
    assert.deepStrictEqual(JSON.parse(JSON.stringify([topic, source, handler])), [
      { _id: "Topic", name: "orders" },
      { _id: "Source", pattern: "/audit.+/" },
      { _id: "Handler", source: "/audit.+/", call: "Record" }
    ])
    assert.strictEqual(inspect(topic), `{ _id: 'Topic', name: 'orders' }`)
    assert.strictEqual(topic.pipe((topic) => topic.name), "orders")
  })
})
