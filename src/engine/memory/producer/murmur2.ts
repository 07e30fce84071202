/** murmur2 with the seed of Kafka's Java client, so that a key lands in the same partition from any client. */

const seed = 0x9747b28c
const mix = 0x5bd1e995

/** The signed 32 bit hash of some bytes. */
export const murmur2 = (data: Uint8Array): number => {
  const { length } = data
  let hash = seed ^ length
  const whole = length & ~3
  for (let index = 0; index < whole; index += 4) {
    let word = data[index]! | data[index + 1]! << 8 | data[index + 2]! << 16 | data[index + 3]! << 24
    word = Math.imul(word, mix)
    word ^= word >>> 24
    hash = Math.imul(hash, mix) ^ Math.imul(word, mix)
  }
  const rest = length - whole
  if (rest === 3) hash ^= data[whole + 2]! << 16
  if (rest >= 2) hash ^= data[whole + 1]! << 8
  if (rest >= 1) hash = Math.imul(hash ^ data[whole]!, mix)
  hash ^= hash >>> 13
  hash = Math.imul(hash, mix)
  return hash ^ hash >>> 15
}
