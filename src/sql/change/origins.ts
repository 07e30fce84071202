/** Replication origins whose changes are left out. Pure. */

/** Tells whether the changes of an origin are ignored. `name*` stands for all names that begin so. */
export const isIgnoredOf = (names: ReadonlyArray<string>): (origin: unknown) => boolean => {
  const exact = new Set(names.filter((name) => !name.endsWith("*")))
  const prefixes = names.filter((name) => name.endsWith("*")).map((name) => name.slice(0, -1))
  return (origin) =>
    typeof origin === "string" && origin !== ""
    && (exact.has(origin) || prefixes.some((prefix) => origin.startsWith(prefix)))
}
