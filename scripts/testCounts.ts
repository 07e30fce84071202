import { existsSync, readFileSync } from "node:fs"

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: ReadonlyArray<{
    readonly status: string
    readonly assertionResults: ReadonlyArray<{ readonly status: string }>
  }>
}

/** Counts from vitest's JSON report. A file that fails without a failed test (it did not load) counts as one. */
export const readCounts = (file: string): Counts => {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 }
  const report = JSON.parse(readFileSync(file, "utf8")) as Report
  const broken = report.testResults.filter(({ assertionResults, status }) =>
    status === "failed" && !assertionResults.some((result) => result.status === "failed")
  )
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests
  }
}

export const renderCounts = ({ failed, passed, skipped }: Counts) =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`
