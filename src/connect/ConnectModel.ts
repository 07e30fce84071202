/**
 * What Kafka Connect runs and does, in types. Part of `KafkaConnect`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import type { Auth } from "../rest/restModel.ts"
import type { ConnectError } from "./ConnectError.ts"

export type {
  /**
   * How requests are authorized.
   *
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  Auth
} from "../rest/restModel.ts"

/**
 * The settings of a connector as Connect takes them. Values that are secret are `Redacted`: those that were given so,
 * and of a configuration that Connect returned those whose names or values look like secrets. A reference to a
 * configuration provider, `${file:/secrets:password}`, is no secret.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type ConnectorConfig = Readonly<Record<string, string | Redacted.Redacted>>

/**
 * What a connector or a task does. A connector may be `RUNNING` while its tasks are `FAILED`: look at both.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type State = "UNASSIGNED" | "RUNNING" | "PAUSED" | "STOPPED" | "FAILED" | "RESTARTING" | "DESTROYED"

/**
 * Whether a connector writes to Kafka (`source`) or reads from it (`sink`).
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type ConnectorType = "source" | "sink" | "unknown"

/**
 * What one task of a connector does, and where.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface TaskStatus {
  /** Counts from 0. */
  readonly id: number
  /** What it does. */
  readonly state: State
  /** The worker that runs it. */
  readonly worker: string | undefined
  /** Why it failed: a Java stack trace. */
  readonly trace: string | undefined
}

/**
 * What a connector does, and its tasks.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Status {
  /** The connector. */
  readonly name: string
  /** Source or sink. */
  readonly type: ConnectorType
  /** What the connector does; its tasks may do something else. */
  readonly state: State
  /** The worker that runs the connector. */
  readonly worker: string | undefined
  /** Why the connector failed: a Java stack trace. */
  readonly trace: string | undefined
  /** Its tasks; none for some hundred milliseconds after it was created, and while it is stopped. */
  readonly tasks: ReadonlyArray<TaskStatus>
}

/**
 * A connector that Connect has.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Info {
  /** The connector. */
  readonly name: string
  /** Source or sink. */
  readonly type: ConnectorType
  /** Its settings, as they were submitted: references are not resolved. Some distributions mask secrets. */
  readonly config: ConnectorConfig
  /** The ids of its tasks. */
  readonly tasks: ReadonlyArray<number>
}

/**
 * A connector with what it does; `status` is `undefined` right after it was created.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Described {
  /** What it is. */
  readonly info: Info
  /** What it does. */
  readonly status: Status | undefined
}

/**
 * Where a connector is: of a source what its plugin keeps, of a sink the offset of a partition of a topic. `null`
 * deletes an offset in `alterOffsets`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ConnectorOffset {
  /** What the offset is of: `{ filename: "/data/in.txt" }`, `{ kafka_topic: "orders", kafka_partition: 0 }`. */
  readonly partition: Readonly<Record<string, unknown>>
  /** The offset: `{ position: 14 }`, `{ kafka_offset: 3 }`. */
  readonly offset: Readonly<Record<string, unknown>> | null
}

/**
 * A plugin that the workers have.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Plugin {
  /** Its Java class. */
  readonly class: string
  /** `source`, `sink`, `converter`, `header_converter`, `transformation` or `predicate`. */
  readonly type: string
  /** Its version, where it has one. */
  readonly version: string | undefined
}

/**
 * A setting that a plugin knows.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Definition {
  /** The setting. */
  readonly name: string
  /** Kafka's type: `STRING`, `INT`, `LONG`, `SHORT`, `DOUBLE`, `BOOLEAN`, `LIST`, `CLASS`, `PASSWORD`. */
  readonly type: string
  /** Whether it has to be set. */
  readonly isRequired: boolean
  /** What holds where it is not set. */
  readonly defaultValue: string | undefined
  /** What it is for. */
  readonly documentation: string
}

/**
 * What a plugin says about one setting.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Validated {
  /** The setting. */
  readonly key: string
  /** What it is; `undefined` for settings that the plugin does not define. */
  readonly definition: Definition | undefined
  /** What is wrong with its value; empty if nothing is. */
  readonly errors: ReadonlyArray<string>
}

/**
 * What a plugin says about a configuration. It is valid if no setting has errors.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Validation {
  /** The plugin. */
  readonly plugin: string
  /** Whether no setting has errors. */
  readonly isValid: boolean
  /** All settings that the plugin knows, and those that were given. */
  readonly settings: ReadonlyArray<Validated>
}

/**
 * A worker, and the Kafka cluster it works for.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Worker {
  /** Its version. */
  readonly version: string
  /** The id of the Kafka cluster. */
  readonly kafkaClusterId: string
}

