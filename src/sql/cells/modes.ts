/** What a value of a record means where the value itself does not say it. */

/**
 * What the values of a topic are made of: the settings of Debezium's connector that decide it, under the names that
 * `Debezium.postgresSource` has, and what to do with what Debezium has lost.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Modes {
  /** Whether Debezium made the values, or a program: what a text in a `json` or `bit` column is depends on it. */
  readonly source: "debezium" | "plain"
  /**
   * The connector's `time.precision.mode`. Integers in columns of times and timestamps are refused without it, for
   * their unit is not known; schemas of Connect in the records (`schemas.enable`) win over it. `adaptive` and
   * `adaptive_time_microseconds` depend on the precision of the source's column, and the target's is taken for it.
   */
  readonly times?:
    | "adaptive"
    | "adaptive_time_microseconds"
    | "connect"
    | "isostring"
    | "microseconds"
    | "nanoseconds"
    | undefined
  /**
   * The connector's `decimal.handling.mode`. `precise` is Base64, whose scale is that of the target's column where no
   * schema says it.
   */
  readonly decimals: "string" | "precise" | "double"
  /** The connector's `binary.handling.mode`. */
  readonly binaries: "bytes" | "base64" | "base64-url-safe" | "hex"
  /** Whether the connector's `include.unknown.datatypes` is set: types that it does not know come as bytes then. */
  readonly unknownTypes: boolean
  /** What to do with a value that shows that something was lost on the way here. */
  readonly lossy: "refuse" | "accept"
}
