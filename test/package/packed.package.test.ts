import { assert, beforeAll, describe, it } from "@effect/vitest"
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { output, root } from "../../scripts/check/step.ts"
import { type Manifest, pack, type Packed, readManifest } from "../../scripts/pack.ts"
import { codeBlocks, commandsOf } from "../docs/codeBlocks.ts"

// Outside of the repository, whose packages would be found from a folder within.
const folder = realpathSync(mkdtempSync(join(tmpdir(), "millrace-packed-")))
const project = join(folder, "project")
// A user has no condition that leads to the sources.
const env = { ...process.env, NODE_OPTIONS: "" }
const own: Manifest & { readonly devDependencies?: { readonly [name: string]: string } } = readManifest(root)
const exactly = (name: string) => `${name}@${own.devDependencies![name]}`

let packed: Packed

const write = (name: string, text: string) => writeFileSync(join(project, name), text)
const run = (...args: ReadonlyArray<string>) => output(process.execPath, args, { cwd: project, env })

beforeAll(async () => {
  packed = await pack(join(folder, "packed"))
  mkdirSync(project)
  write("package.json", JSON.stringify({ name: "project", private: true, type: "module" }))
  const options = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
  const wanted = [packed.tarball, exactly("effect"), exactly("@effect/platform-node")]
  const npm = await output("npm", ["install", ...options, ...wanted], { cwd: project, env })
  assert.strictEqual(npm.code, 0, npm.text)
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const program = `
import * as Effect from "effect/Effect"
import { Codec, Consumer, OnFailure, Producer, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

const Notes = Topic.make("notes", { key: Codec.string, value: Codec.string })
const seen: Array<string> = []
const reader = Consumer.make("reader", {
  offsetReset: "earliest",
  onFailure: OnFailure.stop,
  until: "end",
  handlers: [Topic.handle(Notes, (record) => Effect.sync(() => { seen.push(record.value) }))]
})

const main = Effect.gen(function*() {
  yield* Producer.sendAll(Notes, [{ key: "a", value: "1" }, { key: "a", value: "2" }])
  yield* Consumer.run(reader)
  console.log(seen.join(" "))
})
await Effect.runPromise(Effect.provide(main, InMemoryKafka.layer))
`

const consumer = `
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codec, Consumer, KafkaEngine, KafkaError, OnFailure, Topic } from "millrace"
import { defineConfig } from "millrace/cli"
import { ConfluentKafka } from "millrace/confluent"
import { InMemoryKafka } from "millrace/testing"

const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
const reader = Consumer.make("reader", {
  offsetReset: "earliest",
  onFailure: OnFailure.stop,
  handlers: [Topic.handle(Notes, (record) => Effect.log(record.value.toUpperCase()))]
})
export const inMemory: Layer.Layer<KafkaEngine.Service | InMemoryKafka> = InMemoryKafka.layer
export const real: Layer.Layer<KafkaEngine.Service | ConfluentKafka.RawClient, KafkaError.KafkaError> =
  ConfluentKafka.layer({ bootstrapServers: ["localhost:9092"] })
export const app: Layer.Layer<never, KafkaError.KafkaError, KafkaEngine.Service> = Consumer.layer(reader)
export default defineConfig({ engine: real, consumers: [reader], layer: Layer.empty })
// @ts-expect-error a handler of texts gets no number
Topic.handle(Notes, (record: { readonly value: number }) => Effect.log(record.value))
`

const withoutNative = `
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ConfluentKafka } from "millrace/confluent"

const layer = ConfluentKafka.layer({ bootstrapServers: ["localhost:1"] })
const error = await Effect.runPromise(Effect.flip(Effect.scoped(Layer.build(layer))))
console.log(error._tag, error.message)
`

describe("the package, installed into an empty project", () => {
  it("has what its manifest names and nothing of the repository's own", () => {
    const installed = join(project, "node_modules", "millrace")
    const manifest = readFileSync(join(installed, "package.json"), "utf8")
    assert.notInclude(manifest, "millrace-source")
    assert.notInclude(manifest, "devDependencies")
    assert.includeMembers(readdirSync(installed), ["LICENSE", "README.md", "bin", "dist", "package.json", "src"])
    const strange = readdirSync(installed).filter((name) =>
      /^(?:test|scripts|scratchpad|node_modules|\..*)$/.test(name)
    )
    assert.deepStrictEqual(strange, [])
  })

  it("has documents for its users: no link or command leads out of it", () => {
    const installed = join(project, "node_modules", "millrace")
    const documents = globSync("{*,docs/**/*}.md", { cwd: installed })
    assert.includeMembers(documents, ["README.md", "AGENTS.md", "CHANGELOG.md", join("docs", "consumer.md")])
    assert.notInclude(documents, join("docs", "architecture.md"))
    const wrong = documents.flatMap((path) => {
      const text = readFileSync(join(installed, path), "utf8")
      const links = Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target!.split("#")[0]!)
        .filter((target) => target !== "" && !/^[a-z]+:/.test(target))
        .filter((target) => !existsSync(join(installed, path, "..", target)))
      const commands = codeBlocks({ path, lines: text.split("\n") }).flatMap(commandsOf).map((command) => command.text)
        .filter((command) => /^(?:npm (?:run|test|ci)\b|node (?!first))/.test(command))
      return [...links, ...commands].map((problem) => `${path}: ${problem}`)
    })
    assert.deepStrictEqual(wrong, [])
    assert.include(readFileSync(join(installed, "README.md"), "utf8"), "npm install millrace\n")
  })

  it("has a README whose first program runs as it stands there", async () => {
    const readme = readFileSync(join(project, "node_modules", "millrace", "README.md"), "utf8")
    const first = /<!-- first -->\n```ts\n([^]*?)\n```/.exec(readme)?.[1]
    assert.isDefined(first)
    write("first.ts", first!)
    const { code, text } = await run("first.ts")
    assert.strictEqual(code, 0, text)
    const printed = text.split("\n").filter((line) => line.startsWith("charged"))
    assert.deepStrictEqual(printed, ["charged o-1: 19.5", "charged o-2: 42"])
  })

  it("runs a program in memory", async () => {
    write("program.ts", program)
    const { code, text } = await run("program.ts")
    assert.strictEqual(code, 0, text)
    assert.strictEqual(text.split("\n").at(-1), "1 2")
  })

  it("has types, checked whole", async () => {
    write("consumer.ts", consumer)
    // The optional peer is not installed here.
    write("peer.d.ts", "declare module \"@confluentinc/kafka-javascript\" {\n  export type Producer = unknown\n}\n")
    const compilerOptions = {
      target: "ES2023",
      lib: ["ES2023", "DOM"],
      module: "NodeNext",
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      types: []
    }
    write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["consumer.ts", "peer.d.ts"] }))
    const { code, text } = await run(join(root, "node_modules", "typescript", "bin", "tsc"))
    assert.strictEqual(code, 0, text)
  })

  it("says which package the engine lacks", async () => {
    write("native.ts", withoutNative)
    const { code, text } = await run("native.ts")
    assert.strictEqual(code, 0, text)
    assert.match(text, /^KafkaError .*@confluentinc\/kafka-javascript/s)
  })

  it("has the command", async () => {
    const { code, text } = await output(join(project, "node_modules", ".bin", "millrace"), ["--help"], {
      cwd: project,
      env: { ...env, PATH: `${join(process.execPath, "..")}:${process.env["PATH"]}` }
    })
    assert.strictEqual(code, 0, text)
    assert.include(text, "millrace")
  })
})
