import { fileURLToPath } from "node:url"
import { aptInstall, aptLine } from "../../scripts/apt.mjs"
import { cached } from "../../scripts/user-cache.mjs"
import { runCommand } from "./command.ts"
import { versions } from "./versions.ts"

const confluent = `confluent-kafka[avro,json,protobuf,schemaregistry]==${versions.confluentPython}`

const needed = ["python3", "python3-pip"]

const hasPip = async () => (await runCommand("python3", ["-m", "pip", "--version"])).code === 0

const ensurePip = async (): Promise<void> => {
  if (await hasPip() || await aptInstall(needed) && await hasPip()) return
  throw new Error(`the foreign client of the tests needs python3 and pip. On Debian:\n  ${aptLine(needed)}`)
}

/** The folder of a package and what it needs, installed once per user beside Python's own. */
export const pythonPackages = (name: string, packages: string): Promise<string> =>
  cached(name, async (staging) => {
    await ensurePip()
    const args = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--break-system-packages"]
    const { code, stderr } = await runCommand("python3", [...args, "--target", staging, packages])
    if (code !== 0) {
      throw new Error(`pip could not install ${packages}; it needs python3 with pip:\n${stderr.slice(-2_000)}`)
    }
  })

/** Runs a Python program of this repository with Confluent's packages; its input and output are JSON. */
export const runPython = async (program: URL, input: unknown): Promise<unknown> => {
  const folder = await pythonPackages(`confluent-python-${versions.confluentPython}`, confluent)
  const { code, stderr, stdout } = await runCommand("python3", [fileURLToPath(program)], {
    stdin: JSON.stringify(input),
    env: { ...process.env, PYTHONPATH: folder }
  })
  if (code !== 0) throw new Error(`${program.pathname} ended with ${code}:\n${stderr.slice(-4_000)}`)
  return JSON.parse(stdout)
}
