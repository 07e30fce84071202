/**
 * Two databases, a Debezium source each, Kafka, and a sync each way: both end with the same rows, and no event goes
 * round. `npm run soak` does the same with more operations and more faults.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { FetchHttpClient } from "effect/http"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { KafkaConnect } from "millrace/connect"
import { afterAll, beforeAll } from "vitest"
import { type ConnectServer, startConnect } from "../../services/connect.ts"
import { debeziumPlugins } from "../../services/debezium.ts"
import { sharedKafka } from "../../services/env.ts"
import { type PostgresServer, startPostgres } from "../../services/postgres.ts"
import type { Guard, Servers } from "./syncs.ts"
import { converged, makeWorld, marks, operate, settled, type World } from "./world.ts"

let connect: ConnectServer
let postgres: PostgresServer
let servers: Servers
const scope = Scope.makeUnsafe()
const worlds = new Map<Guard, World>()

const seeds = [1, 2, 3]

/** Operations of each seed; `part` tells those of one run from each other. */
const work = (world: World, count: number, part: number) =>
  Effect.forEach(seeds, (seed) => operate(world, count, seed * 10 + part), { discard: true })

beforeAll(async () => {
  const plugins = await debeziumPlugins()
  ;[postgres, connect] = await Promise.all([startPostgres(""), startConnect(sharedKafka(), plugins)])
  servers = { postgres, kafka: sharedKafka() }
  await Effect.gen(function*() {
    const both = yield* Effect.forEach(
      ["origin", "column"] as const,
      (guard) =>
        Effect.map(makeWorld(servers, guard, `two_${guard}_${process.pid}`), (world) => [guard, world] as const),
      { concurrency: 2 }
    )
    for (const [guard, world] of both) worlds.set(guard, world)
    const all = <E>(run: (world: World) => Effect.Effect<unknown, E>) =>
      Effect.forEach([...worlds.values()], run, { concurrency: 2, discard: true })
    yield* all(({ startSyncs }) => startSyncs)
    yield* all((world) => Effect.andThen(work(world, 60, 0), converged(world)))
    // While the worker is down, its slots keep what happens; sessions of the syncs are cut meanwhile.
    yield* Effect.promise(() => connect.stop())
    yield* all((world) => Effect.andThen(work(world, 60, 1), world.cutSessions))
    yield* Effect.all([
      Effect.promise(() => connect.start()),
      all((world) => work(world, 60, 2))
    ], { concurrency: 2 })
    yield* all((world) =>
      Effect.gen(function*() {
        yield* work(world, 30, 3)
        yield* world.stopSyncs
        yield* work(world, 30, 4)
        yield* world.startSyncs
        yield* work(world, 60, 5)
      })
    )
  }).pipe(
    Effect.provide(KafkaConnect.layer({ url: connect.url }).pipe(Layer.provide(FetchHttpClient.layer))),
    Scope.provide(scope),
    Effect.runPromise
  )
}, 300_000)

afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await connect?.kill()
  await postgres?.stop()
})

describe("a sync in both directions", () => {
  for (const guard of ["origin", "column"] as const) {
    const title = guard === "origin" ? "replication origins" : "a column that marks rows"
    it.live(
      `ends with the same rows on both sides, and no event goes round, with ${title}`,
      () =>
        Effect.gen(function*() {
          const world = worlds.get(guard)!
          const { east, hides, west } = world
          assert.isAbove((yield* converged(world)).length, 40)
          const [atEast, atWest] = yield* settled(servers, world)
          // One event of a side changes one row of the other, at most; a deletion turns its mark first.
          const most = guard === "column" ? 2 : 1
          assert.isAbove(atEast!.own + atWest!.own, 300)
          assert.isAbove(atEast!.synced, 40)
          assert.isAtMost(atEast!.synced, atWest!.own * most)
          assert.isAtMost(atWest!.synced, hides ? 0 : atEast!.own * most)
          // What goes round would go on doing so.
          for (let i = 0; i < 5; i++) {
            yield* east.own`INSERT INTO items VALUES (${2_000 + i}, 'east')`
            yield* west.own`INSERT INTO items VALUES (${3_000 + i}, 'west')`
            yield* converged(world)
          }
          const each = 5 + marks
          assert.deepStrictEqual(yield* settled(servers, world), [
            { own: atEast!.own + each, synced: atEast!.synced + each },
            { own: atWest!.own + each, synced: hides ? 0 : atWest!.synced + each }
          ])
        }),
      120_000
    )
  }
})
