/** Exactly once, while the processes of a sync are killed with -9; crashes.sql.test.ts cuts connections instead. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { Migrations, Waiting } from "millrace/sql"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll } from "vitest"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import { committed, createTopic, engineAt, until } from "../../faults/cluster.ts"
import { MemberProcesses } from "../../faults/memberProcess.ts"
import { randomOf } from "../../internal/loop/random.ts"
import { client } from "../../services/database.ts"
import { sharedKafka } from "../../services/env.ts"
import { type PostgresServer, startPostgres } from "../../services/postgres.ts"
import { checksum, count, expected, ids, produceTo, statements } from "./checksum.ts"
import { connectTopic } from "./kit.ts"
import type { Settings } from "./syncProcess.ts"

let postgres: PostgresServer
beforeAll(async () => {
  postgres = await startPostgres("")
})
afterAll(() => postgres.stop())

const program = fileURLToPath(new URL("syncProcess.ts", import.meta.url))

/** Whoever writes the row waits for this lock. */
const gate = 1
const waits = [
  `CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_advisory_xact_lock_shared(${gate});
    RETURN NEW;
  END $$`
]

/** When the row with this id is written, or when its transaction is committed. */
const stopAt = (id: number, when: "write" | "commit") =>
  `CREATE ${when === "write" ? "TRIGGER" : "CONSTRAINT TRIGGER"} waits_${id} ${
    when === "write" ? "BEFORE" : "AFTER"
  } INSERT ON written ${
    when === "write" ? "" : "DEFERRABLE INITIALLY DEFERRED"
  } FOR EACH ROW WHEN (NEW.id = ${id}) EXECUTE FUNCTION waits()`

/** An even id and an odd one, which are of different partitions, in the middle of the first two thirds. */
const middle = (seed: number): readonly [number, number] => {
  const { between } = randomOf(seed)
  return [2 * between(8, 18), 2 * between(8, 18) + 1]
}

/** A database, a group, and the topic of the table `written`; both have two partitions. */
const makeScene = Effect.fnUntraced(function*(name: string, tables: ReadonlyArray<string> = ["written"]) {
  const scene = `killed_${process.pid}_${name}`
  const admin = yield* Layer.build(client({ ...postgres, database: "postgres" }, { maxConnections: 1 }))
  yield* Context.get(admin, SqlClient).unsafe(`CREATE DATABASE ${scene}`)
  const place = { ...postgres, database: scene }
  const services = Context.merge(yield* engineAt(sharedKafka()), yield* Layer.build(client(place)))
  const sql = Context.get(services, SqlClient)
  const run = <A, E>(effect: Effect.Effect<A, E, KafkaEngine.Service | SqlClient>) => Effect.provide(effect, services)
  const topic = (table: string) => connectTopic(`${scene}.${table}`)
  for (const statement of [...statements, ...waits]) yield* sql.unsafe(statement)
  yield* run(Migrations.run())
  for (const table of tables) yield* run(createTopic(topic(table).name, 2))

  const processes = new MemberProcesses(program)
  yield* Effect.addFinalizer(() => Effect.sync(() => processes.end()))
  /** Starts a process. Kafka learns no position from it before it stops in good order. */
  const start = (name: string) => {
    const applicationName = `${scene}_${name}`
    const settings: Settings = {
      bootstrap: sharedKafka(),
      place,
      applicationName,
      group: scene,
      tables: Object.fromEntries(tables.map((table) => [topic(table).name, `public.${table}`])),
      consumer: { commitInterval: "10 minutes", sessionTimeout: 5_000 }
    }
    const child = processes.start(name, settings, () => child.output().includes("ended"))
    return { ...child, name, applicationName }
  }
  type Process = ReturnType<typeof start>

  /** Waits until so many sessions of a process wait for a lock, in statements that begin with this. */
  const stuck = ({ applicationName, name, output }: Process, statement: string, sessions = 1) =>
    until(
      `${name} waits in ${statement}`,
      Effect.map(
        sql`SELECT pid FROM pg_stat_activity WHERE application_name = ${applicationName}
          AND wait_event_type = 'Lock' AND starts_with(query, ${statement})`,
        (rows) => rows.length === sessions
      )
    ).pipe(Effect.tapCause(() => Effect.logError(output())))

  /** Takes a lock in a transaction, and returns what ends it. */
  const hold = Effect.fnUntraced(function*(lock: string) {
    const held = yield* Deferred.make<void>()
    const released = yield* Deferred.make<void>()
    const holding = Effect.andThen(Deferred.succeed(held, undefined), Deferred.await(released))
    const fiber = yield* Effect.forkScoped(sql.withTransaction(Effect.andThen(sql.unsafe(lock), holding)))
    yield* Effect.raceFirst(Deferred.await(held), Fiber.join(fiber))
    return Effect.andThen(Deferred.succeed(released, undefined), Fiber.join(fiber))
  })

  const written = (records: number) => until(`${records} are written`, Effect.map(run(count), (all) => all >= records))

  /** Kills a process, of which Kafka knows no position. */
  const kill = Effect.fnUntraced(function*(old: Process) {
    yield* Effect.promise(old.kill)
    assert.deepStrictEqual(yield* run(committed(scene)), [])
  })

  return {
    sql,
    run,
    group: scene,
    start,
    stuck,
    hold,
    kill,
    /** Kills a process whose transactions wait, and starts another one, which waits for them. */
    replace: Effect.fnUntraced(function*(old: Process) {
      yield* kill(old)
      const next = start("next")
      yield* stuck(next, claim)
      return next
    }),
    close: hold(`SELECT pg_advisory_xact_lock(${gate})`),
    produce: (some?: ReadonlyArray<number>, table = "written") => run(produceTo(topic(table), some)),
    written,
    /** How many of these records are there. */
    has: (some: ReadonlyArray<number>) =>
      Effect.map(sql`SELECT id FROM written WHERE ${sql.in("id", some)}`, (rows) => rows.length),
    /** Waits for the rest, and stops the process that wrote it. */
    ends: Effect.fnUntraced(function*(last: Process) {
      yield* written(ids.length)
      yield* Effect.promise(last.stop)
      assert.deepStrictEqual(yield* run(checksum), expected)
    })
  }
})

