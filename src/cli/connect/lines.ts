/** Plans and their outcomes in words. Pure. */
import type { Entry, Plan, Published, Step } from "../../connect/PlanModel.ts"
import { plain } from "../values.ts"

const verbs: { readonly [tag in Step["_tag"]]: string } = {
  Create: "create",
  Update: "change",
  SetOffsets: "set offsets",
  Pause: "pause",
  Resume: "resume",
  Stop: "stop",
  Delete: "delete"
}

/** What is done, in this order. */
export const stepWords = (steps: ReadonlyArray<Step>): string =>
  steps.map((step) =>
    step._tag === "Create" && step.initialState !== "RUNNING"
      ? `create ${step.initialState.toLowerCase()}`
      : verbs[step._tag]
  ).join(", then ")

const signs = { added: "+", changed: "~", removed: "-", unknown: "?" } as const

const changeLine = ({ from, key, kind, to }: Entry["changes"][number]): string => {
  const head = `    ${signs[kind]} ${key}`
  switch (kind) {
    case "added":
      return `${head} = ${to}`
    case "removed":
      return `${head} (was ${from})`
    case "unknown":
      return `${head}: Connect hides it, and nothing tells whether it is the same`
    case "changed":
      return from === to ? `${head}: ${to}` : `${head}: ${from} -> ${to}`
  }
}

/** What a plan does for a connector; a new one shows its settings alone if `all` is wanted. */
export const entryLines = ({ changes, findings, name, problems, steps }: Entry): ReadonlyArray<string> =>
  [
    `  ${name}: ${problems.length > 0 ? "not valid" : steps.length === 0 ? "as declared" : stepWords(steps)}`,
    ...problems.flatMap(({ key, messages }) =>
      messages.map((message) => `    ! ${key === undefined ? "" : `${key}: `}${message}`)
    ),
    ...changes.map(changeLine),
    ...findings.map(({ problem, rule }) => `    warning ${rule}: ${problem}`)
  ].map(plain)

/** How much there is to do. */
export const summary = ({ entries }: Plan): string => {
  const count = (is: (entry: Entry) => boolean) => entries.filter(is).length
  const has = (...tags: ReadonlyArray<Step["_tag"]>) => (entry: Entry) =>
    entry.steps.some(({ _tag }) => tags.includes(_tag))
  const created = count(has("Create"))
  const deleted = count(has("Delete"))
  const changed = count((entry) => entry.steps.length > 0) - created - deleted
  const invalid = count(({ problems }) => problems.length > 0)
  const words = `${created} to create, ${changed} to change, ${deleted} to delete`
  return invalid === 0 ? words : `${words}; ${invalid} not valid`
}

/** Why a connector is left alone after one before it said so. */
export const unavailable = "Connect is not available"

/** What became of a connector; `heldBack`: why one was not tried. */
export const publishedLine = ({ done, error, isHeldBack, name }: Published, heldBack: string): string => {
  if (isHeldBack) return plain(`${name}: not published, because ${heldBack}`)
  if (error !== undefined) {
    const before = done.length === 0 ? "" : ` (done: ${stepWords(done)})`
    return plain(`${name}: failed${before}: ${error.message}`)
  }
  return plain(`${name}: ${done.length === 0 ? "nothing to do" : `done: ${stepWords(done)}`}`)
}
