/**
 * What is to be done so that Connect runs what is declared, in types. Part of `Connectors`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type { ConnectError, Problem } from "./ConnectError.ts"
import type { ConnectorConfig, ConnectorOffset } from "./ConnectModel.ts"
import type { Connector, DesiredState } from "./Connector.ts"

/**
 * How a plan is made.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  /** In front of all names, with its separator: `"billing."` (default nothing). */
  readonly prefix?: string | undefined
  /**
   * Whether connectors that begin with the prefix and are not declared are deleted (default `false`). It needs a
   * prefix, because other teams have connectors in the same cluster; end it with its separator.
   */
  readonly prune?: boolean | undefined
  /**
   * Settings that are left out of the comparison: names, or beginnings that end with `*` (default none). They stay as
   * they are in Connect; a new connector gets what is declared.
   */
  readonly ignore?: ReadonlyArray<string> | undefined
  /**
   * Whether a salted hash of each secret is kept in the connector's configuration, as `millrace.applied`: it tells
   * whether a secret that the distribution hides is still the same (default `true`).
   */
  readonly remember?: boolean | undefined
  /** Whether secrets that are hidden, and of which nothing is known, are sent again (default `false`). */
  readonly sendUnknown?: boolean | undefined
}

/**
 * A difference in one setting. `unknown`: Connect hides the value, and nothing tells whether it is the same. Secrets
 * are shown as `<redacted>`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Change {
  /** The setting. */
  readonly key: string
  /** What happens to it. */
  readonly kind: "added" | "changed" | "removed" | "unknown"
  /** The value that it has. */
  readonly from: string | undefined
  /** The value that it should have. */
  readonly to: string | undefined
}

/**
 * The rules of the lint.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Rule =
  | "dlq-on-source"
  | "silent-loss"
  | "one-task-source"
  | "no-heartbeat"
  | "slot-dropped"
  | "no-topic-creation"
  | "shared-slot"
  | "password-in-url"

/**
 * What a plugin takes, and will be regretted.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Finding {
  /** The rule that found it. */
  readonly rule: Rule
  /** What is wrong, and what to do. */
  readonly problem: string
}

/**
 * One request to Connect.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Step =
  | {
    readonly _tag: "Create"
    readonly config: ConnectorConfig
    readonly initialState: "RUNNING" | "PAUSED" | "STOPPED"
  }
  | { readonly _tag: "Update"; readonly config: ConnectorConfig }
  | { readonly _tag: "SetOffsets"; readonly offsets: ReadonlyArray<ConnectorOffset> }
  | { readonly _tag: "Pause" }
  | { readonly _tag: "Resume" }
  | { readonly _tag: "Stop" }
  | { readonly _tag: "Delete" }

/**
 * What is to be done for one connector.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Entry {
  /** The connector, with its prefix. */
  readonly name: string
  /** In this order. Nothing, if the connector is as it should be. */
  readonly steps: ReadonlyArray<Step>
  /** The settings that differ. */
  readonly changes: ReadonlyArray<Change>
  /** What its plugin refuses; then there are no steps. */
  readonly problems: ReadonlyArray<Problem>
  /** What its plugin takes, and will be regretted. */
  readonly findings: ReadonlyArray<Finding>
}

/**
 * What is to be done for all connectors, in the order of their declaration.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Plan {
  /** The Kafka cluster of the workers. */
  readonly kafkaClusterId: string
  /** What is to be done, by connector. */
  readonly entries: ReadonlyArray<Entry>
}

/**
 * How a connector is waited for.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface SettleOptions {
  /** What it should do (default: whatever it is asked to). */
  readonly state?: DesiredState | undefined
  /**
   * How long it has to do so, or to be failed, without a change (default 1 second): a worker that took a new
   * configuration shows for a moment what the old one did.
   */
  readonly steadyFor?: Duration.Input | undefined
  /**
   * The connector as it is declared: what is secret there is left out of the trace of a task that failed, also where
   * Connect hides the settings (default: what Connect shows of its settings).
   */
  readonly connector?: Connector | undefined
}

/**
 * What became of one connector.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Published {
  /** The connector, with its prefix. */
  readonly name: string
  /** The steps that were carried out. */
  readonly done: ReadonlyArray<Step>
  /**
   * Whether there was something to do that was not done: another connector is not valid, or Connect was not available
   * for one before it, whose error says why.
   */
  readonly isHeldBack: boolean
  /** What ended them. */
  readonly error: ConnectError | undefined
}
