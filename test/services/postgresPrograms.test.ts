import { assert, describe, it } from "@effect/vitest"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, vi } from "vitest"
import { installedIn, programs } from "./postgresPrograms.ts"

const folders: Array<string> = []

const folderWith = (...versions: ReadonlyArray<string>): string => {
  const root = mkdtempSync(join(tmpdir(), "millrace-postgres-"))
  folders.push(root)
  for (const version of versions) {
    mkdirSync(join(root, version, "bin"), { recursive: true })
    writeFileSync(join(root, version, "bin", "initdb"), "")
  }
  return root
}

describe("PostgreSQL's programs", () => {
  afterEach(() => {
    vi.unstubAllEnvs()
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
  })

  it("are the newest ones of the machine that are new enough", () => {
    const root = folderWith("15", "18", "20", "9.6", "notes")
    mkdirSync(join(root, "21"))
    assert.strictEqual(installedIn(root)?.bin, join(root, "20", "bin"))
    assert.isUndefined(installedIn(folderWith("15")))
    assert.isUndefined(installedIn(join(root, "nowhere")))
  })

  it("are those that the environment names", async () => {
    const bin = join(folderWith("17"), "17", "bin")
    vi.stubEnv("MILLRACE_POSTGRES_BIN", bin)
    assert.strictEqual((await programs()).bin, bin)
    vi.stubEnv("MILLRACE_POSTGRES_BIN", join(bin, "nowhere"))
    const error = await programs().then(() => undefined, (error: unknown) => error)
    assert.match(String(error), /MILLRACE_POSTGRES_BIN is .*nowhere, where there is no initdb/)
  })
})
