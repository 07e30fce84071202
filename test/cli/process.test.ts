import { assert, describe, it } from "@effect/vitest"
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { fixture, millrace, start } from "./millrace.ts"

const memory = ["--config", fixture("memory")]
const slow = ["--config", fixture("slow")]

describe("exit codes of the process", () => {
  it("0: help, a completion script, a listing", async () => {
    const help = await millrace(["consume", "--help"])
    assert.strictEqual(help.code, 0, help.err)
    assert.include(help.out, "--dry-run")
    const completions = await millrace(["--completions", "bash"])
    assert.strictEqual(completions.code, 0, completions.err)
    assert.include(completions.out, "millrace")
    const list = await millrace(["consume", "--list", ...memory])
    assert.deepInclude(list, { code: 0, err: "" })
    assert.include(list.out, "billing   orders")
  })

  it("1: the work failed, in one line", async () => {
    const { code, err } = await millrace(["tail", "numbers", ...slow, "--until", "1", "--log-level", "none"], {
      env: { MILLRACE_TEST_ENGINE: "broken" }
    })
    assert.deepStrictEqual({ code, err }, { code: 1, err: "the engine is broken\n" })
  })

  it("2: an unknown consumer, with the name that was probably meant", async () => {
    const { code, err, out } = await millrace(["consume", "biling", ...memory])
    assert.deepStrictEqual({ code, err, out }, {
      code: 2,
      err: "unknown consumer \"biling\"; did you mean \"billing\"?\n",
      out: ""
    })
  })

  it("2: a wrong flag, and a wrong command with a suggestion", async () => {
    const flag = await millrace(["dlt", "export", "--no-such-flag", ...memory])
    // Not even help: a file that the output goes to, or a command that reads it, would take it for dead letters.
    assert.deepInclude(flag, { code: 2, out: "" })
    assert.include(flag.err, "Unrecognized flag: --no-such-flag")
    const { code, err, out } = await millrace(["consum"])
    assert.deepStrictEqual({ code, out }, { code: 2, out: "" })
    assert.include(err, "Did you mean this?\n    consume")
  })

  it("2: a config module that is none, with a stack only when debugging", async () => {
    const broken = await millrace(["topics", "--config", fixture("broken")])
    assert.strictEqual(broken.code, 2)
    assert.match(broken.err, /^config module .+ must export a defineConfig\(\{ … \}\) as its default\n$/)
    const debugged = await millrace(["topics", "--config", fixture("broken"), "--log-level=debug"])
    assert.strictEqual(debugged.code, 2)
    assert.include(debugged.err, "    at ")
  })

  it.each(["20.20.2", "22.21.1", "23.11.0", "24.5.0"])("2: Node %s is too old, in one line", async (nodeVersion) => {
    const { code, err } = await millrace(["--help"], { nodeVersion })
    assert.strictEqual(code, 2)
    assert.strictEqual(err, `millrace needs Node.js 22.22 or later, or 24.6 or later; this is ${nodeVersion}\n`)
  })
})

