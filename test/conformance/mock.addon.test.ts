import { afterAll, beforeAll } from "vitest"
import { mockHarness, type Shared, startShared } from "./mockHarness.ts"
import { suite } from "./suite.ts"

let shared: Shared
beforeAll(async () => {
  shared = await startShared()
})
afterAll(() => shared.end())

suite(mockHarness(() => shared))
