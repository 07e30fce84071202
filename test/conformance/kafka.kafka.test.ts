import { afterAll, beforeAll } from "vitest"
import { kafkaHarness, type Shared, startShared } from "./kafkaHarness.ts"
import { suite } from "./suite.ts"

let shared: Shared
beforeAll(async () => {
  shared = await startShared()
})
afterAll(() => shared.end())

suite(kafkaHarness("eager", () => shared, { assignor: "range" }))
suite(kafkaHarness("cooperative", () => shared, { assignor: "cooperative-sticky" }))
suite(kafkaHarness("kip-848", () => shared, { groupProtocol: "consumer" }))
