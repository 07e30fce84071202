/** Whole numbers as text, small ones as one character: base 64 with five bits of the number in each. Pure. */

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
const digits = new Map(Array.from(alphabet, (character, digit) => [character, digit]))

/** Numbers are not negative; up to `Number.MAX_SAFE_INTEGER`, which takes 11 characters. */
export const write = (number: number): string => {
  let text = ""
  let rest = number
  while (rest >= 32) {
    text += alphabet[32 + rest % 32]!
    rest = Math.floor(rest / 32)
  }
  return text + alphabet[rest]!
}

/** Six bits as one character. */
export const digit = (bits: number): string => alphabet[bits]!

/** Reads a text from its beginning. */
export class Reader {
  private readonly text: string
  private at = 0

  constructor(text: string) {
    this.text = text
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length
  }

  /** The next number, or `undefined` when there is none. */
  number(): number | undefined {
    let value = 0
    for (let factor = 1; factor <= 2 ** 50; factor *= 32) {
      const bits = this.bits()
      if (bits === undefined) return undefined
      value += bits % 32 * factor
      if (bits < 32) return Number.isSafeInteger(value) ? value : undefined
    }
    return undefined
  }

  /** The next six bits. */
  bits(): number | undefined {
    return digits.get(this.text[this.at++] ?? "")
  }
}
