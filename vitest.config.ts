import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

const conditions = ["millrace-source", "module", "node", "development|production"]

const services = ["test/**/*.kafka.test.ts", "test/**/*.package.test.ts"]

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
        test: { name: "plain", include: ["test/**/*.test.ts"], exclude: services, testTimeout: 30_000 }
      },
      {
        extends: true,
        // Beyond the patience of any condition, so that it is the condition that is told.
        test: { name: "services", include: services, testTimeout: 240_000, hookTimeout: 120_000 }
      }
    ]
  }
})