describe("the config module", () => {
  it("is found upwards", async () => {
    const cwd = fileURLToPath(new URL("fixtures/upwards/inner", import.meta.url))
    const { code, err, out } = await millrace(["consume", "--list"], { cwd })
    assert.strictEqual(code, 0, err)
    assert.include(out, "billing")
  })

  it("may import what Node cannot run as it is, and says how it is written instead", async () => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-"))
    const domain = join(folder, "domain.ts")
    writeFileSync(domain, "export enum Color { Red }\nexport interface Order { readonly id: string }\n")
    const saying = async (text: string) => {
      const config = join(folder, "millrace.config.mts")
      writeFileSync(config, text)
      const { code, err } = await millrace(["topics", "--config", config])
      assert.strictEqual(code, 2)
      assert.notInclude(err, "    at ")
      return err
    }
    assert.include(await saying("import \"./domain.js\""), "write import \"./domain.ts\" in ")
    assert.include(await saying("import \"./domain\""), "write import \"./domain.ts\" in ")
    const noEnum = await saying("import \"./domain.ts\"")
    assert.include(noEnum, `${domain}:1: Node takes types away and compiles nothing: no enums`)
    writeFileSync(domain, "export interface Order { readonly id: string }\n")
    assert.include(await saying("import { Order } from \"./domain.ts\"; Order"), "if Order is a type, import it with")
  })

  it("says where it is wrong", async () => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-"))
    const saying = async (name: string, text: string) => {
      writeFileSync(join(folder, name), text)
      const { code, err, out } = await millrace(["topics", "--config", join(folder, name)])
      assert.deepStrictEqual([code, out], [2, ""])
      return err
    }
    const throwing = "const a: { b?: { c: string } } = {}\n\nexport default a.b!.c\n"
    const config = join(folder, "throws.mts")
    assert.strictEqual(
      await saying("throws.mts", throwing),
      `config module ${config} cannot be loaded: Cannot read properties of undefined (reading 'c')\n`
        + `  at ${config}:3:21\n`
    )
    assert.include(await saying("syntax.mts", "const a = 1\nconst b = = 2\n"), `at ${join(folder, "syntax.mts")}:2\n`)
    assert.include(await saying("syntax.mjs", "export default {\n"), "`node --check` with the file says where")
  })

  it("is asked for where there is none", async () => {
    const { code, err } = await millrace(["topics"], { cwd: tmpdir() })
    assert.strictEqual(code, 2)
    assert.include(err, "no millrace.config.ts in")
  })
})

describe("signals", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("the first %s drains and ends with 0", async (signal) => {
    const { child, ended, until } = start(["consume", ...slow], { env: { MILLRACE_TEST_DRAIN: "10 millis" } })
    await until("handling")
    child.kill(signal)
    const { code, err, out } = await ended
    assert.strictEqual(code, 0, err)
    assert.include(out, "interrupted")
    assert.include(err, "consumer stopped")
  })

  it("the same one passed on by a parent counts once", async () => {
    const { child, ended, until } = start(["consume", ...slow], { env: { MILLRACE_TEST_DRAIN: "10 millis" } })
    await until("handling")
    child.kill("SIGTERM")
    child.kill("SIGTERM")
    const { code, err, out } = await ended
    assert.strictEqual(code, 0, err)
    assert.include(out, "interrupted")
  })

  it("a terminal that closes after Ctrl-C leaves the drain its time", async () => {
    const { child, ended, until } = start(["consume", ...slow], { env: { MILLRACE_TEST_DRAIN: "10 millis" } })
    await until("handling")
    child.kill("SIGINT")
    child.kill("SIGHUP")
    const { code, err, out } = await ended
    assert.strictEqual(code, 0, err)
    assert.include(out, "interrupted")
  })

  it("one that comes before the work is done ends with 1", async () => {
    const ends = [["topics"], ["sql", "migrate"], ["tail", "numbers", "--until", "end"]].map(async (args) => {
      const { child, ended, untilLogged } = start([...args, ...slow], { env: { MILLRACE_TEST_ENGINE: "silent" } })
      await untilLogged("connecting")
      child.kill("SIGINT")
      return (await ended).code
    })
    assert.deepStrictEqual(await Promise.all(ends), [1, 1, 1])
  })

  it("the second one stops at once with 130", async () => {
    const { child, ended, until } = start(["consume", ...slow])
    await until("handling")
    child.kill("SIGINT")
    child.kill("SIGTERM")
    const { code, err, out } = await ended
    assert.strictEqual(code, 130, err)
    assert.notInclude(out, "interrupted")
  })
})

