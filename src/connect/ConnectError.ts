/**
 * The typed errors of everything that talks to Kafka Connect, or plans what it should run.
 *
 * A `reason` is one of a closed list: match it with `Effect.catchReason("ConnectError", "ConnectorNotFound", …)`, or
 * look at `isRetryable`. URLs in it have no credentials, and secrets of configurations are left out of messages.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * There is no such connector.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class ConnectorNotFound extends Data.TaggedError("ConnectorNotFound")<{ readonly connector: string }> {
  override get message(): string {
    return `there is no connector "${this.connector}"; list the connectors, and check the name and its prefix`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A connector of this name exists, and was to be created.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class ConnectorExists extends Data.TaggedError("ConnectorExists")<{ readonly connector: string }> {
  override get message(): string {
    return `connector "${this.connector}" exists already; update it, or choose another name`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The workers of the cluster are sharing out their connectors, or have just changed a configuration. Retryable: it
 * passes within seconds.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Rebalancing extends Data.TaggedError("Rebalancing")<{ readonly problem: string }> {
  override get message(): string {
    return `the Connect cluster is rebalancing (${this.problem}); try again in some seconds`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * What is wrong with one setting of a configuration.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Problem {
  /** The setting, such as `tasks.max`; `undefined` where Connect names none. */
  readonly key: string | undefined
  /** What is wrong with it, in Connect's words; secrets are left out. */
  readonly messages: ReadonlyArray<string>
}

/**
 * A plugin refuses a configuration, setting by setting.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class InvalidConfig extends Data.TaggedError("InvalidConfig")<{
  readonly connector: string
  readonly problems: ReadonlyArray<Problem>
}> {
  override get message(): string {
    const problems = this.problems.map(({ key, messages }) =>
      key === undefined ? messages.join(", ") : `${key}: ${messages.join(", ")}`
    )
    return `the configuration of connector "${this.connector}" is not valid: ${problems.join("; ")}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The workers have no such plugin. `close` are names like it that they have.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class UnknownPlugin extends Data.TaggedError("UnknownPlugin")<{
  readonly plugin: string
  readonly close: ReadonlyArray<string>
}> {
  override get message(): string {
    const hint = this.close.length === 0 ? "" : `, but they have ${this.close.join(" and ")}`
    return `the workers have no plugin "${this.plugin}"${hint}; a plugin has to be in their plugin.path`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Offsets can be changed of a stopped connector only.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class NotStopped extends Data.TaggedError("NotStopped")<{ readonly connector: string }> {
  override get message(): string {
    return `connector "${this.connector}" has to be stopped before its offsets can be changed`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A connector or a task of it has failed, or does not do in time what the connector was asked to.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class NotRunning extends Data.TaggedError("NotRunning")<{
  readonly connector: string
  readonly problem: string
}> {
  override get message(): string {
    return `connector "${this.connector}" does not run: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Connect refused the credentials, or they may not do this.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Unauthorized extends Data.TaggedError("Unauthorized")<{
  readonly status: number
  readonly problem: string
}> {
  override get message(): string {
    return `Connect refused the request (status ${this.status}: ${this.problem}); check \`auth\``
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * No worker could be reached, or each was too busy or broken: connection errors, time-outs, status 408, 429 and 5xx.
 * Retryable.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Unavailable extends Data.TaggedError("Unavailable")<{ readonly problem: string }> {
  override get message(): string {
    return `Connect is not available (${this.problem}); check its URL and that a worker runs`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * A setting of ours is wrong, or a value that a configuration needs is missing, such as a secret that the environment
 * does not have.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class InvalidSetting extends Data.TaggedError("InvalidSetting")<{ readonly problem: string }> {
  override get message(): string {
    return this.problem
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A saved plan is not what would be done now: the cluster or the declared connectors changed, or the file was edited.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class StalePlan extends Data.TaggedError("StalePlan")<{ readonly problem: string }> {
  override get message(): string {
    return `the saved plan cannot be applied: ${this.problem}; make a new plan and look at it`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Connect returned something that it should not, or refused a request for a reason without a name here.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Unexpected extends Data.TaggedError("Unexpected")<{
  readonly status: number
  readonly problem: string
}> {
  override get message(): string {
    return `Connect returned status ${this.status}: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Why a request to Connect, or a plan, failed.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export type Reason =
  | ConnectorNotFound
  | ConnectorExists
  | Rebalancing
  | InvalidConfig
  | UnknownPlugin
  | NotStopped
  | NotRunning
  | Unauthorized
  | Unavailable
  | InvalidSetting
  | StalePlan
  | Unexpected

const TypeId = "~millrace/ConnectError"

/**
 * The one error of everything that talks to Kafka Connect. `operation` says what was being done, `url` with which
 * worker (without credentials; absent for Connect in memory).
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { KafkaConnect } from "millrace/connect"
 *
 * export const status = Effect.gen(function*() {
 *   const connect = yield* KafkaConnect.Service
 *   return yield* connect.status("orders-source")
 * }).pipe(
 *   Effect.catchReason("ConnectError", "ConnectorNotFound", (reason) =>
 *     Effect.logWarning(`publish ${reason.connector} first`))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class ConnectError extends Data.TaggedError("ConnectError")<{
  readonly reason: Reason
  readonly operation: string
  readonly url?: string | undefined
  readonly cause?: unknown
}> {
  /** Marks the value for {@link isConnectError}. */
  readonly [TypeId] = TypeId

  override get message(): string {
    const where = this.url === undefined ? "" : ` (${this.url})`
    return `${this.operation}${where}: ${this.reason.message}`
  }

  /** Whether doing the same again may succeed without a change of program, settings or cluster. */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }
}

/**
 * Whether a value is a {@link ConnectError}, also one of another copy of the package.
 *
 * @example
 * ```ts
 * import { ConnectError } from "millrace/connect"
 *
 * const error = ConnectError.make("get a status", new ConnectError.ConnectorNotFound({ connector: "orders" }))
 * console.log(ConnectError.isConnectError(error)) // true
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category guards
 */
export const isConnectError = (u: unknown): u is ConnectError => typeof u === "object" && u !== null && TypeId in u

/**
 * Makes a {@link ConnectError} from its reason.
 *
 * **When to use**: in a Connect of your own, and in tests that let one fail.
 *
 * @example
 * ```ts
 * import { ConnectError } from "millrace/connect"
 *
 * const error = ConnectError.make("pause", new ConnectError.Rebalancing({ problem: "a worker joins" }))
 * console.log(error.isRetryable) // true
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  operation: string,
  reason: Reason,
  details?: { readonly url?: string | undefined; readonly cause?: unknown }
): ConnectError => new ConnectError({ operation, reason, ...details })
