import { connect, createServer, type Server, type Socket } from "node:net"
import { setTimeout as delay } from "node:timers/promises"
import { host } from "./ports.ts"

/** A TCP proxy with faults on demand. They hold for all connections, live and new, until `heal`. */
export interface FaultProxy {
  readonly port: number
  /** How many clients are connected. */
  readonly connections: () => number
  /** New connections are refused; live ones live on. */
  readonly refuse: () => Promise<void>
  /** Resets every live connection, once. */
  readonly cut: () => void
  /** Connections are accepted and kept and nothing passes in either direction; `heal` lets what was held back pass. */
  readonly blackhole: () => void
  /** Over the live connections nothing passes any more, as where a firewall forgot them, for ever; new ones work. */
  readonly swallow: () => void
  /** Holds every answer back for so long; the order stays, and many can be on their way at once. */
  readonly latency: (ms: number) => void
  /** Lets so many bytes per second pass, per connection and direction. */
  readonly throttle: (bytesPerSecond: number) => void
  /** Takes every fault away. Connections that were cut stay cut. */
  readonly heal: () => Promise<void>
  readonly close: () => Promise<void>
}

export interface ProxyOptions {
  readonly upstream: number
  /** By default a free port. */
  readonly listen?: number
}

interface Faults {
  blackhole: boolean
  latencyMs: number
  bytesPerSecond: number
  readonly changed: Signal
}

/** Wakes whoever waits for the next time that it is fired. */
interface Signal {
  readonly next: () => Promise<void>
  readonly fire: () => void
}

const makeSignal = (): Signal => {
  let waiting: Array<() => void> = []
  return {
    next: () => new Promise((resolve) => void waiting.push(resolve)),
    fire: () => {
      const woken = waiting
      waiting = []
      for (const wake of woken) wake()
    }
  }
}

const heldBytes = 1_048_576

/** Moves the bytes of one direction. It ends when either side is gone. */
const pump = (
  from: Socket,
  to: Socket,
  faults: Faults,
  latencyMs: () => number,
  isSwallowed: () => boolean
) => {
  const queue: Array<{ readonly chunk: Buffer | undefined; readonly due: number }> = []
  let held = 0
  const wake = makeSignal()
  const add = (chunk: Buffer | undefined) => {
    queue.push({ chunk, due: performance.now() + latencyMs() })
    held += chunk?.length ?? 0
    if (held > heldBytes) from.pause()
    wake.fire()
  }
  from.on("data", add)
  from.on("end", () => add(undefined))
  to.on("drain", wake.fire)
  to.on("close", wake.fire)

  const write = async (chunk: Buffer) => {
    let rest = chunk
    while (rest.length > 0) {
      while ((faults.blackhole || isSwallowed()) && !to.destroyed) await faults.changed.next()
      if (to.destroyed) return
      // In slices of a twentieth of a second.
      const size = Math.max(1, Math.min(rest.length, Math.ceil(faults.bytesPerSecond / 20)))
      const full = !to.write(rest.subarray(0, size))
      if (Number.isFinite(faults.bytesPerSecond)) await delay(size / faults.bytesPerSecond * 1000)
      while (full && to.writableNeedDrain && !to.destroyed) await wake.next()
      rest = rest.subarray(size)
    }
  }

  const run = async () => {
    while (!to.destroyed) {
      const next = queue.shift()
      if (next === undefined) {
        await wake.next()
        continue
      }
      const wait = next.due - performance.now()
      if (wait > 0) await delay(wait)
      if (next.chunk === undefined) {
        to.end()
        return
      }
      await write(next.chunk)
      held -= next.chunk.length
      if (held <= heldBytes) from.resume()
    }
  }
  void run()
}

export const startProxy = async (options: ProxyOptions): Promise<FaultProxy> => {
  const faults: Faults = {
    blackhole: false,
    latencyMs: 0,
    bytesPerSecond: Number.POSITIVE_INFINITY,
    changed: makeSignal()
  }
  const change = (values: Partial<Omit<Faults, "changed">>) => {
    Object.assign(faults, values)
    faults.changed.fire()
  }
  const clients = new Set<Socket>()
  const swallowed = new WeakSet<Socket>()

  const accept = (client: Socket) => {
    const upstream = connect({ host, port: options.upstream, noDelay: true, allowHalfOpen: true })
    client.setNoDelay(true)
    clients.add(client)
    // A reset is passed on as a reset: a proxied broker's death looks like its death.
    const end = () => {
      clients.delete(client)
      if (!client.destroyed) client.resetAndDestroy()
      if (!upstream.destroyed) upstream.destroy()
      change({})
    }
    for (const socket of [client, upstream]) socket.on("error", end)
    client.on("close", end)
    // After its end there may still be bytes on their way to the client, and the end behind them.
    upstream.on("close", () => upstream.readableEnded || end())
    const isSwallowed = () => swallowed.has(client)
    pump(client, upstream, faults, () => 0, isSwallowed)
    pump(upstream, client, faults, () => faults.latencyMs, isSwallowed)
  }

  let server: Server | undefined
  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      const next = createServer({ allowHalfOpen: true }, accept)
      next.once("error", reject)
      next.listen({ port, host, exclusive: true }, () => {
        server = next
        resolve((next.address() as { readonly port: number }).port)
      })
    })
  const refuse = async () => {
    // Its callback waits for the live connections, the listening port is gone at once.
    server?.close()
    server = undefined
  }
  const cut = () => {
    for (const client of clients) client.resetAndDestroy()
  }

  const port = await listen(options.listen ?? 0)
  return {
    port,
    connections: () => clients.size,
    refuse,
    cut,
    blackhole: () => change({ blackhole: true }),
    swallow: () => {
      for (const client of clients) swallowed.add(client)
    },
    latency: (ms) => change({ latencyMs: ms }),
    throttle: (bytesPerSecond) => change({ bytesPerSecond }),
    heal: async () => {
      change({ blackhole: false, latencyMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY })
      if (server === undefined) await listen(port)
    },
    close: async () => {
      await refuse()
      change({ blackhole: false, latencyMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY })
      cut()
    }
  }
}
