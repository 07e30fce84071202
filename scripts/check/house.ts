/** The rules of this repository that no linter knows. */
import { posix } from "node:path"
import { importsOf } from "./imports.ts"
import { type SourceFile, sourceFiles, type Step } from "./step.ts"

const maxLines = 400
const maxColumns = 120

// In pieces, so that this file does not find itself.
const unfinished = new RegExp(`\\b(?:TO${"DO"}|FIX${"ME"}|XX${"X"})\\b`)
const impure = /\b(?:Date\.now\(|Math\.random\(|new Date\(\))/
const cast = /\bas any\b/
const isComment = /^\s*(?:\*|\/\*|\/\/)/

const either = (...all: ReadonlyArray<RegExp>): RegExp => new RegExp(all.map(({ source }) => source).join("|"))

/** The core's checks of what callers without types hand in. */
const checks = /^internal\/shared\/(?:fields|handedIn\/(?:settingKinds|serviceSettings))\.ts$/

/** Which modules of `src` a room may import, besides its own: a module or a room, from `src`. */
const rooms: ReadonlyArray<{ readonly room: RegExp; readonly may: RegExp; readonly words: string }> = [
  {
    room: /^engine\//,
    // The checks of settings are those of the core.
    may: either(/^(?:engine\/|Kafka(?:Config|Error\w*)\.ts$|TopicPartition\.ts$)/, checks),
    words: "an engine knows nothing above it but settings, errors and partitions"
  },
  {
    room: /^(?:internal\/|[A-Z]\w*\.ts$)/,
    may: /^(?:internal\/|[A-Z]\w*\.ts$|engine\/(?:(?!ConfluentKafka|InMemoryKafka)[A-Z]\w*|checkOffsets)\.ts$)/,
    words: "the core knows the interface of engines, no engine, and none of the rooms built on it"
  },
  {
    room: /^registry\//,
    // The checks of fields, JSON as the core has it, and the words for errors.
    may: either(
      /^(?:registry\/|rest\/|[A-Z]\w*\.ts$|internal\/shared\/(?:causes|codecs\/json(?:Bytes|Form))\.ts$)/,
      /^engine\/Model\.ts$/,
      checks
    ),
    words: "the registry knows the public modules, no engine and nothing internal"
  },
  {
    room: /^connect\//,
    may: /^(?:connect\/|rest\/|internal\/shared\/|[A-Z]\w*\.ts$)/,
    words: "Connect's room knows the public modules, no engine, no registry, and of the internals only `shared`"
  },
  {
    room: /^sql\//,
    may: either(
      /^(?:sql\/|internal\/(?:shared\/|produce\/(?:raws|delivering)\.ts$)|engine\/KafkaEngine\.ts$|[A-Z]\w*\.ts$)/,
      /^internal\/telemetry\/serviceCell\.ts$/,
      /^connect\/(?:Connector|Debezium(?:Model)?)\.ts$/
    ),
    words:
      "the room of SQL knows the public modules, the interface of engines, connectors as values, no registry, and of "
      + "the internals only `shared`, the encoding of messages and the health of services"
  },
  {
    room: /^rest\//,
    may: /^rest\//,
    words: "the client of HTTP services knows nothing of any of them"
  }
]

const importProblems = (file: SourceFile): ReadonlyArray<string> =>
  importsOf(file).flatMap(({ line, specifier }) => {
    const at = `${file.path}:${line}`
    const own = file.path.startsWith("src/") ? file.path.slice("src/".length) : undefined
    if (!specifier.startsWith(".")) {
      const barrel = own !== undefined && /^effect(?:\/[a-z-]+)?$/.test(specifier)
      return barrel ? [`${at}: import from the modules of "${specifier}", not from their barrel`] : []
    }
    if (!/\.(?:ts|mts|mjs|json)$/.test(specifier)) return [`${at}: "${specifier}" has no ending`]
    const target = posix.join(posix.dirname(file.path), specifier)
    if (file.path.startsWith("scratchpad/") && target.startsWith("src/")) {
      return [`${at}: programs in scratchpad use the public API alone, import "millrace"`]
    }
    const rule = own === undefined ? undefined : rooms.find(({ room }) => room.test(own))
    if (rule === undefined || rule.may.test(target.slice("src/".length))) return []
    return [`${at}: imports ${target}; ${rule.words}`]
  })

const lineProblems = (file: SourceFile): ReadonlyArray<string> =>
  file.lines.flatMap((text, index) => {
    const problems: Array<string> = []
    const add = (problem: string) => problems.push(`${file.path}:${index + 1}: ${problem}`)
    if (text.length > maxColumns) add(`${text.length} columns, at most ${maxColumns}`)
    if (unfinished.test(text)) add("finish it, or leave it out")
    if (!file.path.startsWith("src/") || isComment.test(text)) return problems
    if (impure.test(text)) add("time comes from Clock, chance from Random")
    if (cast.test(text) && !text.includes("//") && !isComment.test(file.lines[index - 1] ?? "")) {
      add("a cast to any says in a comment, above or beside it, why it is safe")
    }
    return problems
  })

const sizeProblems = ({ lines, path }: SourceFile): ReadonlyArray<string> =>
  lines.length > maxLines ? [`${path}: ${lines.length} lines, at most ${maxLines}`] : []

export const problemsOf = (file: SourceFile): ReadonlyArray<string> => [
  ...sizeProblems(file),
  ...lineProblems(file),
  ...importProblems(file)
]

export const house: Step = {
  name: "house rules",
  run: async () => sourceFiles("{src,test,scripts,scratchpad,bin}/**/*.{ts,mjs,mts}", "*.ts").flatMap(problemsOf)
}
