/** What an enricher sends is of its target: keys, deletions, headers; and what it may fail with is in its type. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Handler, KafkaError } from "millrace"
import { Codec, Enricher, OnFailure, Topic } from "millrace"
import type { KafkaEngine } from "millrace"
import { same } from "./exact.ts"
import { Declined, Mail, Order, Orders, Tenanted, Users } from "./fixtures.ts"

const order = new Order({ id: "1", total: 1 })
const enrich = () => Effect.succeed(Option.some(order))
const asking = () => Mail.use((mail) => Effect.andThen(mail.send("x"), Effect.fail(new Declined({ code: 1 }))))

const Numbered = Topic.make("numbered", { key: Codec.json(Schema.Int), value: Codec.json(Order) })

const copying = Enricher.handle(Orders, Users, { enrich: asking })
type Failure = Declined | KafkaError.KafkaError | Schema.SchemaError
same<typeof copying, Handler.Handler<Failure, Mail | KafkaEngine.Service>>(true)
const onFailure = OnFailure.stop.pipe(OnFailure.tag(["SchemaError", "KafkaError"], OnFailure.skip))
Enricher.handle(Orders, Users, { enrich, onFailure })

// @ts-expect-error keys are numbers, and the target's texts
Enricher.handle(Numbered, Orders, { enrich })
Enricher.handle(Numbered, Orders, { enrich, key: ({ key }) => String(key) })

const Values = Topic.make("values", { key: Codec.string, value: Codec.nullable(Codec.json(Order)) })
// @ts-expect-error a null value would be a deletion, and the target has none
Enricher.handle(Values, Orders, { enrich })
Enricher.handle(Values, Orders, { enrich, isDeletion: () => false })
// @ts-expect-error the target has no deletions
Enricher.handle(Orders, Orders, { enrich, isDeletion: () => true })
Enricher.handle(Orders, Values, { enrich, isDeletion: ({ value }) => value.total === 0 })

// @ts-expect-error the target asks for values of headers
Enricher.handle(Orders, Tenanted, { enrich: () => Effect.succeed(Option.some("x")) })
