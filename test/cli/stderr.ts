/** What a command in this process writes to standard error by itself: its failures. */
export const stderr = () => {
  const { write } = process.stderr
  let text = ""
  process.stderr.write = (chunk: string | Uint8Array) => {
    text += String(chunk)
    return true
  }
  return {
    text: () => text,
    end: () => {
      process.stderr.write = write
    }
  }
}
