import { connect, createServer, type Socket } from "node:net"
import { host } from "./ports.ts"

const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])
const terminate = Buffer.from([0x58, 0, 0, 0, 4])

interface Session {
  readonly socket: Socket
  /** What the server said until it was ready. */
  readonly greeting: Buffer
}

/**
 * A pooler of sessions in front of a PostgreSQL that asks for no password: a client gets the session of one that went,
 * if there is one, as from PgBouncer.
 */
export const startPooler = async (upstream: number) => {
  const idle: Array<Session> = []
  const sockets = new Set<Socket>()
  const kept = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.on("error", () => {}).on("close", () => sockets.delete(socket))
  }
  /** Begins a session with the client's own start-up message. */
  const begin = (startup: Buffer) =>
    new Promise<Session>((resolve) => {
      const socket = kept(connect({ host, port: upstream }))
      let greeting = Buffer.alloc(0)
      socket.on("data", (bytes) => {
        greeting = Buffer.concat([greeting, bytes])
        if (!greeting.subarray(-6).equals(ready)) return
        socket.removeAllListeners("data")
        resolve({ socket, greeting })
      })
      socket.write(startup)
    })
  const server = createServer((client) => {
    kept(client).once("data", (startup) => {
      client.pause()
      void Promise.resolve(idle.pop() ?? begin(startup)).then((session) => {
        const { greeting, socket } = session
        let isOver = false
        const end = () => {
          if (isOver) return
          isOver = true
          socket.removeAllListeners("data")
          idle.push(session)
        }
        socket.on("data", (bytes) => client.write(bytes))
        client.on("data", (bytes) => bytes.subarray(-5).equals(terminate) ? end() : socket.write(bytes))
        client.on("close", end)
        client.write(greeting)
        client.resume()
      })
    })
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host }, resolve))
  return {
    port: (server.address() as { readonly port: number }).port,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
  }
}
