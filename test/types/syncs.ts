import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import { type Handler, type KafkaEngine, type KafkaError, OnFailure, type Record } from "millrace"
import { Change, ModelSync, type SyncError } from "millrace/sql"
import { same } from "./exact.ts"
import { Declined, Mail, Order, Users } from "./fixtures.ts"

type Failure = SyncError.SyncError

const base = { table: "public.users", format: Change.plain } as const

const plain = ModelSync.make(Users, base)
same<typeof plain, ModelSync.ModelSync<typeof Users, never, never>>(true)

const handling = ModelSync.handler(plain)
same<typeof handling, Handler.Handler<Failure, SqlClient>>(true)
same<typeof handling, Handler.Handler<never, SqlClient>>(false)
same<typeof handling, Handler.Handler<any, any>>(false)

const transformed = ModelSync.make(Users, {
  ...base,
  row: (row, record) => {
    same<typeof record, Record.Of<typeof Users>>(true)
    return record.offset > 1
      ? Effect.fail(new Declined({ code: 1 }))
      : Mail.use((mail) => Effect.as(mail.send("x"), row))
  }
})
const transforming = ModelSync.handler(transformed)
same<typeof transforming, Handler.Handler<Failure | Declined, SqlClient | Mail>>(true)

const layered = ModelSync.layer("sync", plain, { offsetReset: "earliest", onFailure: OnFailure.deadLetter })
same<typeof layered, Layer.Layer<never, KafkaError.KafkaError, SqlClient | KafkaEngine.Service>>(true)

interface Row {
  readonly name: string
}
declare const row: Row
ModelSync.make(Users, { ...base, row: () => row })
ModelSync.make(Users, { ...base, row: () => new Order({ id: "a", total: 1 }) })
const made = ModelSync.make(Users, { ...base, row: () => Mail.use((mail) => Effect.as(mail.send("x"), row)) })
same<typeof made, ModelSync.ModelSync<typeof Users, never, Mail>>(true)
// @ts-expect-error: a Promise has no fields
ModelSync.make(Users, { ...base, row: async () => row })
// @ts-expect-error: an array has none
ModelSync.make(Users, { ...base, row: () => [row] })
// @ts-expect-error: a date has none
ModelSync.make(Users, { ...base, row: () => new Date() })
// @ts-expect-error: a function has none
ModelSync.make(Users, { ...base, row: () => () => row })
// @ts-expect-error: nor have they within an effect
ModelSync.make(Users, { ...base, row: () => Effect.succeed([row]) })

// @ts-expect-error: a format is required
ModelSync.make(Users, { table: "public.users" })
// @ts-expect-error: a policy is asked about its own errors alone
ModelSync.handler(plain, { onFailure: OnFailure.stop.pipe(OnFailure.tag("Declined", OnFailure.skip)) })
ModelSync.handler(plain, { onFailure: OnFailure.stop.pipe(OnFailure.tag("SyncError", OnFailure.skip)) })
ModelSync.handler(transformed, { onFailure: OnFailure.stop.pipe(OnFailure.tag("Declined", OnFailure.skip)) })
