/** The progress line of `consume` on a terminal: rate, lag, failures. */
import * as Effect from "effect/Effect"
import * as Health from "../Health.ts"
import type { OutcomeBatch } from "../Outcome.ts"

/** Counts what was done. */
export class Progress {
  handled = 0
  exceptions = 0
  private last = 0

  readonly note = (batch: OutcomeBatch): void => {
    this.handled += batch.handled
    this.exceptions += batch.exceptions.length
  }

  /** The line for the last second. */
  line(consumers: ReadonlyArray<Health.ConsumerHealth>, services: ReadonlyArray<Health.ServiceHealth>): string {
    const health = consumers.filter(({ status }) => status !== "off")
    const rate = this.handled - this.last
    this.last = this.handled
    // Unknown for one is unknown for all: a sum of the others would look like good news.
    const lag = health.some((consumer) => consumer.lag === undefined)
      ? "unknown"
      : health.reduce((sum, consumer) => sum + (consumer.lag ?? 0), 0)
    const partitions = health.reduce((sum, consumer) => sum + consumer.assignment.length, 0)
    const line = `${this.handled} handled (${rate}/s), ${this.exceptions} failed, lag ${lag}, ${partitions} partitions`
    const unwell = services.filter(({ healthy }) => !healthy)
      .map(({ name, problems, status }) => `${name}: ${problems[0] ?? status}`)
    return [line, ...unwell].join("; ")
  }
}

/** Shows the line, and a new one each second, until interrupted. */
export const show = (progress: Progress, set: (line: string) => void): Effect.Effect<never> =>
  Effect.forever(Effect.andThen(
    Effect.sleep("1 second"),
    Effect.zipWith(Health.all, Health.services, (consumers, services) => set(progress.line(consumers, services)))
  ))
