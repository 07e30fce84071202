/**
 * What is fetched or built once per user, outside of the repository: `${XDG_CACHE_HOME:-~/.cache}/millrace/<name>`.
 * An entry appears by a rename, so that it is either absent or whole, also when two processes make it at once.
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, isAbsolute, join } from "node:path"

export const userCache = (name) => {
  const xdg = process.env.XDG_CACHE_HOME
  // The XDG specification says to ignore a relative path.
  return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), ".cache"), "millrace", name)
}

/**
 * Returns the folder of entry `name`; if it is absent, `make(staging)` fills an empty folder next to it, which then
 * takes its name. The loser of a race throws its own copy away and uses the winner's.
 */
export const cached = async (name, make) => {
  const folder = userCache(name)
  if (existsSync(folder)) return folder
  mkdirSync(dirname(folder), { recursive: true })
  const staging = mkdtempSync(`${folder}.tmp-`)
  try {
    await make(staging)
    try {
      renameSync(staging, folder)
    } catch (error) {
      if (!existsSync(folder)) throw error
    }
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
  return folder
}
