/** Hashes of texts, for names and comparisons. Nothing here is cryptographic. Pure. */

/** FNV-1a, 32 bits: for a few values that nobody chooses to collide. */
export const hash = (text: string): string => {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return (value >>> 0).toString(16).padStart(8, "0")
}

/** Four lanes of 32 bits that mix into each other: for texts that people write, such as filters. */
export const longHash = (text: string): string => {
  const lanes = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0xdeadbeef ^ text.length]
  const primes = [597399067, 2869860233, 951274213, 2716044179]
  const mix = (code: number): void => {
    for (let lane = 0; lane < 4; lane++) {
      const next = lanes[(lane + 1) % 4]!
      lanes[lane] = next ^ Math.imul(lanes[lane]! ^ code, primes[lane]!)
      lanes[lane]! ^= lanes[lane]! >>> 15
    }
  }
  for (let i = 0; i < text.length; i++) mix(text.charCodeAt(i))
  for (let i = 0; i < 8; i++) mix(i)
  return lanes.map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("")
}
