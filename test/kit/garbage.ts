/** Garbage collection on demand, for tests of what is still reachable. */
import * as Effect from "effect/Effect"
import * as v8 from "node:v8"
import * as vm from "node:vm"

v8.setFlagsFromString("--expose-gc")

/** Collects at once. A weak reference that was looked at in this task is strong until its end. */
export const collect: () => void = vm.runInNewContext("gc")

/** Collects in a task of its own. */
export const collected: Effect.Effect<void> = Effect.callback((resume) => {
  setImmediate(() => {
    collect()
    resume(Effect.void)
  })
})

/** Those that are still reachable; to be asked in the task of the collection. */
export const alive = <A extends object>(refs: ReadonlyArray<WeakRef<A>>): Array<WeakRef<A>> =>
  refs.filter((ref) => ref.deref() !== undefined)
