/**
 * Notices a native client that lost its last broker for good.
 *
 * A broker that shuts down alone answers with an empty list of brokers. librdkafka (2.15) then gives up the one it has
 * and schedules a new start from the bootstrap servers; the same answer, handled on another thread, may cancel that
 * before it began, and no other one is ever scheduled. The client says once that all brokers are down and stays so.
 */
import { connect } from "node:net"
import { codeOf, isAnswer } from "./errors.ts"
import type { NativeError } from "./native.ts"

const allDown = -187

/** Both in milliseconds. */
export interface Pace {
  /** How often the bootstrap servers are tried once all brokers are down. */
  readonly interval: number
  /** For how long they can be reached before a client has to know a broker again. */
  readonly patience: number
}

/** The pauses that a client makes by itself are 10 s at most. */
export const defaultPace: Pace = { interval: 2_000, patience: 15_000 }

/** How long somebody who listens may take to accept, in milliseconds. */
const connectMs = 2_000

/** How long a client that knows a broker may take to answer, and how often it may miss that. */
const answerMs = 5_000
const mostMisses = 1

/** The part of a native client that is asked for a sign of life. */
interface Client {
  isConnected(): boolean
  getMetadata(
    options: { readonly timeout: number },
    done: (error: NativeError | null | undefined) => void
  ): void
}

/** Whether anybody listens at a server. Nothing is sent. */
const listens = (server: string): Promise<boolean> =>
  new Promise((resolve) => {
    const at = server.lastIndexOf(":")
    const host = server.slice(0, at).replace(/^\w+:\/\//, "").replace(/^\[(.*)\]$/, "$1")
    const socket = connect({ host, port: Number(server.slice(at + 1)), timeout: connectMs })
    const end = (answer: boolean) => () => {
      socket.destroy()
      resolve(answer)
    }
    socket.once("connect", end(true)).once("error", end(false)).once("timeout", end(false))
  })

/** Watches from the moment when all brokers are down until the client knows one again. */
export class Stranding {
  private readonly client: Client
  private readonly servers: ReadonlyArray<string>
  private readonly onStranded: () => void
  private readonly pace: Pace
  private timer: NodeJS.Timeout | undefined
  private reachableSince: number | undefined
  private misses = 0
  private stopped = false
  /** Its owner knows, and decides whether to look again. */
  private told = false

  constructor(
    client: Client,
    { bootstrapServers, pace }: { readonly bootstrapServers: string; readonly pace: Pace },
    onStranded: () => void
  ) {
    this.client = client
    this.servers = bootstrapServers.split(",")
    this.pace = pace
    this.onStranded = onStranded
  }

  /** What the client emits as `event.error`. */
  onError(error: NativeError): void {
    if (codeOf(error) === allDown && !this.told) this.watch()
  }

  /** Watches from now on. A client that reports again that all brokers are down still tries: its time starts again. */
  watch(): void {
    this.told = false
    this.misses = 0
    this.reachableSince = undefined
    if (this.timer === undefined) this.next()
  }

  /** Whether it was noticed that the client does not find its brokers again. */
  get isStranded(): boolean {
    return this.told
  }

  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
  }

  private next(): void {
    if (this.stopped) return
    this.timer = setTimeout(() => void this.look(), this.pace.interval)
    this.timer.unref()
  }

  private rest(): void {
    this.timer = undefined
    this.reachableSince = undefined
  }

  private async look(): Promise<void> {
    const listening = await Promise.all(this.servers.map(listens))
    if (this.stopped || !this.client.isConnected()) return this.rest()
    this.reachableSince = listening.includes(true) ? this.reachableSince ?? performance.now() : undefined
    if (this.reachableSince === undefined || performance.now() - this.reachableSince < this.pace.patience) {
      return this.next()
    }
    this.client.getMetadata({ timeout: answerMs }, (error) => {
      if (isAnswer(error) || this.stopped) return this.rest()
      if (this.misses++ < mostMisses) return this.next()
      this.rest()
      this.told = true
      this.onStranded()
    })
  }
}
