/** Every public export says what it is and since when, as this repository and Effect do. */
import { posix } from "node:path"
import { importsOf } from "./imports.ts"
import { type SourceFile, sourceFiles, type Step } from "./step.ts"

const tags = ["stability", "since", "category"]
const isExport = /^export (?:declare |abstract |async )*(?:const|function|class|interface|type|namespace) (\w+)/

/** The doc comment that ends right above a line; a re-export's name counts as its line. */
const commentAbove = (lines: ReadonlyArray<string>, line: number): string | undefined => {
  if (!/\*\/\s*$/.test(lines[line - 1] ?? "")) return undefined
  let start = line - 1
  while (start >= 0 && !/^\s*\/\*/.test(lines[start]!)) start--
  return /^\s*\/\*\*/.test(lines[start] ?? "") ? lines.slice(start, line).join("\n") : undefined
}

const lacks = (comment: string, wanted: ReadonlyArray<string>): ReadonlyArray<string> =>
  wanted.filter((tag) => !new RegExp(`@${tag} \\S`).test(comment)).map((tag) => `@${tag}`)

const hasWords = (comment: string): boolean => {
  const text = comment.replace(/^\s*\/\*\*|\*\/\s*$/g, "").replace(/^\s*\*/gm, "").split(/^\s*@|\s@/m)[0]!
  return /\w/.test(text)
}

export const problemsOf = (file: SourceFile): ReadonlyArray<string> => {
  const problems: Array<string> = []
  // A module with a small letter is no namespace: only its exports are public.
  const isNamespace = !/\/cli\/(?!index\.)[a-z]\w*\.ts$/.test(file.path)
  const header = file.text.startsWith("/**") ? file.text.slice(0, file.text.indexOf("*/")) : ""
  const missing = lacks(header, ["stability", "since"])
  if (isNamespace && (!hasWords(header) || missing.length > 0)) {
    problems.push(`${file.path}:1: begins with a doc comment of the module (${["words", ...missing].join(", ")})`)
  }
  let previous: string | undefined
  let inList = false
  file.lines.forEach((text, index) => {
    const listed = inList ? /^\s+(?:type )?(\w+)(?: as \w+)?,?$/.exec(text)?.[1] : undefined
    if (/^export (?:type )?\{$/.test(text)) inList = true
    else if (text.startsWith("}")) inList = false
    const name = isExport.exec(text)?.[1] ?? listed
    if (name === undefined) return
    const comment = commentAbove(file.lines, index)
    // The further signatures of an overloaded function.
    if (comment === undefined && name === previous) return
    previous = name
    const at = `${file.path}:${index + 1}: ${name}`
    if (comment === undefined) problems.push(`${at} has no doc comment`)
    else if (!comment.includes("@internal")) {
      const missing = lacks(comment, tags)
      if (missing.length > 0) problems.push(`${at} lacks ${missing.join(", ")}`)
      const documented = comment.includes("@category type IDs") || listed !== undefined
      if (!documented && !hasWords(comment)) problems.push(`${at} says nothing but its tags`)
    }
  })
  return problems
}

/** The public modules: those with a capital, the entries, and what the entry of the command line hands out. */
export const publicFiles = (): ReadonlyArray<SourceFile> => {
  const cli = sourceFiles("src/cli/index.ts")
  const handedOut = cli
    .flatMap((entry) => importsOf(entry).map(({ specifier }) => posix.join("src/cli", specifier)))
    .filter((path) => path.startsWith("src/cli/"))
  return [
    ...sourceFiles("src/*.ts", "src/{connect,engine,registry,sql}/[A-Z]*.ts"),
    ...cli,
    ...sourceFiles(...handedOut)
  ]
}

export const docComments: Step = {
  name: "doc comments",
  run: async () => publicFiles().flatMap(problemsOf)
}
