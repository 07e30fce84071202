/** Every public function has an example in its doc comment; `test/docs` compiles them, and runs those that can run. */
import { publicFiles } from "./docComments.ts"
import type { SourceFile, Step } from "./step.ts"

const declaration = /^export (?:declare |async )*(const|function) (\w+)/

/** A declaration from its first line to the one before the next that begins at the margin. */
const declarationAt = (lines: ReadonlyArray<string>, from: number): string => {
  let end = from + 1
  while (end < lines.length && !/^(?:export|const|class|interface|type|\/\*\*|\/\/)/.test(lines[end]!)) end++
  return lines.slice(from, end).join("\n")
}

/** A function is written as an arrow, by `dual`, by `Effect.fnUntraced`, or has a type that is one. */
const isFunction = (text: string): boolean =>
  /^export (?:declare |async )*function/.test(text)
  || !/= Context\.Reference\b/.test(text) && /=>|\bdual\(|\bfnUntraced\(/.test(text)

export const problemsOf = ({ lines, path }: SourceFile): ReadonlyArray<string> => {
  const problems: Array<string> = []
  let previous: string | undefined
  lines.forEach((line, index) => {
    const [, kind, name] = declaration.exec(line) ?? []
    if (name === undefined) return
    let start = index - 1
    while (start > 0 && !lines[start]!.startsWith("/**")) start--
    const comment = lines.slice(start, index).join("\n")
    // The further signatures of an overloaded function.
    if (name === previous && kind === "function") return
    previous = name
    if (comment.includes("@internal") || comment.includes("```ts") || !isFunction(declarationAt(lines, index))) return
    problems.push(`${path}:${index + 1}: ${name} has no example`)
  })
  return problems
}

export const examples: Step = {
  name: "examples",
  run: async () => publicFiles().flatMap(problemsOf)
}
