/**
 * node scripts/addon.mjs
 *
 * Makes the native Kafka client loadable by the Node that runs this: as installed, else restored from the per-user
 * cache, else downloaded (the maintainers' prebuilt binary), else built from source. `npm install` never does it,
 * because that build takes a minute and only tests and the Confluent engine need it.
 */
import { spawn } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs"
import { createRequire } from "node:module"
import { basename, dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { aptInstall, aptLine } from "./apt.mjs"
import { cached, userCache } from "./user-cache.mjs"

const require = createRequire(import.meta.url)
const packageName = "@confluentinc/kafka-javascript"
const needed = ["ssl", "zstd", "lz4", "sasl_scram", "gzip", "snappy"]
const debian = ["build-essential", "python3", "libssl-dev", "libsasl2-dev", "libzstd-dev", "zlib1g-dev"]
  .concat(["libcurl4-openssl-dev", "liblz4-dev"])
const remedy = `On Debian:\n  ${aptLine(debian)}`
const headers = ["openssl/ssl.h", "sasl/sasl.h", "zstd.h", "zlib.h", "curl/curl.h", "lz4.h"]

/** Runs a command to its end; its output goes to our standard error unless it is kept. */
const run = (command, args, { input = "", keep = false, ...options } = {}) =>
  new Promise((done) => {
    const child = spawn(command, args, { stdio: ["pipe", keep ? "pipe" : 2, keep ? "pipe" : 2], ...options })
    let output = ""
    child.stdout?.on("data", (chunk) => (output += chunk))
    child.stderr?.on("data", (chunk) => (output += chunk))
    child.on("error", (error) => done({ ok: false, output: error.message }))
    child.on("close", (code) => done({ ok: code === 0, output }))
    child.stdin.on("error", () => {})
    child.stdin.end(input)
  })

/** Loads the client in a Node of its own: a binary that crashes or is for another Node must not take us with it. */
const problemOf = async (root) => {
  const program = `process.stdout.write("features:" + require(${JSON.stringify(root)}).features.join(" "))`
  const { ok, output } = await run(process.execPath, ["-e", program], { keep: true })
  if (!ok) return output
  const features = output.slice(output.lastIndexOf("features:") + 9).split(" ")
  const missing = needed.filter((feature) => !features.includes(feature))
  return missing.length === 0 ? undefined : `it was built without ${missing.join(", ")}`
}

/** The folder above `include/node` when it holds the headers of the running Node; node-gyp would download them. */
const nodeHeaders = () => {
  const prefix = dirname(dirname(process.execPath))
  const file = join(prefix, "include", "node", "node_version.h")
  if (!existsSync(file)) return undefined
  const text = readFileSync(file, "utf8")
  const found = ["MAJOR", "MINOR", "PATCH"].map((part) => text.match(`#define NODE_${part}_VERSION (\\d+)`)?.[1])
  return found.join(".") === process.versions.node ? prefix : undefined
}

/** librdkafka's configure drops a feature silently when its header is missing, so we look before. */
const canBuild = async () => {
  const source = headers.map((header) => `#include <${header}>\n`).join("")
  const checks = await Promise.all([
    run(process.env.CXX ?? "c++", ["-E", "-x", "c++", "-"], { input: source, keep: true }),
    run("make", ["--version"], { keep: true }),
    run("python3", ["--version"], { keep: true })
  ])
  return checks.every((check) => check.ok)
}

const prepareBuild = async () => {
  if (await canBuild()) return
  if (await aptInstall(debian) && await canBuild()) return
  throw new Error(`the native client ${packageName} cannot be built, libraries are missing. ${remedy}`)
}

/** Built in a copy: two processes do not disturb each other, and node_modules keeps 4 MB instead of 280. */
const make = (root, bindings) => async (staging) => {
  const build = join(staging, "build")
  cpSync(root, build, { recursive: true, filter: (path) => path !== join(root, "build") })
  symlinkSync(dependenciesOf(root), join(build, "node_modules"))
  const preGyp = createRequire(join(root, "package.json")).resolve("@mapbox/node-pre-gyp/bin/node-pre-gyp")
  const download = await run(process.execPath, [preGyp, "install"], { cwd: build, keep: true, timeout: 60_000 })
  if (!download.ok) {
    await prepareBuild()
    console.error(`addon: building ${packageName} for Node ${process.versions.node}, once: this takes a minute or two`)
    const nodedir = nodeHeaders()
    const env = {
      ...process.env,
      CKJS_LINKING: "dynamic",
      // npm 11 warns at the first name, older ones know no other.
      ...(nodedir && { npm_config_nodedir: nodedir, npm_package_config_node_gyp_nodedir: nodedir })
    }
    const built = await run("npm", ["run", "install", "--ignore-scripts=false"], { cwd: build, env, keep: true })
    if (!built.ok) throw new Error(`the build of ${packageName} failed:\n${built.output.slice(-4000)}`)
  }
  await collect(build, staging, bindings)
  rmSync(build, { recursive: true })
}

const dependenciesOf = (root) => {
  const marker = join("node_modules", packageName)
  return root.endsWith(marker) ? root.slice(0, -packageName.length - 1) : join(root, "node_modules")
}

const collect = async (build, staging, bindings) => {
  const folders = [[join(build, "build", "Release"), bindings], [join(build, "build", "deps"), "deps"]]
  for (const [from, to] of folders) {
    if (!existsSync(from)) continue
    for (const name of readdirSync(from).filter((name) => /(\.node|\.dll|\.so\.\d+|\.\d+\.dylib)$/.test(name))) {
      const target = join(staging, to, name)
      cpSync(join(from, name), target, { dereference: true })
      if (process.platform === "linux") await run("strip", ["--strip-unneeded", target], { keep: true })
    }
  }
}

/** Each file takes its name by a rename: another process may be loading it. */
const restore = (entry, root) => {
  for (const folder of readdirSync(entry)) {
    const target = join(root, "lib", "binding", folder)
    mkdirSync(target, { recursive: true })
    for (const name of readdirSync(join(entry, folder))) {
      const staging = join(target, `${name}.${process.pid}`)
      cpSync(join(entry, folder, name), staging)
      renameSync(staging, join(target, name))
    }
  }
  // A binary there is looked at first, and one for another Node ends the search.
  rmSync(join(root, "build"), { recursive: true, force: true })
}

/** Makes the native client loadable and says how it was done. */
export const ensureAddon = async () => {
  const manifest = require.resolve(`${packageName}/package.json`)
  const root = dirname(manifest)
  if (await problemOf(root) === undefined) return "as installed"

  const libc = process.report.getReport().header.glibcVersionRuntime ? "glibc" : "other"
  const abi = `node-v${process.versions.modules}-${process.platform}-${process.arch}`
  const name = `kafka-javascript-${require(manifest).version}-${abi}-${libc}`
  if (existsSync(userCache(name))) {
    restore(userCache(name), root)
    if (await problemOf(root) === undefined) return "restored from the cache"
    rmSync(userCache(name), { recursive: true, force: true })
  }
  restore(await cached(name, make(root, abi)), root)
  const problem = await problemOf(root)
  if (problem === undefined) return "built"
  rmSync(userCache(name), { recursive: true, force: true })
  throw new Error(`the native client ${packageName} was made but is not usable: ${problem}\n${remedy}`)
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const started = performance.now()
    console.error(`addon: ${await ensureAddon()} (${Math.round(performance.now() - started)} ms)`)
  } catch (error) {
    console.error(`${basename(process.argv[1])}: ${error.message}`)
    process.exit(1)
  }
}
