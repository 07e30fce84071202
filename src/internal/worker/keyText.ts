/** Keys of records as texts that are equal for equal keys; records without a key have one in common. Pure. */
export const keyText = (key: Uint8Array | null): string =>
  key === null ? "null" : `k${Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1")}`
