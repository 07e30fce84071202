/**
 * node scripts/with-node.mjs <command> [arguments]
 *
 * Runs a command on a Node that this project supports (^22.22 or >=24.6: they strip types, and vitest needs them).
 * An older Node, which starts this file, fetches Node 24 once from npm into the user's cache and puts it first in PATH.
 * The command also gets `node_modules/.bin` in PATH and the condition `millrace-source`, under which the package's
 * `exports` lead to `src`: everything runs from source, nothing has to be built first.
 * The published manifest stays clean of all this.
 */
import { spawn, spawnSync } from "node:child_process"
import { constants } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { cached } from "./user-cache.mjs"

const version = "24.21.0"
const condition = "--conditions=millrace-source"
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const windows = process.platform === "win32"
const packageName = `node-${windows ? "win" : process.platform}-${process.arch}`

const [command, ...args] = process.argv.slice(2)
if (command === undefined) {
  console.error("usage: node scripts/with-node.mjs <command> [arguments]")
  process.exit(2)
}

const supported = () => {
  const [major, minor] = process.versions.node.split(".").map(Number)
  return (major === 22 && minor >= 22) || (major === 24 && minor >= 6) || major > 24
}

const fetchNode = (staging) => {
  console.error(`with-node: Node ${process.versions.node} is too old here, fetching ${packageName}@${version} once`)
  const install = ["install", "--prefix", staging, "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
  const npm = spawnSync("npm", [...install, "--loglevel=error", `${packageName}@${version}`], {
    cwd: staging,
    stdio: ["ignore", 2, 2],
    shell: windows
  })
  if (npm.status !== 0) {
    throw new Error(`npm could not install ${packageName}@${version}: install Node >= 24.6 yourself and run this again`)
  }
}

const pathOfNode = async () => {
  if (supported()) return []
  const folder = await cached(`node-${version}-${process.platform}-${process.arch}`, fetchNode)
  return [join(folder, "node_modules", packageName, "bin")]
}

const path = [...await pathOfNode(), join(root, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter)
const options = process.env.NODE_OPTIONS ?? ""
const env = {
  ...process.env,
  PATH: path,
  NODE_OPTIONS: options.includes(condition) ? options : `${options} ${condition}`.trim()
}

const child = spawn(command, args, { stdio: "inherit", env, shell: windows })
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    // Ctrl-C in a terminal has reached the child already: it is in the same process group.
    if (signal === "SIGINT" && process.stdin.isTTY) return
    child.kill(signal)
  })
}
// npm passes a signal to the shell that it started us with, and the shell does not pass it on.
if (process.env.npm_lifecycle_event !== undefined) {
  const parent = process.ppid
  setInterval(() => process.ppid === parent || child.kill("SIGTERM"), 500).unref()
}
child.on("error", (error) => {
  console.error(`with-node: cannot start ${command}: ${error.message}`)
  process.exit(127)
})
child.on("exit", (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]))
