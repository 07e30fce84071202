/**
 * The reader is a stranger who knows Kafka and English: idioms that he would have to read twice are refused, in
 * comments, texts of the program and documents. Which words instead: CONTRIBUTING.md.
 */
import { type SourceFile, sourceFiles, type Step } from "./step.ts"

interface Idiom {
  readonly pattern: RegExp
  readonly instead: string
}

const callers = "and|or|function|handler|policy|effect|layer|stream|service|codec"

const idioms: ReadonlyArray<Idiom> = [
  { pattern: /\bso (?:long|many|often)\b/gi, instead: "\"this long\", \"at most N\", \"N times\"" },
  { pattern: /\btold\b/gi, instead: "\"reported\", \"asked to\", \"known by\"" },
  { pattern: /\b(?:stand|stands|standing|stood) behind\b/gi, instead: "\"comes after\", \"follows\"" },
  { pattern: /\banew\b/gi, instead: "\"again\", \"from the beginning\"" },
  { pattern: /\bin vain\b/gi, instead: "\"without success\"" },
  { pattern: /\bwhoever\b/gi, instead: "who it is: the caller, the sender, a fiber" },
  { pattern: /\btowards Kafka\b/gi, instead: "\"in Kafka\"" },
  { pattern: /\blonger than nothing\b/gi, instead: "\"longer than zero\"" },
  {
    pattern: /\bwork(?:s|ed|ing)? (?:(?!on\b|with\b|and\b)[a-z]+ ){0,2}off\b/gi,
    instead: "what is done: \"handled\", \"redriven\", \"processed\""
  },
  {
    // What a broker does has the broker, or a pronoun for it, right before it.
    pattern: new RegExp(`(?:^|[.;:,] |(?:^|[.;:] )it |\\b(?:${callers}) |\` )answers? (?!to\\b|with\\b)[a-z]+`, "gim"),
    instead: "\"returns\"; only brokers answer"
  }
]

/** One text: a comment over its lines, a line's strings, a paragraph. It says for each of its lines where it begins. */
interface Prose {
  readonly text: string
  readonly starts: ReadonlyArray<{ readonly at: number; readonly line: number }>
}

const joined = (parts: ReadonlyArray<{ readonly text: string; readonly line: number }>): Prose => {
  let text = ""
  const starts = parts.map((part) => {
    const at = text.length
    text += `${part.text} `
    return { at, line: part.line }
  })
  return { text, starts }
}

const comment = /^\s*(?:\/\*\*?|\*\/?|\/\/)\s?(.*?)\s*(?:\*\/)?$/
const trailing = /\s\/\/ (.*)$/
const literal = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*(?:`|$)/g

/** The text of a line of code: what is quoted in it, and a comment at its end. Names are not text. */
const textOf = (code: string): string =>
  [...Array.from(code.matchAll(literal), ([quoted]) => quoted), trailing.exec(code)?.[1] ?? ""].join(" \u0000 ")

const split = ({ lines, path }: SourceFile): ReadonlyArray<Prose> => {
  const found: Array<Prose> = []
  let open: Array<{ text: string; line: number }> = []
  const end = () => {
    if (open.length > 0) found.push(joined(open))
    open = []
  }
  let fenced = false
  lines.forEach((raw, index) => {
    const line = index + 1
    const words = path.endsWith(".md") ? raw.trim() : comment.exec(raw)?.[1]?.trim()
    if (words === undefined) {
      end()
      found.push(joined([{ text: textOf(raw), line }]))
      return
    }
    const fence = words.trimStart().startsWith("```")
    if (fence) fenced = !fenced
    if (fence || fenced) return
    if (words === "" || /^\s*\/\*/.test(raw)) end()
    open.push({ text: words, line })
  })
  end()
  return found
}

export const problemsOf = (file: SourceFile): ReadonlyArray<string> =>
  split(file).flatMap(({ starts, text }) =>
    idioms.flatMap(({ instead, pattern }) =>
      Array.from(text.matchAll(pattern), (match) => {
        const { line } = starts.findLast(({ at }) => at <= match.index)!
        return `${file.path}:${line}: "${match[0].replace(/^[.;:,` ]+/, "")}": write ${instead}`
      })
    )
  )

/** Where these words are kept. */
const places = [
  "{README,README.npm,AGENTS,CONTRIBUTING,CHANGELOG}.md",
  "{docs,.changeset}/**/*.md",
  "test/README.md",
  "{scripts,scratchpad,bin}/**/*.{ts,mjs}",
  "src/**/*.ts"
]

/** It has the idioms that it refuses. */
const own = "scripts/check/words.ts"

export const words: Step = {
  name: "words",
  run: async () => sourceFiles(...places).filter(({ path }) => path !== own).flatMap(problemsOf)
}
