/** django-kafka, which stores a row in a transaction of its own. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { pythonPackages } from "../../test/services/python.ts"
import type { Program } from "./outside.ts"
import type { OutsideTask } from "./task.ts"

export const djangoVersion = "5.1.2"
const driver = "psycopg2-binary==2.9.13"

const program = fileURLToPath(new URL("djangoModel.py", import.meta.url))

/** The folders of its packages, installed once per user. */
export const djangoPackages = (): Promise<ReadonlyArray<string>> =>
  Promise.all([
    pythonPackages(`django-kafka-${djangoVersion}`, `django-kafka==${djangoVersion}`),
    pythonPackages(driver.replace("==", "-"), driver)
  ])

export const startDjango = async ({ bootstrap, group, postgres, table, topic }: OutsideTask): Promise<Program> => {
  const folders = await djangoPackages()
  const child = spawn("python3", [program, JSON.stringify({ bootstrap, group, postgres, table, topic })], {
    stdio: ["pipe", "ignore", "inherit"],
    env: { ...process.env, PYTHONPATH: folders.join(":") }
  })
  let failure: string | undefined
  const ended = once(child, "exit").then(
    ([code]) => failure = `django-kafka ended with ${code}`,
    (error: Error) => failure = error.message
  )
  process.on("exit", () => child.kill("SIGKILL"))
  return {
    problem: async () => failure,
    stop: async () => {
      child.stdin.end()
      await ended
    }
  }
}
