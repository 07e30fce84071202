/** What holds of Connect in memory and of a real worker alike. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { Connector, Connectors, FileStream, KafkaConnect } from "millrace/connect"

let names = 0

/** `files`: a folder in which the worker may read and write. */
export const connectSuite = (
  title: string,
  layer: Layer.Layer<KafkaConnect.Service, unknown>,
  files: () => string
): void => {
  const live = (
    name: string,
    run: (
      connect: KafkaConnect.Connect,
      file: string,
      unique: string
    ) => Effect.Effect<unknown, unknown, KafkaConnect.Service>
  ) =>
    it.live(
      name,
      () =>
        Effect.gen(function*() {
          const unique = `suite-${process.pid}-${++names}`
          yield* run(yield* KafkaConnect.Service, `${files()}/${unique}`, unique)
        }).pipe(Effect.provide(layer)),
      120_000
    )

  const source = (name: string, file: string, more: Connector.Options["config"] = {}) =>
    Connector.make(
      name,
      FileStream.source({ file, topic: `${name}-topic`, topics: { partitions: 1, replication: 1 }, config: more })
    )

  const publish = Effect.fnUntraced(function*(connectors: ReadonlyArray<Connector.Connector>) {
    const published = yield* Connectors.publish(yield* Connectors.plan(connectors))
    for (const { error } of published) if (error !== undefined) return yield* error
    return published
  })

  /** Waits until a connector was asked for a state, and has it. */
  const untilState = (connect: KafkaConnect.Connect, name: string, state: KafkaConnect.State) =>
    connect.status(name).pipe(
      Effect.repeat({ until: (status) => status.state === state, schedule: Schedule.spaced("50 millis") }),
      Effect.timeout("30 seconds")
    )

  describe(`Connect ${title}`, () => {
    live(
      "runs what is published, and a second plan has nothing to do",
      Effect.fnUntraced(function*(connect, file, name) {
        const connectors = [source(name, file, { "batch.size": 7, password: Redacted.make("hunter2") })]
        assert.deepStrictEqual((yield* publish(connectors)).map(({ done }) => done.length), [1])
        const status = yield* Connectors.settled(name, "60 seconds")
        assert.deepStrictEqual([status.type, status.tasks.map(({ state }) => state)], ["source", ["RUNNING"]])
        const again = yield* Connectors.plan(connectors)
        assert.isTrue(Connectors.isUpToDate(again))
        assert.deepStrictEqual(again.entries[0]!.changes, [])
        const info = yield* connect.get(name)
        assert.strictEqual(info.config["batch.size"], "7")
        assert.isTrue(Redacted.isRedacted(info.config["password"]))
        yield* connect.delete(name)
      })
    )

    live(
      "lists a connector from the moment that it can be read, with a status or without one",
      Effect.fnUntraced(function*(connect, file, name) {
        for (const nth of [1, 2, 3, 4, 5]) {
          const { plugin } = source(name, file)
          const unique = `${name}-${nth}`
          yield* connect.create(unique, { "connector.class": plugin, topic: `${name}-topic`, file })
          yield* Effect.retry(connect.get(unique), { while: ({ reason }) => reason._tag === "ConnectorNotFound" })
          assert.include((yield* connect.connectors).map(({ info }) => info.name), unique)
          yield* connect.delete(unique)
        }
      })
    )

    live(
      "changes what differs, and deletes what is marked",
      Effect.fnUntraced(function*(connect, file, name) {
        yield* publish([source(name, file)])
        const plan = yield* Connectors.plan([source(name, file, { "batch.size": 9 })])
        assert.deepStrictEqual(plan.entries[0]!.changes, [{
          key: "batch.size",
          kind: "added",
          from: undefined,
          to: "9"
        }])
        yield* Connectors.publish(plan)
        assert.strictEqual((yield* connect.get(name)).config["batch.size"], "9")
        yield* publish([Connector.remove(name)])
        assert.strictEqual((yield* Effect.flip(connect.get(name))).reason._tag, "ConnectorNotFound")
        assert.isTrue(Connectors.isUpToDate(yield* Connectors.plan([Connector.remove(name)])))
      })
    )

    live(
      "refuses by setting, and knows plugins like the one that is not there",
      Effect.fnUntraced(
        function*(connect, file, name) {
          const { plugin } = source(name, file)
          const wrong = Connector.make(name, { plugin, config: { file, "tasks.max": "zero" } })
          const unknown = Connector.make(`${name}-2`, { plugin: "a.b.FileStreamSourceConector", config: {} })
          const { entries } = yield* Connectors.plan([wrong, unknown])
          assert.deepStrictEqual(entries[0]!.problems.map(({ key }) => key).toSorted(), ["tasks.max", "topic"])
          assert.match(entries[1]!.problems[0]!.messages[0]!, /FileStreamSourceConnector/)
          const error = yield* Effect.flip(
            connect.create(name, { "connector.class": wrong.plugin, "tasks.max": "zero", topic: "t" })
          )
          assert.strictEqual(error.reason._tag, "InvalidConfig")
          yield* connect.create(name, { "connector.class": wrong.plugin, topic: "t", file })
          const twice = yield* Effect.flip(connect.create(name, { "connector.class": wrong.plugin, topic: "t" }))
          assert.strictEqual(twice.reason._tag, "ConnectorExists")
          yield* connect.delete(name)
        }
      )
    )

    live(
      "pauses, stops, moves offsets of what is stopped, and goes on",
      Effect.fnUntraced(
        function*(connect, file, name) {
          const place = { partition: { filename: file }, offset: { position: 0 } }
          yield* publish([Connector.make(name, {
            ...FileStream.source({ file, topic: `${name}-topic`, topics: { partitions: 1, replication: 1 } }),
            offsets: [place]
          })])
          yield* Connectors.settled(name, "60 seconds")
          assert.deepStrictEqual(yield* connect.offsets(name), [place])
          assert.strictEqual((yield* Effect.flip(connect.resetOffsets(name))).reason._tag, "NotStopped")
          yield* connect.pause(name)
          yield* untilState(connect, name, "PAUSED")
          yield* connect.stop(name)
          yield* untilState(connect, name, "STOPPED")
          yield* connect.alterOffsets(name, [{ ...place, offset: { position: 3 } }])
          assert.deepStrictEqual((yield* connect.offsets(name))[0]?.offset, { position: 3 })
          yield* connect.resetOffsets(name)
          assert.deepStrictEqual(yield* connect.offsets(name), [])
          yield* connect.resume(name)
          yield* Connectors.settled(name, "60 seconds")
          yield* connect.restart(name, { tasks: "all" })
          yield* Connectors.settled(name, "60 seconds")
          yield* connect.delete(name)
        }
      )
    )

    live(
      "changes single settings",
      Effect.fnUntraced(function*(connect, file, name) {
        yield* publish([source(name, file, { "batch.size": 7 })])
        yield* connect.patch(name, { "batch.size": null, "my.own": "x" })
        const { config } = yield* connect.get(name)
        assert.deepStrictEqual([config["batch.size"], config["my.own"]], [undefined, "x"])
        yield* connect.delete(name)
      })
    )

    live(
      "lists plugins and their settings, and sets loggers",
      Effect.fnUntraced(function*(connect) {
        const plugins = (yield* connect.plugins()).map((plugin) => plugin.class)
        assert.include(plugins, "org.apache.kafka.connect.file.FileStreamSinkConnector")
        const definitions = yield* connect.definitions("org.apache.kafka.connect.file.FileStreamSourceConnector")
        assert.isTrue(definitions.some(({ isRequired, name }) => name === "topic" && isRequired))
        yield* connect.setLogger("root", "WARN")
        assert.strictEqual((yield* connect.loggers)["root"], "WARN")
        yield* connect.setLogger("root", "INFO")
        assert.isTrue(yield* connect.isHealthy)
      })
    )

    live(
      "knows nothing of what is not there",
      Effect.fnUntraced(function*(connect) {
        for (
          const call of [
            connect.get("nope"),
            connect.status("nope"),
            connect.delete("nope"),
            connect.pause("nope"),
            connect.stop("nope"),
            connect.resume("nope"),
            connect.restart("nope"),
            connect.offsets("nope")
          ]
        ) {
          const error = yield* Effect.flip(call as Effect.Effect<unknown, any>)
          assert.strictEqual(error.reason._tag, "ConnectorNotFound")
        }
      })
    )
  })
}
