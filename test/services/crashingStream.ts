/** Connections to PostgreSQL that end at a chosen message, so that a crash can be put between any two. */
import { connect } from "node:net"
import { Duplex } from "node:stream"

/**
 * What happens at a message of the client: `before`: it is lost with the connection; `after`: the server does it, and
 * its answer is lost; `hold`: the server does it, and the connection hangs until it is cut.
 */
export interface CrashPoint {
  /** The number of the message, over all connections, from 1. */
  readonly at: number
  readonly when: "before" | "after" | "hold"
}

export interface Crashing {
  /** For the `stream` of `PgClient`. */
  readonly stream: () => Duplex
  /** How many messages were sent. */
  readonly messages: () => number
  /** The crash points that were reached. */
  readonly reached: () => number
  /** Cuts the connections that hang. */
  readonly cut: () => void
}

export const crashing = (
  server: { readonly host: string; readonly port: number },
  points: ReadonlyArray<CrashPoint>
): Crashing => {
  let messages = 0
  let reached = 0
  const hanging = new Set<() => void>()
  return {
    messages: () => messages,
    reached: () => reached,
    cut: () => {
      for (const cut of hanging) cut()
      hanging.clear()
    },
    stream: () => {
      const socket = connect({ ...server, noDelay: true })
      let state: "open" | "losing" | "hanging" = "open"
      const stream: Duplex = new Duplex({
        read() {},
        write(chunk: Buffer, _encoding, callback) {
          const point = points.find(({ at }) => at === messages + 1)
          messages++
          if (point !== undefined) reached++
          if (point?.when === "before") {
            end()
            callback()
            return
          }
          if (point?.when === "after") state = "losing"
          if (point?.when === "hold") {
            state = "hanging"
            hanging.add(end)
          }
          socket.write(chunk, () => callback())
        },
        destroy(error, callback) {
          socket.destroy()
          callback(error)
        }
      })
      const end = () => {
        socket.resetAndDestroy()
        stream.destroy(new Error("the connection was cut"))
      }
      let isAnswered = false
      socket.on("data", (bytes: Buffer) => {
        isAnswered = true
        if (state === "losing") end()
        else if (state === "open") stream.push(bytes)
      })
      socket.on("error", (error) => stream.destroy(error))
      // A request to cancel has no answer, and nobody reads it to its end.
      socket.on("close", () => isAnswered ? stream.push(null) : stream.destroy())
      return stream
    }
  }
}
