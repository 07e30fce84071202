/** Bytes and bits as cells. Pure. */
import { asBuffer, bytesOf, fromBase64 } from "./binary.ts"
import { BadCell, type Cell, type Convert, lost, type Site, unfit } from "./cell.ts"

const hexCell = (bytes: Buffer): string => `\\x${bytes.toString("hex")}`

export const byteCells = (site: Site): Convert => {
  const { modes: { binaries }, name } = site
  return (value) => {
    if (typeof value === "string") {
      const bytes = bytesOf(value, binaries)
      return bytes === undefined
        ? new BadCell(name, `the text is no bytes in the form "${binaries}"; check binaries`)
        : hexCell(bytes)
    }
    return value instanceof Uint8Array ? hexCell(asBuffer(value)) : unfit(site, value)
  }
}

/** Little-endian bytes as bits, the highest first, without zeros in front. */
const bitsOf = (bytes: Buffer): string => {
  let bits = ""
  for (let i = bytes.length - 1; i >= 0; i--) bits += bytes[i]!.toString(2).padStart(8, "0")
  return bits.replace(/^0+/, "")
}

const zerosLost = "Debezium leaves out the zeros that a bit varying begins with; leave the column out"

/** `bit(n)` and `bit varying`. */
export const bitCells = (site: Site): Convert => {
  const { modes: { source }, name, type: { type, typmod } } = site
  const isVarying = type.startsWith("bit varying")
  const length = isVarying ? 0 : Math.max(typmod, 1)
  const ofBytes = (bytes: Buffer): Cell | BadCell => {
    const bits = bitsOf(bytes)
    if (isVarying) return lost(site, zerosLost, bits)
    return bits.length > length
      ? new BadCell(name, `${bits.length} bits do not fit into bit(${length})`)
      : bits.padStart(length, "0")
  }
  return (value) => {
    if (value === true) return "1".padStart(length, "0")
    if (value === false) return "0".padStart(length, "0")
    if (value instanceof Uint8Array) return ofBytes(asBuffer(value))
    if (typeof value !== "string") return unfit(site, value)
    if (source === "plain") return /^[01]*$/.test(value) ? value : new BadCell(name, "the text is not made of 0 and 1")
    const bytes = fromBase64(value)
    return bytes === undefined ? new BadCell(name, "the text is no Base64") : ofBytes(bytes)
  }
}
