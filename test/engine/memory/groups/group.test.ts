import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { GroupCoordinator } from "../../../../src/engine/memory/groups/group.ts"
import type { Instruction, MemberSpec } from "../../../../src/engine/memory/groups/group.ts"
import type { Assignor } from "../../../../src/KafkaConfig.ts"
import { format } from "../../../../src/TopicPartition.ts"

const member = (memberId: string, assignor: Assignor, wants: (topic: string) => boolean = () => true): MemberSpec => ({
  memberId,
  instanceId: undefined,
  clientId: "client",
  assignor,
  protocol: "classic",
  wants
})

const small = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 }))

const Step = Schema.Union([
  Schema.TaggedStruct("Join", { who: small }),
  Schema.TaggedStruct("Leave", { who: small }),
  Schema.TaggedStruct("Answer", { who: small }),
  Schema.TaggedStruct("Answer", { who: small }),
  Schema.TaggedStruct("Grow", {}),
  Schema.TaggedStruct("Rebalance", {})
])

const Steps = Arbitrary.array(Arbitrary.schema(Step), { maxLength: 50 })

/** Members that keep count of what they were told. */
class World {
  readonly group = new GroupCoordinator("g")
  readonly partitions = new Map([["a", 3], ["b", 1]])
  readonly owned = new Map<string, Set<string>>()
  readonly revokes = new Map<string, Array<Instruction>>()
  private readonly assignor: Assignor

  constructor(assignor: Assignor) {
    this.assignor = assignor
  }

  run(step: typeof Step.Type): void {
    switch (step._tag) {
      case "Join": {
        const id = `m${step.who}`
        if (this.owned.has(id)) return
        this.owned.set(id, new Set())
        this.revokes.set(id, [])
        const joined = this.group.join(member(id, this.assignor), this.partitions)
        if (joined._tag === "Joined") this.take(joined.instructions)
        return
      }
      case "Leave": {
        this.owned.delete(`m${step.who}`)
        this.revokes.delete(`m${step.who}`)
        return this.take(this.group.leave(`m${step.who}`, this.partitions))
      }
      case "Answer":
        return this.answer(`m${step.who}`)
      case "Grow": {
        this.partitions.set("a", this.partitions.get("a")! + 1)
        assert.strictEqual(this.group.isOutdated(this.partitions), this.owned.size > 0)
        return this.take(this.group.rebalance(this.partitions))
      }
      case "Rebalance":
        return this.take(this.group.rebalance(this.partitions))
    }
  }

  answer(id: string): void {
    const instruction = this.revokes.get(id)?.shift()
    if (instruction === undefined) return
    for (const tp of instruction.partitions) this.owned.get(id)!.delete(format(tp))
    this.take(this.group.revoked(id, instruction.partitions))
  }

  /** Takes in what is told, and checks that nobody is given what another one has. */
  private take(instructions: ReadonlyArray<Instruction>): void {
    for (const instruction of instructions) {
      const own = this.owned.get(instruction.memberId)
      assert.isDefined(own)
      for (const tp of instruction.partitions) {
        if (instruction.kind === "revoke") {
          assert.isTrue(own!.has(format(tp)))
        } else {
          for (const other of this.owned.values()) assert.isFalse(other.has(format(tp)))
          own!.add(format(tp))
        }
      }
      if (instruction.kind === "revoke") this.revokes.get(instruction.memberId)!.push(instruction)
    }
  }

  answerAll(): void {
    for (let turn = 0; turn < 100; turn++) for (const id of this.owned.keys()) this.answer(id)
  }
}

