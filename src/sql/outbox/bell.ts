/** Tells relays of this process that something was committed, so that they look at once. */

type Listener = () => void

const listeners = new Map<string, Set<Listener>>()

/** Calls who listens for an outbox; `table` is its name in SQL. */
export const ring = (table: string): void => {
  for (const listener of listeners.get(table) ?? []) listener()
}

/** Listens until the returned function is called. */
export const listen = (table: string, listener: Listener): () => void => {
  const known = listeners.get(table) ?? new Set()
  known.add(listener)
  listeners.set(table, known)
  return () => {
    known.delete(listener)
    if (known.size === 0) listeners.delete(table)
  }
}
