/**
 * The typed errors of everything that talks to a Schema Registry.
 *
 * A `reason` is one of a closed list: match it with `Effect.catchReason("RegistryError", "SubjectNotFound", …)`, or
 * look at `isRetryable`. URLs in it have no credentials.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * The registry has no such subject, or it was soft-deleted.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class SubjectNotFound extends Data.TaggedError("SubjectNotFound")<{ readonly subject: string }> {
  override get message(): string {
    return `the registry has no subject "${this.subject}"; register its schema (in development writeWith: "register" `
      + "does it), or check the subject strategy"
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The registry has no such schema: an id or GUID it does not know, a version that a subject does not have, or a schema
 * that is not registered under its subject. `what` says which, `subject` where it was looked for.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class SchemaNotFound extends Data.TaggedError("SchemaNotFound")<{
  readonly what: string
  readonly subject?: string | undefined
}> {
  override get message(): string {
    const where = this.subject === undefined ? "" : ` of subject "${this.subject}"`
    return `the registry has no ${this.what}${where}; register it, or check that this is the registry (and the `
      + "context) that the writer used"
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A schema breaks the compatibility that its subject asks for. `messages` are the registry's own, or, where it sends
 * none, those of Millrace's rules with the path of each difference.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Incompatible extends Data.TaggedError("Incompatible")<{
  readonly subject: string
  readonly messages: ReadonlyArray<string>
}> {
  override get message(): string {
    return `the schema is not compatible with subject "${this.subject}": ${this.messages.join("; ")}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The registry refused the credentials, or they may not do this.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Unauthorized extends Data.TaggedError("Unauthorized")<{
  readonly status: number
  readonly problem: string
}> {
  override get message(): string {
    return `the registry refused the request (status ${this.status}: ${this.problem}); check \`auth\``
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * No registry could be reached, or each was too busy or broken: connection errors, time-outs, status 408, 429 and 5xx.
 * Retryable.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Unavailable extends Data.TaggedError("Unavailable")<{ readonly problem: string }> {
  override get message(): string {
    return `the registry is not available (${this.problem}); check its URL and that it runs`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The registry, or Millrace, cannot read a schema, or what it refers to is missing.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class InvalidSchema extends Data.TaggedError("InvalidSchema")<{
  readonly subject?: string | undefined
  readonly problem: string
}> {
  override get message(): string {
    const whose = this.subject === undefined ? "the schema" : `the schema for subject "${this.subject}"`
    return `${whose} is not valid: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The registry returned something that it should not, or refused a request for a reason without a name here. The
 * `status` is 0 where nothing was asked: a setting or a name is wrong, as `problem` says.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class Unexpected extends Data.TaggedError("Unexpected")<{
  readonly status: number
  readonly code?: number | undefined
  readonly problem: string
}> {
  override get message(): string {
    if (this.status === 0) return this.problem
    const code = this.code === undefined ? "" : `, error code ${this.code}`
    return `the registry returned status ${this.status}${code}: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Why a request to the registry failed.
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export type Reason =
  | SubjectNotFound
  | SchemaNotFound
  | Incompatible
  | Unauthorized
  | Unavailable
  | InvalidSchema
  | Unexpected

const TypeId = "~millrace/RegistryError"

/**
 * The one error of everything that talks to a Schema Registry. `operation` says what was being done, `url` with which
 * registry (without credentials; absent for the registry in memory).
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { SchemaRegistry } from "millrace/registry"
 *
 * export const latest = Effect.gen(function*() {
 *   const registry = yield* SchemaRegistry.Service
 *   return yield* registry.version("orders-value", "latest")
 * }).pipe(
 *   Effect.catchReason("RegistryError", "SubjectNotFound", (reason) =>
 *     Effect.logWarning(`register a schema under ${reason.subject} first`))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class RegistryError extends Data.TaggedError("RegistryError")<{
  readonly reason: Reason
  readonly operation: string
  readonly url?: string | undefined
  readonly cause?: unknown
}> {
  /** Marks the value for {@link isRegistryError}. */
  readonly [TypeId] = TypeId

  override get message(): string {
    const where = this.url === undefined ? "" : ` (${this.url})`
    return `${this.operation}${where}: ${this.reason.message}`
  }

  /** Whether doing the same again may succeed without a change of program, settings or registry. */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }
}

/**
 * Whether a value is a {@link RegistryError}, also one of another copy of the package.
 *
 * @example
 * ```ts
 * import { RegistryError } from "millrace/registry"
 *
 * const error = RegistryError.make("look up", new RegistryError.SubjectNotFound({ subject: "orders-value" }))
 * console.log(RegistryError.isRegistryError(error)) // true
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category guards
 */
export const isRegistryError = (u: unknown): u is RegistryError => typeof u === "object" && u !== null && TypeId in u

/**
 * Makes a {@link RegistryError} from its reason.
 *
 * **When to use**: in a registry of your own, and in tests that let one fail.
 *
 * @example
 * ```ts
 * import { RegistryError } from "millrace/registry"
 *
 * const error = RegistryError.make("look up", new RegistryError.SubjectNotFound({ subject: "orders-value" }))
 * console.log(error.isRetryable) // false
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  operation: string,
  reason: Reason,
  details?: { readonly url?: string | undefined; readonly cause?: unknown }
): RegistryError => new RegistryError({ operation, reason, ...details })
