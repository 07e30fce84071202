/** Reads the bodies of responses, leniently: what is not there is said by name. Pure. */

/** JSON where the text is JSON, else the text: some services send plain text with JSON's content type. */
export const bodyOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export const field = (body: unknown, name: string): unknown =>
  typeof body === "object" && body !== null ? (body as Record<string, unknown>)[name] : undefined

/** A text, or its first characters with an ellipsis. */
export const shortened = (text: string, most: number): string => text.length > most ? `${text.slice(0, most)}…` : text

/** What a refusal says, at most some hundred characters of it. */
export const wordsOf = (body: unknown, most = 300): string => {
  const message = field(body, "message")
  const words = typeof message === "string" ? message : typeof body === "string" ? body : ""
  return words === "" ? "no reason given" : shortened(words, most)
}

/** Thrown where a body is not what it should be; its message says what is missing. */
export class UnexpectedBody extends Error {}

/** A proxy returns a page with status 200 to those who have not signed in: nothing was asked of the service then. */
export const checkNoPage = (body: unknown): void => {
  if (typeof body !== "string" || !body.trimStart().startsWith("<")) return
  throw new UnexpectedBody("the body is a page of HTML, of a proxy perhaps; check the URL, and who has to sign in")
}

const demand = <A>(value: unknown, is: (value: unknown) => value is A, what: string): A => {
  if (is(value)) return value
  throw new UnexpectedBody(`the body has no ${what}`)
}

export const isText = (value: unknown): value is string => typeof value === "string"
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value)
export const isArray = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const textOf = (body: unknown, name: string): string => demand(field(body, name), isText, `text "${name}"`)

export const wholeOf = (body: unknown, name?: string): number =>
  demand(name === undefined ? body : field(body, name), isWhole, name === undefined ? "number" : `number "${name}"`)

export const listOf = <A>(body: unknown, element: (body: unknown) => A): ReadonlyArray<A> =>
  demand(body, isArray, "list").map(element)

export const textItem = (body: unknown): string => demand(body, isText, "text")

export const objectOf = (body: unknown, name?: string): Readonly<Record<string, unknown>> =>
  demand(name === undefined ? body : field(body, name), isObject, name === undefined ? "object" : `object "${name}"`)

/** What a server cannot do, now or later. */
const notImplemented = 501
const noSuchVersion = 505

/** Statuses after which another server, or the same one later, may do better. */
export const isTransient = (status: number): boolean =>
  status === 408 || status === 429 || status >= 500 && status !== notImplemented && status !== noSuchVersion
