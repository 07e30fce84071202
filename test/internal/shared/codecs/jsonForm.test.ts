import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { Codec } from "millrace/registry"
import { withJsonForm } from "../../../../src/internal/shared/codecs/jsonForm.ts"

class Celsius {
  readonly degrees: number
  constructor(degrees: number) {
    this.degrees = degrees
  }
}
const Bare = Schema.instanceOf(Celsius)
const Named = Schema.instanceOf(Celsius, { identifier: "Celsius" })

interface Tree {
  readonly at: Celsius
  readonly children: ReadonlyArray<Tree>
}
const Tree: Schema.Codec<Tree, any> = Schema.Struct({
  children: Schema.Array(Schema.suspend(() => Tree)),
  at: Named
})

describe("a Schema of which a part has no JSON form", () => {
  const refused: ReadonlyArray<readonly [Schema.Top, RegExp]> = [
    [Bare, /^the Schema: a class that is declared has no JSON form: annotate it with toCodecJson/],
    [Schema.Struct({ a: Schema.Struct({ b: Named }) }), /^a\.b: Celsius has no JSON form/],
    [Schema.Struct({ a: Schema.optionalKey(Schema.Array(Named)) }), /^a\.\[\]: Celsius/],
    [Schema.Struct({ a: Schema.Record(Schema.String, Schema.NullOr(Named)) }), /^a\.\{\}: Celsius/],
    [Schema.Struct({ a: Schema.Option(Named) }), /^a: Celsius/],
    [Schema.Struct({ a: Schema.OptionFromNullOr(Named) }), /^a: Celsius/],
    [Schema.Tuple([Schema.String, Named]), /^\[\]: Celsius/],
    [Tree, /^at: Celsius/]
  ]
  it("is refused with the path", () => {
    for (const [schema, problem] of refused) {
      assert.throws(() => withJsonForm(schema), problem)
      assert.throws(() => Codec.jsonSchema(schema), problem)
      assert.throws(() => Codec.json(schema), problem)
    }
  })

  it("has one where it is said, or is Effect's own", () => {
    const said = Schema.instanceOf(Celsius, {
      toCodecJson: () =>
        Schema.link<Celsius>()(
          Schema.Finite,
          SchemaTransformation.transform({
            decode: (degrees: number) => new Celsius(degrees),
            encode: ({ degrees }: Celsius) => degrees
          })
        )
    })
    const own = Schema.Struct({
      ...{ said, json: Schema.Json, unknown: Schema.Unknown, any: Schema.Any, object: Schema.ObjectKeyword },
      ...{ date: Schema.Date, utc: Schema.DateTimeUtc, zoned: Schema.DateTimeZoned, big: Schema.BigDecimal },
      ...{ bytes: Schema.Uint8Array, lasts: Schema.Duration, url: Schema.URL, pattern: Schema.RegExp },
      ...{ option: Schema.Option(Schema.Date), map: Schema.ReadonlyMap(Schema.String, Schema.Date) },
      ...{
        set: Schema.HashSet(Schema.String),
        secret: Schema.Redacted(Schema.String),
        chunk: Schema.Chunk(Schema.Date)
      },
      ...{ text: Schema.FiniteFromString, result: Schema.Result(Schema.Date, Schema.String) }
    })
    assert.doesNotThrow(() => withJsonForm(own))
  })
})
