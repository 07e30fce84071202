import { assert, describe, it } from "@effect/vitest"
import { connect, createServer, type Server, type Socket } from "node:net"
import { afterEach, beforeEach } from "vitest"
import { type FaultProxy, startProxy } from "./proxy.ts"

const host = "127.0.0.1"

describe("fault proxy", () => {
  let server: Server
  let proxy: FaultProxy
  let upstream: number
  const open: Array<Socket> = []

  beforeEach(async () => {
    server = createServer((socket) => {
      socket.on("error", () => {})
      socket.pipe(socket)
    })
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    upstream = (server.address() as { readonly port: number }).port
    proxy = await startProxy({ upstream })
  })

  afterEach(async () => {
    for (const socket of open.splice(0)) socket.destroy()
    await proxy.close()
    await new Promise((resolve) => server.close(resolve))
  })

  const client = async (port = proxy.port) => {
    const socket = connect({ host, port })
    open.push(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve)
      socket.once("error", reject)
    })
    let text = ""
    let wake = () => {}
    socket.on("data", (chunk) => {
      text += chunk.toString()
      wake()
    })
    const closed = new Promise<string>((resolve) => {
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      socket.on("close", () => resolve("closed"))
    })
    const receive = async (length: number) => {
      while (text.length < length) await new Promise<void>((resolve) => (wake = resolve))
      return text
    }
    return { socket, closed, receive, text: () => text }
  }

  /** Many round trips past the proxy: long enough for a byte that it lets through to come back. */
  const passTime = async () => {
    const direct = await client(upstream)
    for (let i = 1; i <= 50; i++) {
      direct.socket.write("x")
      await direct.receive(i)
    }
  }

  const refused = (port: number) => client(port).then(() => "connected", (error: NodeJS.ErrnoException) => error.code)

  it("passes what is on its way when the other side has closed already", async () => {
    proxy.latency(200)
    const { closed, receive, socket } = await client()
    socket.end("hello")
    assert.strictEqual(await Promise.race([receive(5), closed]), "hello")
    assert.strictEqual(await closed, "closed")
  })

  it("passes bytes and the end of a connection both ways", async () => {
    const { closed, receive, socket } = await client()
    const long = "0123456789".repeat(500_000)
    socket.end(long)
    assert.strictEqual(await receive(long.length), long)
    assert.strictEqual(await closed, "closed")
  })

  it("refuses new connections and keeps live ones, until healed", async () => {
    const { receive, socket } = await client()
    socket.write("a")
    await receive(1)
    await proxy.refuse()
    assert.strictEqual(await refused(proxy.port), "ECONNREFUSED")
    socket.write("b")
    assert.strictEqual(await receive(2), "ab")
    await proxy.heal()
    const again = await client()
    again.socket.write("c")
    assert.strictEqual(await again.receive(1), "c")
  })

  it("resets live connections and takes new ones", async () => {
    const first = await client()
    first.socket.write("a")
    await first.receive(1)
    assert.strictEqual(proxy.connections(), 1)
    proxy.cut()
    assert.strictEqual(await first.closed, "ECONNRESET")
    const second = await client()
    second.socket.write("b")
    assert.strictEqual(await second.receive(1), "b")
  })

  it("lets nothing pass and breaks nothing while it is a black hole", async () => {
    const live = await client()
    live.socket.write("a")
    await live.receive(1)
    proxy.blackhole()
    live.socket.write("b")
    const late = await client()
    late.socket.write("c")
    await passTime()
    assert.strictEqual(live.text(), "a")
    assert.strictEqual(late.text(), "")
    assert.isFalse(live.socket.destroyed)
    await proxy.heal()
    assert.strictEqual(await live.receive(2), "ab")
    assert.strictEqual(await late.receive(1), "c")
  })

  it("swallows what live connections send, and lets new ones pass", async () => {
    const live = await client()
    live.socket.write("a")
    await live.receive(1)
    proxy.swallow()
    live.socket.write("b")
    await proxy.heal()
    const late = await client()
    late.socket.write("c")
    assert.strictEqual(await late.receive(1), "c")
    await passTime()
    assert.strictEqual(live.text(), "a")
    assert.isFalse(live.socket.destroyed)
  })

  it("holds answers back, all of them at once", async () => {
    const { receive, socket } = await client()
    proxy.latency(200)
    const start = performance.now()
    let waits = 0
    const timer = setInterval(() => void waits++, 200)
    for (let i = 1; i <= 10; i++) {
      socket.write("x")
      await new Promise((resolve) => setImmediate(resolve))
    }
    await receive(10)
    clearInterval(timer)
    assert.isAtLeast(performance.now() - start, 195)
    // One after the other they would take ten of this machine's waits.
    assert.isBelow(waits, 9)
  })

  it("lets at most a number of bytes pass in a second", async () => {
    const { receive, socket } = await client()
    proxy.throttle(50_000)
    const start = performance.now()
    socket.write("x".repeat(20_000))
    await receive(20_000)
    // Each direction takes 400 ms, the last slice arrives before its time is over.
    assert.isAtLeast(performance.now() - start, 340)
  })

  it("resets its clients when the upstream is gone", async () => {
    const { closed, receive, socket } = await client()
    socket.write("a")
    await receive(1)
    const gone = await startProxy({ upstream: 1 })
    const orphan = await client(gone.port)
    assert.strictEqual(await orphan.closed, "ECONNRESET")
    await gone.close()
    await proxy.close()
    assert.strictEqual(await closed, "ECONNRESET")
  })
})
