import type { SourceFile } from "./step.ts"

export interface Import {
  readonly specifier: string
  /** From 1. */
  readonly line: number
  /** Whether it is `import("…")`, which loads only when it is reached. */
  readonly dynamic: boolean
}

const isStart = /^(?:import|export)\b/
const hasFrom = /\bfrom "([^"]+)"|^import "([^"]+)"/
const isCall = /\bimport\("([^"]+)"\)/g

/** The imports of a module of this repository: one statement may have several lines, and comments are passed over. */
export const importsOf = ({ lines }: Pick<SourceFile, "lines">): ReadonlyArray<Import> => {
  const found: Array<Import> = []
  let open = false
  lines.forEach((text, index) => {
    if (/^\s*(?:\*|\/\*|\/\/)/.test(text)) return
    if (isStart.test(text)) open = /^(?:import|export (?:type )?[{*])/.test(text)
    const match = open ? hasFrom.exec(text) : null
    if (match !== null) {
      found.push({ specifier: match[1] ?? match[2]!, line: index + 1, dynamic: false })
      open = false
    }
    for (const [, specifier] of text.matchAll(isCall)) {
      found.push({ specifier: specifier!, line: index + 1, dynamic: true })
    }
  })
  return found
}
