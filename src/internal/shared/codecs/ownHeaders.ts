/** Headers that belong to codecs: of their names a record has what its codecs wrote, and nothing else. Pure. */
import type { RawHeader } from "../../../engine/KafkaEngine.ts"
import { type Codec, Encoded, type Output, type Site } from "../codecModel.ts"

/** The names that are a codec's at a site. */
export const namesOf = ({ headerNames }: Codec<any, any, any>, site: Site): ReadonlyArray<string> =>
  headerNames?.(site) ?? []

/** The key or value of what an encoder returned. */
export const bytesIn = (output: Output): Uint8Array | null => output instanceof Encoded ? output.bytes : output

/** The headers of what an encoder returned. */
export const headersIn = (output: Output): ReadonlyArray<RawHeader> => output instanceof Encoded ? output.headers : []

type Headers = ReadonlyArray<RawHeader>

/** Headers with those that codecs wrote, and without others of these names. */
export const merged = (
  headers: Headers,
  names: ReadonlyArray<string>,
  added: Headers
): Headers => {
  if (headers.length === 0) return added
  const isOwn = (name: string): boolean => names.includes(name) || added.some(([own]) => own === name)
  return [...headers.filter(([name]) => !isOwn(name)), ...added]
}
