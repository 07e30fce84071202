/** Errors that are hard to tell: whoever reads, prints or encodes one may be thrown at. */
import * as Data from "effect/Data"

class Odd extends Data.TaggedError("Odd")<{ readonly message: any }> {}

const looped: Record<string, unknown> = { _tag: "Looped" }
looped["self"] = looped

const throwing = (name: string): Error =>
  Object.defineProperty(new Error("thrown"), name, {
    get() {
      throw new Error(`no ${name}`)
    }
  })

const { proxy: revoked, revoke } = Proxy.revocable({}, {})
revoke()

const own: Error & { self?: unknown } = new Error("own")
own.cause = own

/** By what is odd about them. */
export const oddErrors: Readonly<Record<string, unknown>> = {
  "no message": new Odd({ message: undefined }),
  "an object for a message": new Odd({ message: { code: 1 } }),
  "a loop for a message": new Odd({ message: looped }),
  "a number for a name": Object.assign(new Error("named"), { name: 5 }),
  "a symbol for a name": Object.assign(new Error("named"), { name: Symbol("name") }),
  "a loop": looped,
  "a BigInt": { _tag: "Big", id: 1n },
  "a symbol": Symbol("odd"),
  "no prototype": Object.create(null),
  "a proxy that was revoked": revoked,
  "a revoked proxy as its cause": new Error("outer", { cause: revoked }),
  "itself as its cause": own,
  "a loop as its cause": new Error("outer", { cause: looped }),
  "no prototype of its cause": new Error("outer", { cause: Object.create(null) }),
  "methods that throw": {
    toString() {
      throw new Error("no text")
    },
    toJSON() {
      throw new Error("no JSON")
    }
  },
  ...Object.fromEntries(
    ["message", "name", "stack", "cause", "_tag", "constructor", "toString"]
      .map((name) => [`a ${name} that throws`, throwing(name)])
  )
}
