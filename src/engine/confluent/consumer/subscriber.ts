/**
 * Patterns with the semantics of JavaScript: the topics that match are looked up and subscribed by name, again and
 * again. (librdkafka's own patterns speak another dialect.)
 */
import { matchesPattern } from "../../KafkaEngine.ts"
import type { NativeConsumer, NativeError } from "../shared/native.ts"

/** Follows the topics of the cluster for one consumer. */
export class Subscriber {
  private readonly consumer: NativeConsumer
  private readonly topics: ReadonlyArray<string>
  private readonly patterns: ReadonlyArray<RegExp>
  private readonly timeoutMs: number
  private readonly onError: (error: NativeError) => void
  private timer: NodeJS.Timeout | undefined
  private current = ""
  private looking = false
  private stopped = false

  constructor(options: {
    readonly consumer: NativeConsumer
    readonly topics: ReadonlyArray<string>
    readonly patterns: ReadonlyArray<RegExp>
    readonly timeoutMs: number
    readonly onError: (error: NativeError) => void
  }) {
    this.consumer = options.consumer
    this.topics = options.topics
    this.patterns = options.patterns
    this.timeoutMs = options.timeoutMs
    this.onError = options.onError
  }

  /** Subscribes now, and follows the patterns from then on. */
  start(known: ReadonlyArray<string>, refreshMs: number): void {
    this.subscribe(known)
    if (this.patterns.length > 0) this.timer = setInterval(() => this.look(), refreshMs)
  }

  get isSubscribed(): boolean {
    return this.current !== ""
  }

  /** No answer that is still to come changes anything: a client that closes refuses to subscribe. */
  stop(): void {
    this.stopped = true
    clearInterval(this.timer)
  }

  private look(): void {
    if (this.looking || !this.consumer.isConnected()) return
    this.looking = true
    this.consumer.getMetadata({ timeout: this.timeoutMs }, (error, metadata) => {
      this.looking = false
      if (this.stopped || !this.consumer.isConnected()) return
      if (error !== null && error !== undefined) this.onError(error)
      else this.subscribe(metadata.topics.map((topic) => topic.name))
    })
  }

  private subscribe(known: ReadonlyArray<string>): void {
    const matching = known.filter((name) => this.patterns.some((pattern) => matchesPattern(pattern, name)))
    const wanted = [...new Set([...this.topics, ...matching])].sort()
    const key = wanted.join("\n")
    if (wanted.length === 0 || key === this.current) return
    this.current = key
    this.consumer.subscribe(wanted)
  }
}