/** How statements begin: one that claims partitions, and one that writes rows. */
const claim = "INSERT INTO \"millrace\".\"offsets\""
const write = "INSERT INTO \"public\".\"written\""

describe("a process is killed with -9, and each record is written once, in its order", { concurrent: true }, () => {
  it.live("inside the transaction", () =>
    Effect.scoped(Effect.gen(function*() {
      const scene = yield* makeScene("inside")
      const [id] = middle(46)
      yield* scene.sql.unsafe(stopAt(id, "write"))
      const open = yield* scene.close
      yield* scene.produce()
      const first = scene.start("first")
      yield* scene.stuck(first, write)
      assert.strictEqual(yield* scene.has([id]), 0)
      assert.strictEqual(yield* scene.has([0]), 1)
      const next = yield* scene.replace(first)
      yield* open
      yield* scene.ends(next)
    })))

  it.live("in the COMMIT, whose answer never comes, before anything is committed in Kafka", () =>
    Effect.scoped(Effect.gen(function*() {
      const scene = yield* makeScene("commit")
      const [id] = middle(47)
      yield* scene.sql.unsafe(stopAt(id, "commit"))
      const open = yield* scene.close
      yield* scene.produce()
      const first = scene.start("first")
      yield* scene.stuck(first, "COMMIT")
      assert.strictEqual(yield* scene.has([id]), 0)
      yield* scene.kill(first)
      // Nobody is left whom the answer could reach.
      yield* open
      yield* until("the transaction is committed", Effect.map(scene.has([id]), (rows) => rows === 1))
      yield* scene.ends(scene.start("next"))
    })))

  it.live("while it gives up a partition to another member, in the middle of the transactions of both", () =>
    Effect.scoped(Effect.gen(function*() {
      const scene = yield* makeScene("revoke")
      const both = middle(48)
      for (const id of both) yield* scene.sql.unsafe(stopAt(id, "write"))
      const open = yield* scene.close
      yield* scene.produce()
      const first = scene.start("first")
      yield* scene.stuck(first, write, 2)
      const next = scene.start("next")
      yield* until("it has to give up a partition", Effect.sync(() => first.output().includes("revoking")))
      assert.strictEqual(yield* scene.has(both), 0)
      yield* scene.kill(first)
      yield* scene.stuck(next, claim)
      yield* open
      yield* scene.ends(next)
    })))

  it.live("while it releases a row that waited for its parent, and others wait", () =>
    Effect.scoped(Effect.gen(function*() {
      const scene = yield* makeScene("waiting", ["parents", "written"])
      const [id] = middle(49)
      yield* scene.sql.unsafe("CREATE TABLE parents (id int PRIMARY KEY, value int)")
      yield* scene.sql.unsafe("ALTER TABLE written ADD FOREIGN KEY (id) REFERENCES parents")
      yield* scene.sql.unsafe(stopAt(id, "write"))
      const open = yield* scene.close
      yield* scene.produce()
      const first = scene.start("first")
      const waiting = (rows: number) =>
        until(
          `${rows} wait`,
          Effect.map(scene.run(Waiting.status()), (status) => status.waiting === rows)
        )
      yield* waiting(ids.length)
      yield* scene.produce(ids.slice(0, 40), "parents")
      yield* scene.stuck(first, write)
      assert.strictEqual(yield* scene.has([id]), 0)
      const next = yield* scene.replace(first)
      yield* open
      yield* scene.written(40)
      yield* waiting(ids.length - 40)
      yield* scene.produce(ids.slice(40), "parents")
      yield* scene.ends(next)
      yield* waiting(0)
    })))

  it.live("during its start, when it claims its partitions", () =>
    Effect.scoped(Effect.gen(function*() {
      const scene = yield* makeScene("start")
      yield* scene.produce(ids.slice(0, 30))
      const former = scene.start("former")
      yield* scene.written(30)
      yield* Effect.promise(former.stop)
      // What it committed in Kafka in the end is of no use to the next one.
      const admin = yield* scene.run(Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin))
      yield* admin.deleteGroup(scene.group)
      const partition = randomOf(50).between(0, 1)
      const release = yield* scene.hold(
        `SELECT FROM millrace.offsets WHERE partition = ${partition} FOR UPDATE`
      )
      yield* scene.produce(ids.slice(30))
      const first = scene.start("first")
      yield* scene.stuck(first, claim)
      const next = yield* scene.replace(first)
      yield* release
      yield* scene.ends(next)
    })))
})
