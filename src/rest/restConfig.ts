/** The URL and the credentials of an HTTP service from configuration. */
import * as Config from "effect/Config"
import type { Auth } from "./restModel.ts"

const optional = <A>(config: Config.Config<A>) => Config.withDefault(config, undefined)

/** `<prefix>_URL` (several with commas), `_USERNAME` and `_PASSWORD`, or `_TOKEN`, which wins. */
export const locationOf = (
  prefix: string
): Config.Config<{ readonly url: ReadonlyArray<string>; readonly auth: Auth | undefined }> =>
  Config.map(
    Config.all({
      url: Config.String(`${prefix}_URL`),
      username: optional(Config.String(`${prefix}_USERNAME`)),
      password: optional(Config.Redacted(`${prefix}_PASSWORD`)),
      token: optional(Config.Redacted(`${prefix}_TOKEN`))
    }),
    ({ password, token, url, username }) => {
      const auth: Auth | undefined = token !== undefined
        ? { _tag: "Bearer", token }
        : username !== undefined && password !== undefined
        ? { _tag: "Basic", username, password }
        : undefined
      return { url: url.split(",").map((each) => each.trim()).filter((each) => each !== ""), auth }
    }
  )
