/** The layout: no circle of imports in `src`, types counted, and no arrow from a lower room of the core up. */
import { posix } from "node:path"
import { importsOf } from "./imports.ts"
import { type SourceFile, sourceFiles, type Step } from "./step.ts"

/** The rooms of `src/internal`, top floor first. A room imports rooms below it only. */
export const floors = [
  "run",
  "loop",
  "worker",
  "deadLetters",
  "plan",
  "retry",
  "produce",
  "partition",
  "reading",
  "codec",
  "telemetry",
  "shared"
]

/** How many files a folder may hold side by side: more than that is no picture. */
const mostFiles = { internal: 16, engine: 12 }

type Graph = ReadonlyMap<string, ReadonlySet<string>>

const graphOf = (files: ReadonlyArray<SourceFile>): Graph => {
  const paths = new Set(files.map(({ path }) => path))
  return new Map(files.map((file) => {
    const folder = posix.dirname(file.path)
    const targets = importsOf(file)
      .filter(({ specifier }) => specifier.startsWith("."))
      .map(({ specifier }) => posix.join(folder, specifier))
    return [file.path, new Set(targets.filter((target) => paths.has(target)))]
  }))
}

/** What can be reached from a node in one step or more. */
const reachable = (graph: Graph, from: string): ReadonlySet<string> => {
  const seen = new Set<string>()
  const open = [...graph.get(from) ?? []]
  while (open.length > 0) {
    const next = open.pop()!
    if (seen.has(next)) continue
    seen.add(next)
    open.push(...graph.get(next) ?? [])
  }
  return seen
}

/** The groups of nodes that reach each other, each sorted. */
export const circlesOf = (graph: Graph): ReadonlyArray<ReadonlyArray<string>> => {
  const reached = new Map([...graph.keys()].map((node) => [node, reachable(graph, node)]))
  const circles: Array<ReadonlyArray<string>> = []
  const placed = new Set<string>()
  for (const [node, below] of reached) {
    if (placed.has(node) || !below.has(node)) continue
    const circle = [...below].filter((other) => reached.get(other)?.has(node)).sort()
    for (const each of circle) placed.add(each)
    circles.push(circle)
  }
  return circles
}

/** A public module is a room of its own; a folder is one, at the first level below `internal` and `engine`. */
const roomOf = (path: string): string => {
  const [first, second, ...rest] = path.slice("src/".length).split("/")
  return second === undefined || first === "cli" ? first! : rest.length > 0 ? `${first}/${second}` : path.slice(4)
}

const roomsOf = (files: Graph): Graph => {
  const rooms = new Map<string, Set<string>>()
  for (const [path, targets] of files) {
    const room = rooms.get(roomOf(path)) ?? new Set()
    rooms.set(roomOf(path), room)
    for (const target of targets) if (roomOf(target) !== roomOf(path)) room.add(roomOf(target))
  }
  return rooms
}

const floorOf = (room: string): number => room.startsWith("internal/") ? floors.indexOf(room.slice(9)) : -1

const upwards = (graph: Graph): ReadonlyArray<string> =>
  [...graph].flatMap(([path, targets]) =>
    [...targets].flatMap((target) => {
      const [from, to] = [floorOf(roomOf(path)), floorOf(roomOf(target))]
      return to >= 0 && from > to
        ? [`${path}: imports ${target}; ${floors[from]} is below ${floors[to]}, and a room imports rooms below it only`]
        : []
    })
  )

const strangers = (graph: Graph): ReadonlyArray<string> =>
  [...new Set([...graph.keys()].map(roomOf))]
    .filter((room) => room.startsWith("internal/") && floorOf(room) < 0)
    .map((room) => `src/${room}: not among the rooms of scripts/check/layout.ts; give it a floor there`)

const mostIn = (folder: string): number => {
  if (folder.startsWith("src/internal/")) return mostFiles.internal
  return folder.startsWith("src/engine/") ? mostFiles.engine : Infinity
}

const crowded = (graph: Graph): ReadonlyArray<string> => {
  const counts = new Map<string, number>()
  for (const folder of [...graph.keys()].map(posix.dirname)) counts.set(folder, (counts.get(folder) ?? 0) + 1)
  return [...counts]
    .filter(([folder, count]) => count > mostIn(folder))
    .map(([folder, count]) =>
      `${folder}: ${count} files side by side, at most ${mostIn(folder)}; give concepts folders`
    )
}

export const problemsOf = (files: ReadonlyArray<SourceFile>): ReadonlyArray<string> => {
  const graph = graphOf(files)
  const circle = (what: string) => (members: ReadonlyArray<string>) =>
    `${what} import each other in a circle: ${members.join(", ")}`
  return [
    ...circlesOf(graph).map(circle("files")),
    ...circlesOf(roomsOf(graph)).map(circle("rooms")),
    ...upwards(graph),
    ...strangers(graph),
    ...crowded(graph)
  ]
}

export const layout: Step = {
  name: "layout",
  run: async () => {
    const files = sourceFiles("src/**/*.ts")
    // A look at next to nothing is broken, and would be green.
    return files.length < 50 ? [`only ${files.length} modules were found in src`] : problemsOf(files)
  }
}
