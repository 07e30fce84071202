/** Ctrl-C while the native client looks for a broker that is not there. */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { createServer, type Socket } from "node:net"
import type { AddressInfo } from "node:net"
import { fixture, start } from "./millrace.ts"

/** A port that takes connections; `onConnection` says what becomes of them. */
const listen = async (onConnection: (socket: Socket) => void) => {
  let connected = () => {}
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    onConnection(socket)
    connected()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  afterAll(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    broker: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    nextConnection: () => new Promise<void>((resolve) => connected = resolve)
  }
}

/** Connecting alone may take ten seconds, during which it holds a thread. */
const mostMillis = 4_000

const commands = [
  ["topics"],
  ["groups", "billing"],
  ["topics", "--create"],
  ["tail", "orders", "--until", "end"],
  ["retry", "ls"],
  ["dlt", "redrive", "--yes"],
  ["dlt", "discard", "--yes"],
  ["produce", "orders"],
  ["consume"]
]

describe.each([
  ["never answers", () => {}],
  ["ends each connection", (socket: Socket) => void socket.resetAndDestroy()]
])("a broker that %s", async (_, onConnection) => {
  const service = await listen(onConnection)

  /** `again`: in how many milliseconds the first signal is sent again. */
  const interrupted = async (
    args: ReadonlyArray<string>,
    signals: ReadonlyArray<NodeJS.Signals>,
    again: ReadonlyArray<number> = []
  ) => {
    const connected = service.nextConnection()
    const { child, ended } = start([...args, "--config", fixture("cluster"), "--log-level", "none"], {
      env: { MILLRACE_TEST_BROKER: service.broker },
      input: "{\"key\":\"a\",\"value\":\"b\"}\n"
    })
    await connected
    const at = performance.now()
    for (const signal of signals) child.kill(signal)
    for (const millis of again) setTimeout(() => child.kill(signals[0]), millis)
    const { code, err } = await ended
    assert.isBelow(performance.now() - at, mostMillis, args.join(" "))
    return { code, err }
  }

  for (const args of commands) {
    it(`${args.join(" ")} ends soon after one signal`, async () => {
      const { code } = await interrupted(args, ["SIGINT"])
      assert.strictEqual(code, args[0] === "consume" ? 0 : 1)
    })
  }

  it("takes the same signal twice for one, as npm passes it on, and ends with the code of the command", async () => {
    assert.strictEqual((await interrupted(["topics"], ["SIGINT"], [20, 40, 60, 80, 100])).code, 1)
  })

  it("ends at once after two", async () => {
    assert.strictEqual((await interrupted(["produce", "orders"], ["SIGINT", "SIGTERM"])).code, 130)
  })
})
