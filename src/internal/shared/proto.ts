/** What values of this package share: they can be piped and printed. */
import { pipeArguments } from "effect/Pipeable"

/** How Node prints a value; the symbol is the same in every realm. */
const inspect = Symbol.for("nodejs.util.inspect.custom")

/** A prototype for values that say what they are in `toJSON`. */
export const Proto = {
  toJSON(): unknown {
    return {}
  },
  toString(): string {
    return JSON.stringify(this.toJSON())
  },
  [inspect](): unknown {
    return this.toJSON()
  },
  pipe() {
    return pipeArguments(this, arguments)
  }
}
