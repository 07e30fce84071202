/**
 * npm run soak -- [--operations 10000] [--guard origin,column] [--seed 1]
 *
 * Two databases that are synced in both directions, by real connectors and a real Kafka, while programs write the same
 * rows on both sides, and while everything fails: the syncs are killed, Connect is killed, the broker is restarted,
 * sessions are cut. In the end both sides have the same rows, and no event went round. The same in small runs in the
 * tests.
 */
import * as Effect from "effect/Effect"
import { FetchHttpClient } from "effect/http"
import * as Layer from "effect/Layer"
import { KafkaConnect } from "millrace/connect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { parseArgs } from "node:util"
import { startConnect } from "../test/services/connect.ts"
import { debeziumPlugins } from "../test/services/debezium.ts"
import { startBroker } from "../test/services/kafka.ts"
import { startPostgres } from "../test/services/postgres.ts"
import type { Ends, Guard } from "../test/sql/bidirectional/syncs.ts"
import { converged, makeWorld, operate, settled } from "../test/sql/bidirectional/world.ts"
import { ensureAddon } from "./addon.mjs"

const { values: options } = parseArgs({
  options: {
    operations: { type: "string", default: "10000" },
    guard: { type: "string", default: "origin,column" },
    seed: { type: "string", default: "1" }
  }
})

const say = (line: string) => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`)

/** The syncs as a process. */
const startSyncs = (ends: Ends) => {
  const program = join(import.meta.dirname, "..", "test", "sql", "bidirectional", "syncProcess.ts")
  const start = () => {
    const child = spawn(process.execPath, ["--conditions=millrace-source", program, JSON.stringify(ends)], {
      stdio: ["ignore", "ignore", "inherit"]
    })
    return { child, ended: once(child, "exit") }
  }
  let current = start()
  const kill = async () => {
    current.child.kill("SIGKILL")
    await current.ended
  }
  return {
    kill,
    restart: async () => {
      await kill()
      current = start()
    }
  }
}

const soak = Effect.fnUntraced(function*(guard: Guard) {
  const [plugins, broker] = yield* Effect.promise(() => Promise.all([debeziumPlugins(), startBroker()]))
  const kafka = broker.bootstrap
  const [postgres, connect] = yield* Effect.promise(() =>
    Promise.all([startPostgres(""), startConnect(kafka, plugins)])
  )
  const servers = { postgres: { host: postgres.host, port: postgres.port }, kafka }
  yield* Effect.addFinalizer(() =>
    Effect.promise(() => Promise.all([connect.kill(), postgres.stop(), broker.remove()]))
  )
  const api = KafkaConnect.layer({ url: connect.url }).pipe(Layer.provide(FetchHttpClient.layer))
  const world = yield* Effect.provide(makeWorld(servers, guard, `soak_${guard}`), api)
  const endOf = ({ name, place }: typeof world.east) => ({ name, place })
  const syncs = startSyncs({ servers, guard, east: endOf(world.east), west: endOf(world.west) })
  yield* Effect.addFinalizer(() => Effect.promise(syncs.kill))

  const faults: ReadonlyArray<readonly [string, () => Promise<void>]> = [
    ["nothing fails", async () => {}],
    ["the syncs are killed, three times", async () => {
      for (let i = 0; i < 3; i++) {
        await syncs.restart()
        await delay(3_000)
      }
    }],
    ["Connect is killed", async () => {
      await connect.kill()
      await connect.start()
    }],
    ["the broker is restarted", () => broker.restart()],
    ["sessions of the syncs are cut", async () => {
      for (let i = 0; i < 10; i++) {
        await Effect.runPromise(world.cutSessions)
        await delay(300)
      }
    }],
    ["everything of that", async () => {
      await Promise.all([syncs.restart(), connect.stop(), broker.restart()])
      await connect.start()
      await Effect.runPromise(world.cutSessions)
    }]
  ]
  const begun = performance.now()
  const each = Math.ceil(Number(options.operations) / 2 / faults.length)
  for (const [i, [what, run]] of faults.entries()) {
    say(`${guard}: ${what}, ${2 * each} operations`)
    // In parts, so that they last as long as the fault does.
    let isOver = false
    const fault = Effect.promise(run).pipe(Effect.tap(() => Effect.sync(() => isOver = true)))
    const work = Effect.gen(function*() {
      for (let part = 0; part < 10; part++) {
        yield* operate(world, Math.ceil(each / 10), Number(options.seed) * 1_000 + i * 10 + part, 400)
        if (!isOver) yield* Effect.sleep("1 second")
      }
    })
    yield* Effect.all([fault, work], { concurrency: 2 })
  }
  const rows = yield* converged(world, "300 seconds")
  const [east, west] = yield* settled(servers, world)
  const most = guard === "column" ? 2 : 1
  const goes = east!.synced > west!.own * most || west!.synced > (world.hides ? 0 : east!.own * most)
  if (goes) throw new Error(`events go round: ${JSON.stringify({ east, west })}`)
  say(
    `${guard}: both sides have the same ${rows.length} rows after ${
      Math.round((performance.now() - begun) / 1_000)
    } s; `
      + `events of programs ${east!.own} and ${west!.own}, of syncs ${east!.synced} and ${west!.synced}`
  )
})

await ensureAddon()
for (const guard of options.guard.split(",")) {
  if (guard !== "origin" && guard !== "column") throw new Error(`--guard: ${guard} is neither origin nor column`)
  await Effect.runPromise(Effect.scoped(soak(guard)))
}
process.exit()
