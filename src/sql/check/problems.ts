/** From what is known of both sides to what breaks later. Pure. */
import type { Loss } from "../cells/losses.ts"
import type { Table } from "../TableModel.ts"
import { quoted, quotedTable, shownTable } from "../tables/names.ts"
import type { Server, SessionSettings, SourceTable, TargetTable } from "./facts.ts"

/**
 * Something that breaks, or will break.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Problem {
  /** An `error` breaks the sync, or the source; a `warning` loses values, or may break it later. */
  readonly severity: "error" | "warning"
  /** Which database it is about. */
  readonly side: "source" | "target" | "kafka"
  /** The table, the slot, the topic, or the server's setting. */
  readonly subject: string
  readonly problem: string
  /** What happens because of it. */
  readonly breaks: string
  /** The statement, or setting, that mends it, where there is one. */
  readonly mend: string | undefined
}

type Found = Omit<Problem, "side" | "subject" | "mend"> & { readonly mend?: string | undefined }

/** PostgreSQL 18 publishes generated columns, and refuses changes that would need an unpublished one. */
const withGenerated = 180_000

const generatedProblems = (server: Server, table: Table, facts: SourceTable): ReadonlyArray<Found> => {
  const { generated, identity, publications } = facts
  if (identity.kind !== "f" || generated.length === 0 || server.version < withGenerated) return []
  const isStored = generated.every((column) => column.isStored)
  // Without a publication nothing breaks until the connector makes one.
  if (isStored && publications.length > 0 && publications.every(({ pubgencols }) => pubgencols === "s")) return []
  const names = generated.map(({ name }) => name).join(", ")
  const [first] = publications
  return [{
    severity: "error",
    problem: `REPLICA IDENTITY FULL and the generated column ${names}`,
    breaks: publications.length === 0
      ? "each UPDATE and DELETE of it fails at the source as soon as a publication has the table"
      : "each UPDATE and DELETE of it fails at the source",
    mend: isStored && first !== undefined
      ? `ALTER PUBLICATION ${quoted(first.pubname)} SET (publish_generated_columns = stored)`
      : `ALTER TABLE ${quotedTable(table)} REPLICA IDENTITY DEFAULT`
  }]
}

const identityProblems = (table: Table, { identity: { kind, ...at } }: SourceTable): ReadonlyArray<Found> => {
  const alter = `ALTER TABLE ${quotedTable(at)} REPLICA IDENTITY`
  const isPart = at.schema !== table.schema || at.name !== table.name
  if (kind === "n" || (kind === "d" && table.primaryKey.length === 0)) {
    const problem = kind === "n" ? "REPLICA IDENTITY NOTHING" : "no primary key, and no replica identity"
    return [{
      severity: "error",
      problem: isPart ? `partition ${shownTable(at)}: ${problem}` : problem,
      breaks: "each UPDATE and DELETE of it fails at the source as soon as a publication has the table",
      mend: `${alter} ${kind === "n" && table.primaryKey.length > 0 ? "DEFAULT" : "FULL"}`
    }]
  }
  return table.primaryKey.length > 0 ? [] : [{
    severity: "warning",
    problem: "no primary key",
    breaks: "its records have no key unless `message.key.columns` names columns, and an incremental snapshot needs one",
    mend: undefined
  }]
}

const lossProblem = (loss: Loss, isFull: boolean): ReadonlyArray<Found> => {
  if (isFull && loss.problem.includes("REPLICA IDENTITY FULL")) return []
  return [{
    severity: loss.kind === "absent" ? "error" : "warning",
    problem: `column ${loss.column}: ${loss.problem}`,
    breaks: loss.kind === "absent"
      ? "the target never gets its values"
      : loss.kind === "lossy"
      ? "values come changed, or are refused"
      : "some values come changed, and nothing shows it",
    mend: undefined
  }]
}

/** What is wrong with a table of the source. */
export const sourceProblems = (
  server: Server,
  table: Table,
  facts: SourceTable,
  losses: ReadonlyArray<Loss>
): ReadonlyArray<Problem> => {
  const found: Array<Found> = [
    ...generatedProblems(server, table, facts),
    ...identityProblems(table, facts),
    ...losses.flatMap((loss) => lossProblem(loss, facts.identity.kind === "f"))
  ]
  if (facts.isUnlogged) {
    found.push({
      severity: "error",
      problem: "it is unlogged or temporary",
      breaks: "its changes are in no WAL, and reach no connector",
      mend: `ALTER TABLE ${quotedTable(table)} SET LOGGED`
    })
  }
  if (!facts.canSelect) {
    found.push({
      severity: "error",
      problem: `${server.role} may not read it`,
      breaks: "snapshots and comparisons fail",
      mend: `GRANT SELECT ON ${quotedTable(table)} TO ${quoted(server.role)}`
    })
  }
  return found.map((one) => ({ side: "source", subject: shownTable(table), mend: undefined, ...one }))
}

/** A slot that keeps more than this is worth a word. */
const muchWal = 1_073_741_824

