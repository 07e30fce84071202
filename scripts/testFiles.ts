import { globSync } from "node:fs"

/** What a test file needs, by its name; test/README.md has the table. */
export type TestClass = "plain" | "addon" | "kafka" | "sql" | "package" | "live"

export const classOf = (file: string): TestClass => {
  const kind = /\.(addon|kafka|sql|package|live)\.test\.ts$/.exec(file)?.[1]
  return kind === undefined ? "plain" : kind as TestClass
}

export interface TestArguments {
  readonly fast: boolean
  readonly full: boolean
  /** Parts of paths: a file runs when it has one of them; all files when there are none. */
  readonly filters: ReadonlyArray<string>
  /** The first option that is not ours, and what follows it, goes to vitest as it is. */
  readonly vitest: ReadonlyArray<string>
}

export const parseArguments = (args: ReadonlyArray<string>): TestArguments => {
  const own = ["--fast", "--full"]
  const rest = args.filter((arg) => !own.includes(arg))
  const firstOption = rest.findIndex((arg) => arg.startsWith("-"))
  const end = firstOption === -1 ? rest.length : firstOption
  return {
    fast: args.includes("--fast"),
    full: args.includes("--full"),
    filters: rest.slice(0, end).map((filter) => filter.replace(/^\.\//, "")),
    vitest: rest.slice(end)
  }
}

/** Programs of other toolkits take minutes to fetch and to run, so such files run when they are asked for. */
const isAsked = (file: string, { filters, full }: TestArguments): boolean =>
  classOf(file) !== "live" || full || filters.length > 0

export const selectFiles = (root: string, args: TestArguments): Array<string> =>
  globSync("test/**/*.test.ts", { cwd: root })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => !args.fast || classOf(file) === "plain")
    .filter((file) => isAsked(file, args))
    .filter((file) => args.filters.length === 0 || args.filters.some((filter) => file.includes(filter)))
    .sort()
