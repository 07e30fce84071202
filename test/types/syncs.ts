import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import { type Handler, type KafkaEngine, type KafkaError, OnFailure, type Record } from "millrace"
import { Change, ModelSync, type SyncError } from "millrace/sql"
import { same } from "./exact.ts"
import { Declined, Mail, Users } from "./fixtures.ts"

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

// @ts-expect-error: a format is required
ModelSync.make(Users, { table: "public.users" })
// @ts-expect-error: a policy is asked about its own errors alone
ModelSync.handler(plain, { onFailure: OnFailure.tag("Declined", OnFailure.skip) })