describe.each(["cooperative-sticky", "range", "roundrobin"] as const)("a group with %s", (assignor) => {
  it.prop("never gives a partition to two, and all of them to somebody in the end", [Steps], ([steps]) => {
    const world = new World(assignor)
    for (const step of steps) world.run(step)
    world.answerAll()
    if (world.owned.size === 0) {
      assert.strictEqual(world.group.state, "Empty")
      return
    }
    assert.strictEqual(world.group.state, "Stable")
    const owned = [...world.owned.values()].flatMap((keys) => [...keys]).sort()
    const all = [...world.partitions].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => `${topic}/${partition}`)
    )
    assert.deepStrictEqual(owned, all.sort())
    assert.isFalse(world.group.isOutdated(world.partitions))
    for (const { owned, spec } of world.group) {
      assert.deepStrictEqual(owned.toArray().map(format).sort(), [...world.owned.get(spec.memberId)!].sort())
    }
  })
})

describe("a cooperative group", () => {
  const partitions = new Map([["a", 4]])

  it("takes only what moves, and gives it on when it is free", () => {
    const group = new GroupCoordinator("g")
    group.join(member("m1", "cooperative-sticky"), partitions)
    const joined = group.join(member("m2", "cooperative-sticky"), partitions)
    assert.isTrue(joined._tag === "Joined")
    const [revoke, ...rest] = joined._tag === "Joined" ? joined.instructions : []
    assert.deepStrictEqual(rest, [])
    assert.deepInclude(revoke, { memberId: "m1", kind: "revoke" })
    assert.lengthOf(revoke!.partitions, 2)
    assert.strictEqual(group.state, "PreparingRebalance")
    assert.deepStrictEqual(group.revoked("m1", revoke!.partitions), [
      { memberId: "m2", kind: "assign", partitions: revoke!.partitions }
    ])
    assert.strictEqual(group.state, "Stable")
  })

  it("refuses a member with an eager assignor", () => {
    const group = new GroupCoordinator("g")
    group.join(member("m1", "cooperative-sticky"), partitions)
    assert.strictEqual(group.join(member("m2", "range"), partitions)._tag, "Mismatch")
    assert.strictEqual(group.size, 1)
  })

  it("fences generations and members that are gone", () => {
    const group = new GroupCoordinator("g")
    group.join(member("m1", "cooperative-sticky"), partitions)
    const { generation } = group
    assert.strictEqual(group.standing("m1", generation), "current")
    group.join(member("m2", "cooperative-sticky"), partitions)
    assert.strictEqual(group.standing("m1", generation), "stale")
    assert.strictEqual(group.standing("m1"), "current")
    group.leave("m1", partitions)
    assert.strictEqual(group.standing("m1"), "unknown")
  })

  it("lets a static member take its place again without a rebalance", () => {
    const group = new GroupCoordinator("g")
    group.join({ ...member("m1", "cooperative-sticky"), instanceId: "one" }, partitions)
    group.join(member("m2", "cooperative-sticky"), partitions)
    const before = group.get("m1")!.owned.toArray().filter((tp) => !group.get("m1")!.revoking.has(tp))
    group.revoked("m1", group.get("m1")!.revoking.toArray())
    const { generation } = group
    const joined = group.join({ ...member("m3", "cooperative-sticky"), instanceId: "one" }, partitions)
    assert.deepStrictEqual(joined, {
      _tag: "Joined",
      fenced: "m1",
      instructions: [{ memberId: "m3", kind: "assign", partitions: before }]
    })
    assert.strictEqual(group.generation, generation)
  })
})

describe("an eager group", () => {
  it("takes everything from everybody before anybody gets something", () => {
    const partitions = new Map([["a", 4]])
    const group = new GroupCoordinator("g")
    group.join(member("m1", "range"), partitions)
    const { generation } = group
    const joined = group.join(member("m2", "range"), partitions)
    const instructions = joined._tag === "Joined" ? joined.instructions : []
    assert.lengthOf(instructions, 1)
    assert.lengthOf(instructions[0]!.partitions, 4)
    assert.strictEqual(group.generation, generation)
    const shared = group.revoked("m1", instructions[0]!.partitions)
    assert.deepStrictEqual(shared.map(({ kind, memberId, partitions }) => [memberId, kind, partitions.length]), [
      ["m1", "assign", 2],
      ["m2", "assign", 2]
    ])
    assert.strictEqual(group.generation, generation + 1)
  })
})
