/** What the functions of `DeadLetters` take. What they do not know would select every dead letter. Pure. */
import type { DiscardOptions, Filter, ParkOptions, RedriveOptions } from "../../../DeadLetter.ts"
import { invalidSetting, type KafkaError } from "../../../KafkaError.ts"
import {
  anything,
  flag,
  func,
  type Kind,
  type Kinds,
  type KindsOf,
  number,
  problemOf,
  text,
  texts,
  whole
} from "../../shared/fields.ts"

const condition: Kind = {
  words: "a condition, { name, test }",
  is: (value) =>
    typeof value === "object" && value !== null && "name" in value && typeof value.name === "string"
    && "test" in value && typeof value.test === "function"
}

const key: Kind = { words: "a text or null", is: (value) => value === null || text.is(value) }

const destination: Kind = {
  words: "\"first-retry\", \"origin\" or { topic }",
  is: (value) =>
    value === "first-retry" || value === "origin"
    || typeof value === "object" && value !== null && "topic" in value && typeof value.topic === "string"
}

/** Times, and which numbers have a meaning, are checked where they are used. */
const filter: KindsOf<Filter> = {
  topic: text,
  partition: whole,
  offset: whole,
  key,
  tag: text,
  since: anything,
  until: anything,
  where: condition,
  parked: flag,
  waiting: flag
}

const park: KindsOf<ParkOptions> = { ...filter, rate: number, max: number, dryRun: flag }

const redrive: KindsOf<RedriveOptions> = {
  ...park,
  to: destination,
  allow: texts,
  canary: number,
  maxReplays: number,
  transform: func
}

const discard: KindsOf<DiscardOptions> = {
  topic: text,
  partition: whole,
  before: { words: whole.words, is: (value) => value === Infinity || whole.is(value) },
  parked: flag,
  deleteRecords: flag,
  dryRun: flag
}

const problemIn = (of: string, kinds: Kinds) => (given: unknown): KafkaError | undefined => {
  const found = problemOf(of, given, kinds)
  return found === undefined ? undefined : invalidSetting(found.field, found.problem)
}

/** What is wrong with a filter, or `undefined`. */
export const filterProblem = problemIn("filter", { ...filter })

/** What is wrong with the options of a redrive, or `undefined`. */
export const redriveProblem = problemIn("options", { ...redrive })

/** What is wrong with the options of parking, or `undefined`. `parks` is set by this package alone. */
export const parkProblem = problemIn("options", { ...park, parks: flag })

/** What is wrong with the options of discarding, or `undefined`. */
export const discardProblem = problemIn("options", { ...discard })

/** What is wrong with the options of an import, or `undefined`. */
export const importProblem = problemIn("options", { allow: texts, dryRun: flag })

/** What is wrong with the options of a list, or `undefined`. */
export const listProblem = problemIn("options", { scan: whole })
