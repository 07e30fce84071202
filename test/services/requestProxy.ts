/** A proxy that knows Kafka's requests: it holds some back, as a member that is slow to send them. */
import { connect, createServer, type Socket } from "node:net"
import { host } from "./ports.ts"

/** The numbers of requests in Kafka's protocol. */
export const apis = { offsetCommit: 8, joinGroup: 11, syncGroup: 14 } as const

export interface RequestProxy {
  /** Holds requests of this kind back, of one client or of all; everything else passes them. */
  readonly hold: (api: number, clientId?: string) => void
  /** How many are held back. */
  readonly held: () => number
  /** How many of this kind a client has sent. */
  readonly sent: (api: number, clientId: string) => number
  /** Sends what is held back, and holds nothing any more. */
  readonly release: () => void
  readonly close: () => void
}

export interface RequestProxyOptions {
  readonly upstream: number
  readonly listen: number
}

/** The kind of a request and its client. It begins with its size, kind, version, number, and the client's id. */
const headOf = (request: Buffer) => {
  const length = request.readInt16BE(12)
  return { api: request.readInt16BE(4), clientId: request.toString("utf8", 14, 14 + Math.max(0, length)) }
}

/** Takes whole requests off the front of these bytes. */
const split = (bytes: Buffer) => {
  const requests: Array<Buffer> = []
  let rest = bytes
  while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
    const end = 4 + rest.readInt32BE(0)
    requests.push(rest.subarray(0, end))
    rest = rest.subarray(end)
  }
  return { requests, rest }
}

export const startRequestProxy = async ({ listen, upstream }: RequestProxyOptions): Promise<RequestProxy> => {
  let holds: ReadonlyArray<{ readonly api: number; readonly clientId: string | undefined }> = []
  let held: Array<() => void> = []
  const seen = new Map<string, number>()
  const sockets = new Set<Socket>()

  const pass = (request: Buffer, to: Socket) => {
    const { api, clientId } = headOf(request)
    const id = `${clientId} ${api}`
    seen.set(id, (seen.get(id) ?? 0) + 1)
    const send = () => void to.write(request)
    const isHeld = holds.some((one) => one.api === api && (one.clientId ?? clientId) === clientId)
    if (isHeld) held.push(send)
    else send()
  }
  const server = createServer((client) => {
    const broker = connect({ host, port: upstream, noDelay: true })
    client.setNoDelay(true)
    const end = () => {
      for (const socket of [client, broker]) {
        sockets.delete(socket)
        socket.destroy()
      }
    }
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket.on("error", end).on("close", end)
    }
    let waiting: Buffer = Buffer.alloc(0)
    client.on("data", (chunk: Buffer) => {
      const { requests, rest } = split(Buffer.concat([waiting, chunk]))
      waiting = rest
      for (const request of requests) pass(request, broker)
    })
    broker.pipe(client)
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen({ port: listen, host, exclusive: true }, resolve)
  })
  return {
    hold: (api, clientId) => {
      holds = [...holds, { api, clientId }]
    },
    held: () => held.length,
    sent: (api, clientId) => seen.get(`${clientId} ${api}`) ?? 0,
    release: () => {
      const sends = held
      holds = []
      held = []
      for (const send of sends) send()
    },
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
  }
}
