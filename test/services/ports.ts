import { createServer } from "node:net"

export const host = "127.0.0.1"

export const isFree = (port: number) =>
  new Promise<boolean>((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })

// Below the ports that the system gives to outgoing connections (from 32768 on Linux): a client that reconnects to a
// stopped broker could get the broker's own port as its local one, and so connect to itself and keep it taken.
const lowest = 12_000
const highest = 32_000

/** Ports that are free now and are not handed out twice by this process. */
export const freePorts = async (count: number): Promise<Array<number>> => {
  const ports: Array<number> = []
  while (ports.length < count) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest))
    if (!given.has(port) && await isFree(port)) {
      given.add(port)
      ports.push(port)
    }
  }
  return ports
}

const given = new Set<number>()