/**
 * What Kafka Connect does. `Service` is the service; `layer` and `layerMemory` provide it.
 *
 * Requests are repeated when no worker could be reached, and while the cluster rebalances. What must not be done twice
 * (creating, restarting) is repeated only if it was certainly not done.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Connect {
  /** The URL for messages, without credentials; `undefined` for Connect in memory. */
  readonly url: string | undefined
  /** A worker that answers. */
  readonly worker: Effect.Effect<Worker, ConnectError>
  /** Whether a worker is ready (KIP-1017; before Kafka 3.9 whether one answers). Fails if none can be reached. */
  readonly isHealthy: Effect.Effect<boolean, ConnectError>
  /** All connectors by name, with their status. */
  readonly connectors: Effect.Effect<ReadonlyArray<Described>, ConnectError>
  /** A connector and its settings. */
  readonly get: (name: string) => Effect.Effect<Info, ConnectError>
  /** What a connector does. Right after it was created there is no status yet: `ConnectorNotFound`. */
  readonly status: (name: string) => Effect.Effect<Status, ConnectError>
  /** Creates a connector; `initialState` needs Kafka 3.7 (KIP-980). */
  readonly create: (
    name: string,
    config: ConnectorConfig,
    options?: { readonly initialState?: "RUNNING" | "PAUSED" | "STOPPED" | undefined }
  ) => Effect.Effect<Info, ConnectError>
  /** Replaces all settings of a connector, or creates it. */
  readonly update: (name: string, config: ConnectorConfig) => Effect.Effect<Info, ConnectError>
  /** Changes some settings; `null` removes one (KIP-477, Kafka 3.8). */
  readonly patch: (
    name: string,
    changes: Readonly<Record<string, string | Redacted.Redacted | null>>
  ) => Effect.Effect<Info, ConnectError>
  /** Deletes a connector. A source's offsets stay, for a connector of the same name. */
  readonly delete: (name: string) => Effect.Effect<void, ConnectError>
  /** Lets its tasks rest; they keep what they hold. */
  readonly pause: (name: string) => Effect.Effect<void, ConnectError>
  /** Lets a paused or stopped connector go on. */
  readonly resume: (name: string) => Effect.Effect<void, ConnectError>
  /** Ends its tasks, so that its offsets can be changed (KIP-875). */
  readonly stop: (name: string) => Effect.Effect<void, ConnectError>
  /** Restarts a connector; with `tasks` its tasks, too, all of them or the `"failed"` ones alone (KIP-745). */
  readonly restart: (
    name: string,
    options?: { readonly tasks?: "all" | "failed" | undefined }
  ) => Effect.Effect<void, ConnectError>
  /** Restarts one task. */
  readonly restartTask: (name: string, task: number) => Effect.Effect<void, ConnectError>
  /** Where a connector is. */
  readonly offsets: (name: string) => Effect.Effect<ReadonlyArray<ConnectorOffset>, ConnectError>
  /** Moves a stopped connector. */
  readonly alterOffsets: (
    name: string,
    offsets: ReadonlyArray<ConnectorOffset>
  ) => Effect.Effect<void, ConnectError>
  /** Forgets where a stopped connector was. */
  readonly resetOffsets: (name: string) => Effect.Effect<void, ConnectError>
  /** The topics that a connector used since it was created, or since they were reset. */
  readonly topics: (name: string) => Effect.Effect<ReadonlyArray<string>, ConnectError>
  /** Forgets which topics a connector used. */
  readonly resetTopics: (name: string) => Effect.Effect<void, ConnectError>
  /** The plugins of the workers: connectors, and with `all` converters, transformations and predicates, too. */
  readonly plugins: (
    options?: { readonly all?: boolean | undefined }
  ) => Effect.Effect<ReadonlyArray<Plugin>, ConnectError>
  /** The settings that a plugin knows. */
  readonly definitions: (plugin: string) => Effect.Effect<ReadonlyArray<Definition>, ConnectError>
  /** What a plugin says about a configuration. Some plugins try it out: Debezium connects to the database. */
  readonly validate: (config: ConnectorConfig) => Effect.Effect<Validation, ConnectError>
  /** The levels of the loggers of a worker. */
  readonly loggers: Effect.Effect<Readonly<Record<string, string>>, ConnectError>
  /** Sets a logger's level on one worker, or on all of them (`"cluster"`, KIP-976). */
  readonly setLogger: (
    logger: string,
    level: string,
    options?: { readonly scope?: "worker" | "cluster" | undefined }
  ) => Effect.Effect<void, ConnectError>
}

/**
 * The settings of {@link layer}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The URL of a worker, or of several of one cluster: the next one is asked when one is down. */
  readonly url: string | ReadonlyArray<string>
  /** How requests are authorized (default: not). Credentials within the URL are Basic, too. */
  readonly auth?: Auth | undefined
  /** Headers of every request (default none). */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * How long one request may take (default 60 seconds: while a worker joins, a change takes up to 25). What a worker
   * knows by itself, as its version and its health, may take 15 seconds at most.
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * When a request is repeated (default 8 times, from 250 ms, doubling up to 5 seconds, jittered, but not later than 30
   * seconds after the first).
   */
  readonly retry?: Schedule.Schedule<unknown, ConnectError> | undefined
}
