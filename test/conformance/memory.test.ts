import { memoryHarness } from "./memoryHarness.ts"
import { suite } from "./suite.ts"

suite(memoryHarness("range"))
suite(memoryHarness("cooperative-sticky"))
