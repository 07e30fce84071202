import { assert, describe, it } from "@effect/vitest"
import { Codec, Topic } from "millrace"

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
})
