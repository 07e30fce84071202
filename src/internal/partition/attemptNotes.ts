/**
 * How often records have failed, as the text (metadata) that Kafka keeps with a committed offset: so a maximum of
 * attempts also holds across restarts and rebalances.
 */

/** What is kept of a failing record. `firstFailedAt` is in milliseconds. */
export interface Note {
  readonly offset: number
  readonly executions: number
  readonly firstFailedAt: number
}

const prefix = "millrace/1 "

/** Brokers allow 4096 bytes (`offset.metadata.max.bytes`), and some are set up for less than they could. */
const maxLength = 4000

const highest = 8.64e15

/** The records with the lowest offsets come first. Those that do not fit are counted from the beginning again. */
export const encode = (notes: Iterable<Note>): string | undefined => {
  let text = prefix
  const sorted = Array.from(notes).sort((a, b) => a.offset - b.offset)
  for (const { executions, firstFailedAt, offset } of sorted) {
    const entry = `${offset}:${executions}:${Math.round(firstFailedAt)};`
    if (text.length + entry.length > maxLength) break
    text += entry
  }
  return text === prefix ? undefined : text
}

const whole = (text: string | undefined, most: number): number | undefined => {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined
  const number = Number(text)
  return number <= most ? number : undefined
}

/** Reads notes that {@link encode} wrote. Anything else, such as another tool's metadata, is no note. */
export const decode = (metadata: string | undefined): ReadonlyArray<Note> => {
  if (metadata === undefined || !metadata.startsWith(prefix)) return []
  const notes: Array<Note> = []
  for (const entry of metadata.slice(prefix.length).split(";")) {
    const [a, b, c] = entry.split(":")
    const offset = whole(a, Number.MAX_SAFE_INTEGER)
    const executions = whole(b, 2_147_483_647)
    const firstFailedAt = whole(c, highest)
    if (offset === undefined || executions === undefined || firstFailedAt === undefined) continue
    notes.push({ offset, executions, firstFailedAt })
  }
  return notes
}
