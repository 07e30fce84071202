import { aptInstall, aptLine } from "../../scripts/apt.mjs"
import { runCommand } from "./command.ts"

const packages = ["maven", "default-jre-headless"]

/** Whether Java and Maven are at hand without installing anything. */
export const hasJava = async () => {
  const [java, maven] = await Promise.all([
    runCommand("java", ["-version"]),
    // `mvn --version` starts a JVM.
    runCommand("sh", ["-c", "command -v mvn"])
  ])
  return java.code === 0 && maven.code === 0
}

/** Sees to it that `java` and `mvn` can be run; fails with the line that would help. */
export const ensureJava = async (): Promise<void> => {
  if (await hasJava()) return
  if (await aptInstall(packages) && await hasJava()) return
  throw new Error(`the broker of the tests needs java (17 or newer) and mvn. On Debian:\n  ${aptLine(packages)}`)
}
