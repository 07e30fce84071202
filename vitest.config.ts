import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

const conditions = ["millrace-source", "module", "node", "development|production"]

const services = ["kafka", "sql", "package", "live"].map((kind) => `test/**/*.${kind}.test.ts`)

export default defineConfig({
  // The tests import the package by its name and get the sources, as a program in scratchpad does.
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    // The native client is not made for several threads of one process.
    pool: "forks",
    maxWorkers: Math.min(2, availableParallelism()),
    projects: [
      {
        extends: true,
        // Against what hangs alone: some tests run a compiler, and a busy machine takes its time for it.
        test: { name: "plain", include: ["test/**/*.test.ts"], exclude: services, testTimeout: 120_000 }
      },
      {
        extends: true,
        // Beyond the patience of any condition, so that the condition fails, with its name.
        test: { name: "services", include: services, testTimeout: 240_000, hookTimeout: 120_000 }
      }
    ]
  }
})
