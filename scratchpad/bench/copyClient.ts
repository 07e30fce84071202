/**
 * As much of PostgreSQL's protocol as COPY needs: the clients that are installed have statements with parameters alone.
 * For a server that trusts its users.
 */
import { connect } from "node:net"
import type { Postgres } from "./task.ts"

const message = (type: string, body: Uint8Array): Buffer => {
  const head = Buffer.alloc(type.length + 4)
  head.write(type, "latin1")
  head.writeUInt32BE(body.length + 4, type.length)
  return Buffer.concat([head, body])
}

const startup = (fields: Readonly<Record<string, string>>): Buffer =>
  Buffer.from(`\0\u0003\0\0${Object.entries(fields).flat().join("\0")}\0\0`)

const errorOf = (body: Buffer): Error => {
  const fields = body.toString().split("\0")
  return new Error(fields.find((field) => field.startsWith("M"))?.slice(1) ?? "the database refused something")
}

const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" }

/** A row as COPY reads it. */
export const lineOf = (cells: ReadonlyArray<string>): string =>
  `${cells.map((cell) => cell.replaceAll(/[\\\t\n\r]/g, (char) => escapes[char]!)).join("\t")}\n`

export interface CopyClient {
  /** Runs statements. */
  readonly run: (sql: string) => Promise<void>
  /** Runs a COPY … FROM STDIN with these lines. */
  readonly copy: (sql: string, lines: string) => Promise<void>
  readonly close: () => void
}

export const connectForCopy = async ({ host, port }: Postgres): Promise<CopyClient> => {
  const socket = connect({ host, port, noDelay: true })
  let rest: Buffer = Buffer.alloc(0)
  let lines: string | undefined
  let failed: Error | undefined
  let done: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined
  const take = (type: string, body: Buffer) => {
    if (type === "E") failed = errorOf(body)
    if (type === "G" && lines !== undefined) {
      socket.write(Buffer.concat([message("d", Buffer.from(lines)), message("c", Buffer.alloc(0))]))
      lines = undefined
    }
    if (type !== "Z") return
    const { reject, resolve } = done!
    const error = failed
    failed = undefined
    if (error === undefined) resolve()
    else reject(error)
  }
  socket.on("data", (data: Buffer) => {
    rest = Buffer.concat([rest, data])
    while (rest.length >= 5 && rest.length > rest.readUInt32BE(1)) {
      const end = rest.readUInt32BE(1) + 1
      take(String.fromCharCode(rest[0]!), rest.subarray(5, end))
      rest = rest.subarray(end)
    }
  })
  socket.on("error", (error) => done?.reject(error))
  const answered = (bytes: Buffer) =>
    new Promise<void>((resolve, reject) => {
      done = { resolve, reject }
      socket.write(bytes)
    })
  const run = (sql: string) => answered(message("Q", Buffer.from(`${sql}\0`)))
  await answered(message("", startup({ user: "postgres", database: "postgres" })))
  return {
    run,
    copy: (sql, all) => {
      lines = all
      return run(sql)
    },
    close: () => socket.end()
  }
}