describe("standard input and output", () => {
  it("logs JSON lines to standard error where there is no terminal", async () => {
    const { child, ended, until } = start(["consume", ...slow], { env: { MILLRACE_TEST_DRAIN: "10 millis" } })
    await until("handling")
    child.kill("SIGINT")
    const { err, out } = await ended
    assert.deepStrictEqual(new Set(out.trim().split("\n")), new Set(["handling", "interrupted"]))
    const messages = err.trim().split("\n").map((line) => JSON.parse(line).message)
    assert.include(messages, "consumer started")
  })

  it("a reader that goes away ends the command", async () => {
    const { child, ended, until } = start(["tail", "numbers", "--from", "beginning", ...slow])
    await until("0/0 ")
    child.stdout.destroy()
    const { code, err } = await ended
    assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
  })

  it("a log's reader that goes away, and that of what handlers print, take no work down", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "millrace-")), "handled")
    const { child, ended, until, untilLogged } = start(["consume", ...slow], { env: { MILLRACE_TEST_FILE: file } })
    await until("handling")
    await untilLogged("handling")
    const handled = () => existsSync(file) ? readFileSync(file, "utf8").length : 0
    child.stdout.destroy()
    child.stderr.destroy()
    const before = handled()
    while (handled() < before + 10 && child.exitCode === null) await setTimeout(10)
    assert.strictEqual(child.exitCode, null)
    child.kill("SIGTERM")
    assert.strictEqual((await ended).code, 0)
  })

  it("a disk that is full is an error without a stack", async () => {
    for (const args of [["tail", "numbers", "--from", "beginning", ...slow], ["topics", ...slow]]) {
      const { code, err } = await millrace(args, { stdout: "/dev/full" })
      assert.strictEqual(code, 1)
      assert.match(err, /^standard output cannot be written: [^\n]*ENOSPC[^\n]*\n$/)
    }
  })

  it("what changes several things goes on to the last where its output cannot be written", async () => {
    for (
      const args of [
        ["schemas", "register", "--config", fixture("registry")],
        ["connect", "restart", "--json", "--config", fixture("connect")],
        ["connect", "--list", "--publish", "--connector", "lines", "--config", fixture("connect")]
      ]
    ) {
      const { err } = await millrace(args, { stdout: "/dev/full" })
      assert.match(err, /standard output cannot be written: .*ENOSPC.*; the work goes on\n/)
    }
  })

  it("produce that is interrupted says how many lines were sent, and fails", async () => {
    const { child, ended, untilLogged } = start(["produce", "numbers", ...slow], { keepsInput: true })
    child.stdin.write("{\"value\":\"7\"}\n{\"value\":\"8\"}\nwrong\n{\"value\":")
    await untilLogged("line 3")
    child.kill("SIGINT")
    const { code, err } = await ended
    assert.strictEqual(code, 1)
    assert.include(err, "interrupted: 2 sent, 1 refused")
  })

  it("dead letters are imported from standard input", async () => {
    const nothing = await millrace(["dlt", "import", "--config", fixture("dlt")], { input: "\n" })
    assert.deepStrictEqual(nothing, { code: 0, out: "", err: "0 written\n" })
    const bad = await millrace(["dlt", "import", "--dry-run", "--config", fixture("dlt")], { input: "nonsense\n" })
    assert.deepInclude(bad, { code: 1, out: "" })
    assert.match(bad.err, /^0 would be written\n.*line 1/)
  })

  it("produce sends the good lines and reports the bad ones by their numbers", async () => {
    const input = "{\"value\":\"7\"}\nno json\n\n{\"value\":\"seven\"}\n{\"value\":\"8\"}"
    const { code, err } = await millrace(["produce", "numbers", ...slow], { input })
    assert.strictEqual(code, 1)
    assert.match(err, /^line 2: .+\nline 4: value: [^]+\n2 sent, 2 refused\n$/)
    const good = await millrace(["produce", "numbers", ...slow], { input: "{\"value\":\"7\"}\n" })
    assert.deepInclude(good, { code: 0, err: "1 sent, 0 refused\n" })
  })
})