/** Bytes for people. */
export const shownBytes = (bytes: number): string => {
  const units = ["B", "kB", "MB", "GB", "TB"]
  let value = bytes
  let unit = 0
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

const slotProblems = ({ maxKeep, slots }: Server): ReadonlyArray<Problem> =>
  slots.flatMap(({ isActive, name, retainedBytes, walStatus }): ReadonlyArray<Problem> => {
    const base = { side: "source", subject: `slot ${name}` } as const
    if (walStatus === "lost") {
      return [{
        ...base,
        severity: "error",
        problem: "the WAL that it needs is gone",
        breaks: "its connector cannot go on: changes are lost, and it needs a new slot and a snapshot",
        mend: `SELECT pg_drop_replication_slot('${name.replaceAll("'", "''")}')`
      }]
    }
    const kept = Number(retainedBytes ?? 0)
    if (isActive && kept < muchWal) return []
    return [{
      ...base,
      severity: "warning",
      problem: `${isActive ? "" : "no connector reads it, and "}it keeps ${shownBytes(kept)} of WAL`,
      breaks: maxKeep === "-1"
        ? "the disk of the source fills up"
        : `beyond max_slot_wal_keep_size (${maxKeep}) the slot is lost`,
      mend: isActive
        ? "set heartbeat.action.query of its connector, so that it advances while its tables are quiet"
        : `start its connector, or SELECT pg_drop_replication_slot('${name.replaceAll("'", "''")}')`
    }]
  })

/** What is wrong with the server of the source. */
export const serverProblems = (server: Server): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const add = (subject: string, found: Found) => problems.push({ side: "source", subject, mend: undefined, ...found })
  if (server.walLevel !== "logical") {
    add("wal_level", {
      severity: "error",
      problem: `it is ${server.walLevel}`,
      breaks: "no connector can read changes",
      mend: "ALTER SYSTEM SET wal_level = logical (and restart the server)"
    })
  }
  if (!server.canReplicate) {
    add(`role ${server.role}`, {
      severity: "warning",
      problem: "it has no right to replicate",
      breaks: "a connector with this role does not start; one with another role may",
      mend: `ALTER ROLE ${quoted(server.role)} REPLICATION`
    })
  }
  return [...problems, ...slotProblems(server)]
}

/** What is shorter may end a batch that does well, in milliseconds. */
const shortLimit = 10_000

/** What is wrong with the sessions of the sync. */
export const sessionProblems = (role: string, { isReadOnly, limits }: SessionSettings): ReadonlyArray<Problem> => {
  const readOnly: ReadonlyArray<Problem> = isReadOnly
    ? [{
      side: "target",
      subject: "default_transaction_read_only",
      severity: "error",
      problem: "transactions may not write, or the server is a standby",
      breaks: "nothing is stored: the sync waits until the server can be written to",
      mend: `ALTER ROLE ${quoted(role)} SET default_transaction_read_only = off`
    }]
    : []
  const short = Object.entries(limits).filter(([, millis]) => millis < shortLimit)
  return [
    ...readOnly,
    ...short.map(([name, millis]): Problem => ({
      side: "target",
      subject: name,
      severity: "warning",
      problem: `it is ${millis} ms`,
      breaks: "a batch that takes longer is rolled back, and tried again for as long as it does",
      mend: `ALTER ROLE ${quoted(role)} SET ${name} = '60s'`
    }))
  ]
}

/** What is wrong with a table of the target. */
export const targetProblems = (role: string, table: Table, facts: TargetTable): ReadonlyArray<Problem> => {
  const base = { side: "target", subject: shownTable(table) } as const
  const denied: ReadonlyArray<Problem> = facts.denied.length === 0 ? [] : [{
    ...base,
    severity: "error",
    problem: `${role} lacks ${facts.denied.join(", ")}`,
    breaks: "the sync waits until the right is granted",
    mend: `GRANT ${facts.denied.join(", ")} ON ${quotedTable(table)} TO ${quoted(role)}`
  }]
  return facts.isRowSecured
    ? [...denied, {
      ...base,
      severity: "warning",
      problem: "it has row level security",
      breaks: "rows that the role may not see are neither updated nor deleted",
      mend: undefined
    }]
    : denied
}

/** Whether the role may write under a replication origin, which guards against loops. */
export const originProblems = (server: Server): ReadonlyArray<Problem> => {
  const [first] = server.originRights
  return first === undefined ? [] : [{
    side: "target",
    subject: `role ${server.role}`,
    severity: "warning",
    problem: `it may not run ${server.originRights.join(", ")}`,
    breaks: "a sync in both directions cannot mark its writes by a replication origin",
    mend: "GRANT EXECUTE ON FUNCTION pg_replication_origin_session_setup(text), "
      + `pg_replication_origin_session_reset(), pg_replication_origin_session_is_setup() TO ${quoted(server.role)}`
  }]
}

/** A record has names and schemas around its values, and Base64 makes them a third larger. */
const overhead = 1.34

/**
 * Whether the values of a row fit into a record. `limit` is the topic's, or Kafka's default; `requestBytes` what a
 * producer of Connect sends at most, unless it is set to more.
 */
export const sizeProblems = (
  topic: string,
  table: Table,
  largest: { readonly column: string; readonly bytes: number } | undefined,
  limit: { readonly bytes: number; readonly isKnown: boolean },
  requestBytes: number
): ReadonlyArray<Problem> => {
  if (largest === undefined) return []
  const bytes = largest.bytes * overhead
  const tooLargeFor = bytes > limit.bytes ? limit.bytes : bytes > requestBytes ? requestBytes : undefined
  if (tooLargeFor === undefined) return []
  const isRefused = bytes > limit.bytes && limit.isKnown
  const needed = Math.ceil((largest.bytes * 2) / 1_048_576) * 1_048_576
  const who = bytes > limit.bytes ? "a record of the topic" : "a request of the connector"
  return [{
    side: "kafka",
    subject: `topic ${topic}`,
    severity: isRefused ? "error" : "warning",
    problem:
      `${shownTable(table)}.${largest.column} has a value of ${shownBytes(largest.bytes)}, and ${who} has at most `
      + `${shownBytes(tooLargeFor)}${isRefused ? "" : " by default"}`,
    breaks: "the connector's task fails with RecordTooLargeException, and nothing comes any more",
    mend: `max.message.bytes=${needed} for the topic, producer.override.max.request.size=${needed} for the connector`
  }]
}
