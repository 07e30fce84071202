/** A proxy that asks for a password, as operators put one before Connect, which by itself asks for none. */
import { createServer } from "node:http"
import { text } from "node:stream/consumers"
import { freePorts, host } from "../services/ports.ts"

/** Serves `behind` to the user `deploy` with the password. */
export const startGuard = async (behind: string, password: string) => {
  const [port] = await freePorts(1)
  const expected = `Basic ${Buffer.from(`deploy:${password}`).toString("base64")}`
  const server = createServer(async (request, response) => {
    if (request.headers.authorization !== expected) {
      response.writeHead(401, { "content-type": "text/plain" }).end("User cannot access the resource.")
      return
    }
    const { method, url } = request
    const body = method === "GET" ? null : await text(request)
    const answer = await fetch(`${behind}${url}`, {
      method: method!,
      body: body === "" ? null : body,
      headers: { "content-type": "application/json" }
    })
    response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text())
  })
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  return { url: `http://${host}:${port}`, stop: () => new Promise((resolve) => server.close(resolve)) }
}
