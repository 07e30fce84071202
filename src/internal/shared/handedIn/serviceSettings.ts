/** What callers without types hand in as settings of an HTTP service. Pure. */
import { type Kind, type Kinds, oneOf, type Problem, problemOf, text, texts, textsByName } from "../fields.ts"
import * as Settings from "./settingKinds.ts"

const tag = oneOf("Basic", "Bearer", "ClientCredentials")

/** What each kind of credentials consists of; all of it is needed but `scope`. */
const credentials: { readonly [tag: string]: Kinds } = {
  Basic: { _tag: tag, username: text, password: Settings.secret },
  Bearer: { _tag: tag, token: Settings.secret },
  ClientCredentials: { _tag: tag, tokenUrl: text, clientId: text, clientSecret: Settings.secret, scope: text }
}

const url: Kind = {
  words: "a URL or an array of them",
  is: (value) => text.is(value) || texts.is(value),
  isSecret: true
}

/** The settings that all services share. */
export const shared = {
  url,
  auth: Settings.byName,
  headers: textsByName,
  timeout: Settings.duration,
  retry: Settings.schedule
}

const authProblem = (auth: { readonly _tag?: unknown; readonly [name: string]: unknown }): Problem | undefined => {
  const parts = typeof auth._tag === "string" ? credentials[auth._tag] : undefined
  if (parts === undefined) return problemOf("auth", { auth: auth._tag ?? null }, { auth: tag })
  const found = problemOf("auth", auth, parts)
  if (found !== undefined) return { field: `auth.${found.field}`, problem: found.problem }
  const missing = Object.keys(parts).find((name) => name !== "scope" && auth[name] === undefined)
  return missing === undefined ? undefined : { field: `auth.${missing}`, problem: "is missing" }
}

/** The first setting that is unknown or of a wrong type, without showing a secret. */
export const serviceProblem = (
  options: { readonly url?: unknown; readonly auth?: object | undefined },
  kinds: Kinds
): Problem | undefined => {
  const found = problemOf("options", options, kinds)
  if (found !== undefined) return found
  if (options.url === undefined) return { field: "url", problem: "is missing" }
  return options.auth === undefined ? undefined : authProblem({ ...options.auth })
}
