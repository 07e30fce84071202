#!/usr/bin/env node
import { readFileSync } from "node:fs"
import module from "node:module"

/** The command cannot start here: one line, and the exit code of wrong usage. */
const refuse = (problem) => {
  process.stderr.write(`${problem}\n`)
  process.exit(2)
}

const [major, minor] = process.versions.node.split(".").map(Number)
if (!((major === 22 && minor >= 22) || (major === 24 && minor >= 6) || major > 24)) {
  refuse(`millrace needs Node.js 22.22 or later, or 24.6 or later; this is ${process.versions.node}`)
}
// Halves the time of every start but the first.
module.enableCompileCache?.()
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
const { main } = await import("millrace/cli").catch((error) => {
  // An optional peer, which only the command needs.
  if (error.code !== "ERR_MODULE_NOT_FOUND" || !error.message.includes("@effect/platform-node")) throw error
  return refuse("millrace needs @effect/platform-node to run as a command: npm install @effect/platform-node")
})
main(version)
