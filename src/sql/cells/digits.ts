/** Numbers as digits, without going through a double. Pure. */
import type { BigDecimal } from "effect/BigDecimal"

/** Digits with a decimal point `scale` digits from their end; a negative scale appends zeros. */
export const placePoint = (unscaled: string, scale: number): string => {
  if (scale === 0) return unscaled
  if (scale < 0) return unscaled === "0" ? unscaled : unscaled + "0".repeat(-scale)
  const isNegative = unscaled.charCodeAt(0) === 45
  const digits = (isNegative ? unscaled.slice(1) : unscaled).padStart(scale + 1, "0")
  const at = digits.length - scale
  return `${isNegative ? "-" : ""}${digits.slice(0, at)}.${digits.slice(at)}`
}

/** The digits of an Effect decimal, with the zeros that its scale says. */
export const decimalText = ({ scale, value }: BigDecimal): string => placePoint(String(value), scale)

/** How many bytes a number can hold without rounding. */
const exact = 6

/** The digits of a big-endian two's complement integer, as Java's `BigInteger` writes it. */
export const unscaledText = (bytes: Buffer): string => {
  if (bytes.length === 0) return "0"
  if (bytes.length <= exact) return String(bytes.readIntBE(0, bytes.length))
  return String(BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString("hex")}`)))
}
