/** The URL and the credentials of an HTTP service from configuration. */
import * as Config from "effect/Config"
import * as Redacted from "effect/Redacted"
import type { Auth } from "./restModel.ts"

/** A variable that is empty counts as missing: so are those that an environment names and does not set. */
const given = <A>(config: Config.Config<A>, isEmpty: (value: A) => boolean): Config.Config<A | undefined> =>
  Config.map(
    Config.withDefault(config, undefined),
    (value) => value === undefined || isEmpty(value) ? undefined : value
  )

/** A user without a password is a mistake, and the password is what is missing. */
const basicOf = (prefix: string): Config.Config<Auth | undefined> =>
  Config.flatMap(
    given(Config.String(`${prefix}_USERNAME`), (name) => name === ""),
    (username): Config.Config<Auth | undefined> =>
      username === undefined
        ? Config.succeed(undefined)
        : Config.map(Config.Redacted(`${prefix}_PASSWORD`), (password) => ({ _tag: "Basic", username, password }))
  )

const authOf = (prefix: string): Config.Config<Auth | undefined> =>
  Config.flatMap(
    given(Config.Redacted(`${prefix}_TOKEN`), (token) => Redacted.value(token) === ""),
    (token) => token === undefined ? basicOf(prefix) : Config.succeed<Auth>({ _tag: "Bearer", token })
  )

/** `<prefix>_URL` (several with commas), `_USERNAME` and `_PASSWORD`, or `_TOKEN`, which wins. */
export const locationOf = (
  prefix: string
): Config.Config<{ readonly url: ReadonlyArray<string>; readonly auth: Auth | undefined }> =>
  Config.map(
    Config.all({ url: Config.String(`${prefix}_URL`), auth: authOf(prefix) }),
    ({ auth, url }) => ({ url: url.split(",").map((each) => each.trim()).filter((each) => each !== ""), auth })
  )
