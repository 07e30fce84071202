/** In which form a connector has to write what the formats of syncs read. Pure. */
import type { PostgresSource } from "../../connect/DebeziumModel.ts"
import { type AnySource, show } from "../../Source.ts"
import { settingsOf } from "../sync/settings.ts"
import type { AnySync } from "../verify/pairs.ts"

export interface Forms {
  readonly modes: Pick<PostgresSource, "times" | "decimals" | "binaries" | "skippedOperations">
  /** Settings that `Debezium.postgresSource` has no option for. */
  readonly config: Readonly<Record<string, string>>
  /** The fields that flattened rows get, and what their names begin with; `undefined` if nothing is flattened. */
  readonly flattens: { readonly fields: ReadonlyArray<string>; readonly prefix: string | undefined } | undefined
}

/** What one connector has one of, by the option of the format. */
const optionsOf = ({ settings: { format: { modes, reads } } }: AnySync) => ({
  times: modes.times,
  decimals: modes.decimals,
  binaries: modes.binaries,
  unknownTypes: modes.unknownTypes,
  placeholder: reads?.placeholder,
  prefix: reads?.prefix
})

/** Why one connector cannot write for all of them. */
export const formsProblem = ([first, ...others]: ReadonlyArray<AnySync>): string | undefined => {
  if (first === undefined) return undefined
  const named = (other: AnySync) => `${show(first.source as AnySource)} and ${show(other.source as AnySource)}`
  const one = optionsOf(first)
  for (const name of ["times", "decimals", "binaries", "unknownTypes", "placeholder", "prefix"] as const) {
    const other = others.find((sync) => optionsOf(sync)[name] !== one[name])
    if (other !== undefined) {
      return `the formats of ${
        named(other)
      } differ in "${name}", which is one setting of a connector; make them alike, `
        + "or take two connectors"
    }
  }
  const form = others.find(({ settings }) => settings.format._tag !== first.settings.format._tag)
  return form === undefined
    ? undefined
    : `${named(form)} are of two forms, and a transform flattens all records of a connector; take one form, or two `
      + "connectors"
}

/** What loop guards and versions read of a flattened row. */
const flatFields = ["op", "table", "lsn", "source.ts_ms", "origin"]

const appliesTruncations = ({ settings }: AnySync): boolean =>
  [{}, ...Object.values(settings.tables ?? {})].some((own) => settingsOf(settings, own).truncates === "apply")

/** The forms of syncs that {@link formsProblem} has nothing against. */
export const formsOf = (syncs: ReadonlyArray<AnySync>): Forms => {
  const { format } = syncs[0]!.settings
  const { binaries, decimals, placeholder, prefix, times, unknownTypes } = optionsOf(syncs[0]!)
  return {
    modes: {
      // A format without `times` reads texts alone.
      times: times === "nanoseconds" ? undefined : times ?? "isostring",
      decimals,
      binaries,
      skippedOperations: syncs.some(appliesTruncations) ? [] : undefined
    },
    config: {
      // No format reads an interval that has lost its months and days.
      "interval.handling.mode": "string",
      ...(times === "nanoseconds" ? { "time.precision.mode": "nanoseconds" } : {}),
      ...(unknownTypes ? { "include.unknown.datatypes": "true" } : {}),
      ...(placeholder === undefined ? {} : { "unavailable.value.placeholder": placeholder })
    },
    flattens: format._tag === "Flattened" ? { fields: flatFields, prefix } : undefined
  }
}
