/** System packages: installed by ourselves where we may (Debian, root), else named in a line to paste. */
import { spawn } from "node:child_process"

export const aptLine = (packages) => `apt-get update && apt-get install -y ${packages.join(" ")}`

const apt = (...args) =>
  new Promise((done) => {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
    const child = spawn("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=300", ...args], { stdio: "ignore", env })
    child.on("error", () => done(false))
    child.on("close", (code) => done(code === 0))
  })

// apt holds one lock for the whole machine: calls of this process wait for each other.
let last = Promise.resolve()

/** Installs packages; `false` when that is not possible here. */
export const aptInstall = (packages) => {
  const next = last.then(async () => {
    if (process.getuid?.() !== 0 || !await apt("--version")) return false
    console.error(`installing ${packages.join(" ")}`)
    await apt("update")
    return apt("install", "-y", "--no-install-recommends", ...packages)
  })
  last = next
  return next
}
