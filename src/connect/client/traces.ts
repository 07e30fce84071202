/**
 * Traces without secrets: they quote values of settings, and which of these are secret is said by the settings of the
 * connector and by its plugin. Only what has a trace costs these requests.
 */
import * as Effect from "effect/Effect"
import { hasTrace, plain, scrubbed, secretsOf, settingIn, withTraces } from "../config/secrets.ts"
import type { Connect, ConnectorConfig, Described, Status } from "../ConnectModel.ts"

const unknown = "left out: it may quote secrets, and the settings of the connector, which tell them, could not be read"

export const make = ({ definitions, get }: Pick<Connect, "definitions" | "get">) => {
  /** By plugin. What could not be asked, such as before Kafka 3.2, is asked again. */
  const passwords = new Map<string, ReadonlySet<string>>()

  const passwordsOf = Effect.fnUntraced(function*(plugin: string) {
    const known = passwords.get(plugin)
    if (known !== undefined) return known
    const found = yield* Effect.result(definitions(plugin))
    if (found._tag === "Failure") return new Set<string>()
    const names = new Set(found.success.filter(({ type }) => type === "PASSWORD").map(({ name }) => name))
    passwords.set(plugin, names)
    return names
  })

  const secretsIn = Effect.fnUntraced(function*(config: ConnectorConfig) {
    const names = yield* passwordsOf(plain(settingIn(config, "connector.class") ?? ""))
    return secretsOf(config, (key) => names.has(key))
  })

  return {
    ofStatus: Effect.fnUntraced(function*(status: Status): Effect.fn.Return<Status> {
      if (!hasTrace(status)) return status
      const info = yield* Effect.result(get(status.name))
      return info._tag === "Failure"
        ? withTraces(status, () => unknown)
        : scrubbed(status, yield* secretsIn(info.success.config))
    }),
    ofDescribed: Effect.fnUntraced(function*({ info, status }: Described): Effect.fn.Return<Described> {
      return status === undefined || !hasTrace(status)
        ? { info, status }
        : { info, status: scrubbed(status, yield* secretsIn(info.config)) }
    })
  }
}
