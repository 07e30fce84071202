/** What callers without types hand in as options of a handler. Pure. */
import { anything, func, type Kinds, requireFields, text } from "../fields.ts"

/** What policies, sizes and times must be is checked with the consumer. */
const batch: Kinds = { onFailure: anything, maxSize: anything, maxWait: anything }

const kinds = {
  Record: { onFailure: anything, concurrency: anything },
  Batch: batch,
  Owned: { ...batch, startOffsets: func },
  Transactional: { ...batch, transactionalId: text },
  Stream: {}
}

/** Throws for options that this kind of handler does not have. `of`: how an error names its topic. */
export const requireOptions = (kind: keyof typeof kinds, of: string, options: unknown): void => {
  if (options === undefined && kind !== "Owned") return
  requireFields(`the handler of ${of}`, "options", options, kinds[kind])
  if (kind === "Owned" && (options as { readonly startOffsets?: unknown }).startOffsets === undefined) {
    throw new Error(`the handler of ${of}: startOffsets is missing: it says where each partition goes on`)
  }
}

/** The policy among such options. */
export const policyOf = <A>(
  kind: keyof typeof kinds,
  of: string,
  options: { readonly onFailure?: A | undefined } | undefined
): { readonly onFailure: A | undefined } => {
  requireOptions(kind, of, options)
  return { onFailure: options?.onFailure }
}
