/**
 * npm test -- [--fast | --full] [part of a path]... [vitest options]
 *
 * Runs the tests with all that they need; a file's name tells what that is (test/README.md):
 *   test/**\/*.test.ts          nothing
 *   test/**\/*.addon.test.ts    the native client (librdkafka's mock cluster)
 *   test/**\/*.kafka.test.ts    the native client and a real Kafka
 *   test/**\/*.sql.test.ts      a real PostgreSQL
 *   test/**\/*.package.test.ts  nothing; packs the tarball and uses it
 *   test/**\/*.live.test.ts     a real Kafka, and toolkits that Maven or pip fetch; runs when it is asked for
 *
 * --fast  only files that need nothing and pack nothing
 * --full  also what runs only when it is asked for, and tells the tests to be thorough (MILLRACE_TEST_FULL=1)
 *
 * Files whose needs cannot be met fail the run, unless MILLRACE_TEST_ALLOW_MISSING=1: then they count as skipped.
 * The last line is always `N passed, N failed, N skipped`.
 */
import { spawn } from "node:child_process"
import { constants } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { beginRun, endRun, newServiceFolder, writePid } from "../test/services/runFolder.ts"
import { type ServiceName, type Started, startServices } from "../test/services/services.ts"
import { ensureAddon } from "./addon.mjs"
import { type Counts, readCounts, renderCounts } from "./testCounts.ts"
import { classOf, parseArguments, selectFiles, type TestClass } from "./testFiles.ts"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const args = parseArguments(process.argv.slice(2))
const allowMissing = process.env["MILLRACE_TEST_ALLOW_MISSING"] === "1"

interface Need {
  readonly name: "addon" | ServiceName
  readonly reason: string
}

const needs: Readonly<Record<TestClass, ReadonlyArray<Need["name"]>>> = {
  plain: [],
  addon: ["addon"],
  kafka: ["addon", "kafka"],
  sql: ["postgres"],
  package: [],
  live: ["addon", "kafka"]
}

const run = beginRun()
let vitestPid: number | undefined
let started: Started | undefined

const cleanUp = async () => {
  if (vitestPid !== undefined) {
    try {
      // Its workers too: it leads a group of its own.
      process.kill(-vitestPid, "SIGKILL")
    } catch {
      // It is gone.
    }
  }
  await started?.stop().catch((error: unknown) => console.error(String(error)))
  await endRun(run)
}

let ending = false
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (ending) return
    ending = true
    console.error(`\n${signal}: stopping what was started`)
    void cleanUp().finally(() => process.exit(128 + constants.signals[signal]))
  })
}

const prepareAddon = async (): Promise<Need | undefined> => {
  try {
    await ensureAddon()
    return undefined
  } catch (error) {
    return { name: "addon", reason: error instanceof Error ? error.message : String(error) }
  }
}

/** Makes ready what the files need; returns what cannot be had. */
const prepare = async (files: ReadonlyArray<string>): Promise<Array<Need>> => {
  const wanted = new Set(files.flatMap((file) => needs[classOf(file)]))
  const services = new Set([...wanted].filter((name) => name !== "addon"))
  const [addon] = await Promise.all([
    wanted.has("addon") ? prepareAddon() : undefined,
    startServices(services, run).then((result) => (started = result))
  ])
  const missing = started?.missing.map(({ reason, service }) => ({ name: service, reason })) ?? []
  return addon === undefined ? missing : [addon, ...missing]
}

/** Modules are loaded once per worker, not once per file: most of the time of small files is imports. */
const fastly = ["--no-isolate"]

const runVitest = (files: ReadonlyArray<string>, report: string): Promise<number> =>
  new Promise((resolve) => {
    const cli = join(root, "node_modules", "vitest", "vitest.mjs")
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`]
    const child = spawn(process.execPath, [
      cli,
      "run",
      ...files,
      ...reporters,
      ...(args.fast ? fastly : []),
      ...args.vitest
    ], {
      cwd: root,
      detached: true,
      stdio: ["ignore", "inherit", "inherit"],
      // Scenarios run side by side, each with clients of its own; with the usual four threads they would wait for
      // each other's connects and closes.
      env: {
        UV_THREADPOOL_SIZE: "16",
        ...process.env,
        ...started?.env,
        ...(args.full && { MILLRACE_TEST_FULL: "1" }),
        ...(args.fast && { MILLRACE_TEST_FAST: "1" })
      }
    })
    vitestPid = child.pid
    // The watcher, which ends the run when this process dies, finds vitest by this.
    if (child.pid !== undefined) writePid(dirname(report), child.pid)
    child.on("error", () => resolve(1))
    child.on("exit", (code) => resolve(code ?? 1))
  })

const main = async (): Promise<{ readonly counts: Counts; readonly ok: boolean }> => {
  const files = selectFiles(root, args)
  if (files.length === 0) {
    console.error(`no test file matches ${[...args.filters, ...(args.fast ? ["--fast"] : [])].join(" ")}`)
    return { counts: { passed: 0, failed: 0, skipped: 0 }, ok: false }
  }
  const missing = await prepare(files)
  const names = new Set(missing.map(({ name }) => name))
  const lacks = (file: string) => needs[classOf(file)].some((name) => names.has(name))
  const runnable = files.filter((file) => !lacks(file))
  const left = files.filter(lacks)

  const report = join(newServiceFolder("vitest", run), "report.json")
  const code = runnable.length === 0 ? 1 : await runVitest(runnable, report)
  const read = runnable.length === 0 ? { passed: 0, failed: 0, skipped: 0 } : readCounts(report)
  // An error outside of any test fails the run and is in no count of vitest's.
  const tests = code !== 0 && read.failed === 0 && runnable.length > 0 ? { ...read, failed: 1 } : read

  if (left.length > 0) {
    console.error(`\n${allowMissing ? "skipped" : "not run"}, because of what is missing below:`)
    for (const file of left) console.error(`  ${file}`)
    for (const { name, reason } of missing) console.error(`${name}: ${reason}`)
    if (!allowMissing) console.error("MILLRACE_TEST_ALLOW_MISSING=1 runs the others alone.")
  }
  return {
    counts: {
      passed: tests.passed,
      failed: tests.failed + (allowMissing ? 0 : left.length),
      skipped: tests.skipped + (allowMissing ? left.length : 0)
    },
    ok: code === 0 && tests.failed === 0 && tests.passed > 0 && (left.length === 0 || allowMissing)
  }
}

const result = await main().catch((error: unknown) => {
  console.error(error)
  return { counts: { passed: 0, failed: 1, skipped: 0 }, ok: false }
})
if (!ending) {
  ending = true
  await cleanUp()
  console.log(renderCounts(result.counts))
  process.exitCode = result.ok ? 0 : 1
}
