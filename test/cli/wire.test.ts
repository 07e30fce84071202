import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Codec } from "millrace"
import * as Wire from "../../src/cli/wire.ts"

const site = { topic: "t", part: "value" as const }

describe("what a codec's bytes are", () => {
  it.effect("is found out by asking it", () =>
    Effect.gen(function*() {
      const Uuid = Schema.String.check(Schema.isPattern(/^[0-9a-f]{8}-/))
      const Order = Schema.Struct({ id: Schema.String })
      const double: Parameters<typeof Codec.make<number>>[0] = {
        decoder: () => Effect.succeed((bytes) => Buffer.from(bytes).readDoubleBE(0)),
        encoder: () => Effect.succeed(() => new Uint8Array(8))
      }
      const kinds: ReadonlyArray<readonly [Codec.Codec<any, any, any>, Wire.Kind]> = [
        [Codec.none, "none"],
        [Codec.string, "text"],
        [Codec.bytes, "text"],
        [Codec.text(Uuid), "text"],
        [Codec.nullable(Codec.text(Schema.FiniteFromString)), "text"],
        [Codec.json(Order), "json"],
        [Codec.json(Schema.Finite), "json"],
        [Codec.nullable(Codec.json(Schema.NullOr(Schema.String))), "json"],
        [Codec.make({ ...double, schema: Schema.Finite }), "schema"],
        [Codec.make(double), "opaque"]
      ]
      for (const [i, [codec, kind]] of kinds.entries()) {
        assert.strictEqual((yield* Wire.make(codec, site)).kind, kind, String(i))
      }
    }))
})
