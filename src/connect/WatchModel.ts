/**
 * What is seen of connectors that are watched, in types. Part of `Connectors`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import type { Status } from "./ConnectModel.ts"

/**
 * How connectors are watched.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface WatchOptions {
  /** In front of all names, with its separator (default nothing). */
  readonly prefix?: string | undefined
  /** How often they are looked at (default every 10 seconds). */
  readonly every?: Duration.Input | undefined
  /**
   * When what failed is restarted, with a budget for each cause: when the schedule is over for one, the connector is
   * given up until it fails for another, or runs (default after 10 s, 20 s, … five times). The input is the cause.
   * `"never"`: it is only looked at.
   */
  readonly restart?: Schedule.Schedule<unknown, string> | "never" | undefined
  /** After how long without a failure the causes of before are forgotten (default 10 minutes). */
  readonly forgetAfter?: Duration.Input | undefined
}

/**
 * How a connector is:
 *
 * - `well`: it and its tasks do what they were asked to;
 * - `starting`: it has no tasks yet, or some do not; `stalled`: for more than 30 seconds;
 * - `failed`: a restart is due, or none is wanted; `restarting`: it was restarted just now;
 * - `given-up`: the same cause came too often, and somebody has to look;
 * - `missing`: Connect does not have it; `unreachable`: no worker answers.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Health = "well" | "starting" | "stalled" | "failed" | "restarting" | "given-up" | "missing" | "unreachable"

/**
 * What was seen of one connector.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Watched {
  /** The connector, with its prefix. */
  readonly name: string
  /** What it does; `undefined` if it is missing, or nobody answers. */
  readonly status: Status | undefined
  /** How it is. */
  readonly health: Health
  /** How often it was restarted by this watch. */
  readonly restarts: number
  /** What is wrong: the first line of the trace, and what happens next. */
  readonly problem: string | undefined
}
