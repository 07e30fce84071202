/** An HTTP client that returns what a test says, for faults that no server can be made to show in time. */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"

export interface Answer {
  readonly status: number
  readonly body?: unknown
}

/** `"refused"`: no connection; `"silent"`: never a response. */
export type Reply = Answer | "refused" | "silent"

export const json = (body: unknown, status = 200): Answer => ({ status, body })

const textOf = (body: unknown) => typeof body === "string" ? body : JSON.stringify(body)

/** What was requested, oldest first, and the client. */
export const fakeHttp = (reply: (url: URL, request: HttpClientRequest.HttpClientRequest) => Reply) => {
  const requests: Array<{ readonly url: string; readonly method: string; readonly headers: Record<string, string> }> =
    []
  const client = HttpClient.make((request, url) =>
    Effect.suspend(() => {
      requests.push({ url: url.href, method: request.method, headers: { ...request.headers } })
      const answer = reply(url, request)
      if (answer === "silent") return Effect.never
      if (answer === "refused") {
        const cause = Object.assign(new Error("connect ECONNREFUSED"), { syscall: "connect" })
        return Effect.fail(
          new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
        )
      }
      const { body, status } = answer
      return Effect.succeed(
        HttpClientResponse.fromWeb(
          request,
          new Response(body === undefined || body === null ? null : textOf(body), { status })
        )
      )
    })
  )
  return { requests, layer: Layer.succeed(HttpClient.HttpClient, client) }
}
