/** What is known of both sides, as the statements return it. */

export interface Slot {
  readonly name: string
  readonly plugin: string
  readonly isActive: boolean
  readonly walStatus: string | null
  /** Bytes of WAL that the slot keeps, and that its reader has not confirmed; null in recovery. */
  readonly retainedBytes: string | null
  readonly lagBytes: string | null
}

export interface Server {
  readonly version: number
  readonly walLevel: string
  readonly role: string
  readonly isSuperuser: boolean
  readonly canReplicate: boolean
  readonly maxSlots: number
  readonly maxKeep: string
  readonly isInRecovery: boolean
  /** Functions of replication origins that the role may not run. */
  readonly originRights: ReadonlyArray<string>
  readonly slots: ReadonlyArray<Slot>
}

/** Settings of a session that end its transactions. */
export interface SessionSettings {
  readonly isReadOnly: boolean
  /** In milliseconds, those that are set. */
  readonly limits: Readonly<Record<string, number>>
}

export interface SourceTable {
  /** `d`, `f`, `i` or `n`, as `pg_class.relreplident` has it; of partitions the one that says least. */
  readonly identity: { readonly kind: string; readonly schema: string; readonly name: string }
  readonly identityIndex: string | null
  readonly isUnlogged: boolean
  readonly canSelect: boolean
  readonly generated: ReadonlyArray<{ readonly name: string; readonly isStored: boolean }>
  readonly publications: ReadonlyArray<{ readonly pubname: string; readonly pubgencols?: string | undefined }>
  readonly widths: Readonly<Record<string, number>>
}

export interface TargetTable {
  readonly denied: ReadonlyArray<string>
  readonly isRowSecured: boolean
}
