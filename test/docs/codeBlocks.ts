/** The code in documents and doc comments. */
import type { SourceFile } from "../../scripts/check/step.ts"

export interface CodeBlock {
  /** From the repository's root. */
  readonly path: string
  /** The line of its first line of code, from 1. */
  readonly line: number
  readonly language: string
  readonly code: ReadonlyArray<string>
}

const fence = /^(\s*(?:\* ?)?)```(\w*)/

/** The fenced blocks of a Markdown file, or of the doc comments of a source file, without what stands left of them. */
export const codeBlocks = ({ lines, path }: Pick<SourceFile, "lines" | "path">): ReadonlyArray<CodeBlock> => {
  const blocks: Array<CodeBlock> = []
  let open:
    | { readonly margin: number; readonly language: string; readonly line: number; code: Array<string> }
    | undefined
  lines.forEach((text, index) => {
    const match = fence.exec(text)
    if (match !== null && open === undefined) {
      open = { margin: match[1]!.length, language: match[2]!, line: index + 2, code: [] }
    } else if (match !== null && open !== undefined) {
      blocks.push({ path, line: open.line, language: open.language, code: open.code })
      open = undefined
    } else open?.code.push(text.slice(open.margin))
  })
  if (open !== undefined) throw new Error(`${path}:${open.line - 1}: the block has no end`)
  return blocks
}

/** A module with the block at the line that it has in its document, so that errors name the right one. */
export const moduleOf = ({ code, line }: CodeBlock): string => `${"\n".repeat(line - 1)}${code.join("\n")}\nexport {}\n`

export interface Command {
  readonly at: string
  readonly text: string
}

/** The commands of shell blocks, without prompts, comments and what is set in front of them. */
export const commandsOf = (block: CodeBlock): ReadonlyArray<Command> =>
  ["sh", "bash", "shell", "console"].includes(block.language)
    ? block.code.flatMap((text, index) =>
      text.split(/&&|;|\|/).map((part) => ({
        at: `${block.path}:${block.line + index}`,
        text: part.replace(/#.*/, "").trim().replace(/^\$ /, "").replace(/^(?:\w+=\S* )+/, "")
      }))
    ).filter(({ text }) => text !== "")
    : []
