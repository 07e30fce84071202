#!/usr/bin/env node
import { readFileSync } from "node:fs"

const [major, minor] = process.versions.node.split(".").map(Number)
if (!((major === 22 && minor >= 22) || (major === 24 && minor >= 6) || major > 24)) {
  process.stderr.write(`millrace needs Node.js 22.22 or later, or 24.6 or later; this is ${process.versions.node}\n`)
  process.exit(2)
}
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
const { main } = await import("millrace/cli")
main(version)
