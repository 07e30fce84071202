/** What the workloads over SQL share: the events of a table as Debezium writes them, and the table they go into. */

/** The key and the value of the event of one row. */
export const changeOf = (id: number): { readonly key: Buffer; readonly value: Buffer } => ({
  key: Buffer.from(JSON.stringify({ id })),
  value: Buffer.from(JSON.stringify({
    before: null,
    after: {
      id,
      name: `Alexandra Example-Surname ${id}`,
      quantity: id % 1_000,
      amount: `${id % 10_000}.50`,
      updated_at: "2026-01-01T12:34:56.789012Z"
    },
    source: {
      version: "3.6.1.Final",
      connector: "postgresql",
      name: "shop",
      ts_ms: 1_767_270_896_789,
      snapshot: "false",
      db: "shop",
      sequence: "[\"24023128\",\"24023176\"]",
      schema: "public",
      table: "items",
      txId: 555,
      lsn: 24_023_176,
      xmin: null
    },
    transaction: null,
    op: "c",
    ts_ms: 1_767_270_896_999
  }))
})

export const columns = ["id", "name", "quantity", "amount", "updated_at"] as const
export const types = ["integer", "text", "integer", "numeric", "timestamp with time zone"] as const

/** A table of one cell, with every second row there already. */
export const createTable = (table: string, records: number): ReadonlyArray<string> => [
  `CREATE TABLE ${table} (
  id integer PRIMARY KEY, name text, quantity integer, amount numeric(12,2), updated_at timestamptz
)`,
  `INSERT INTO ${table} SELECT n * 2, 'old', 0, 0, now() FROM generate_series(0, ${Math.floor(records / 2)}) AS n`,
  `CREATE TABLE ${table}_offsets (topic text, partition integer, next bigint, PRIMARY KEY (topic, partition))`,
  `VACUUM ANALYZE ${table}`
]

const set = columns.slice(1).map((name) => `${name} = excluded.${name}`).join(", ")

/** Rows as one array literal per column. */
export const bulkUpsert = (table: string): string =>
  `INSERT INTO ${table} (${columns.join(", ")}) SELECT * FROM unnest(${
    types.map((type, i) => `$${i + 1}::text::${type}[]`).join(", ")
  }) ON CONFLICT (id) DO UPDATE SET ${set}`

export const singleUpsert = (table: string): string =>
  `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${
    types.map((type, i) => `$${i + 1}::text::${type}`).join(", ")
  }) ON CONFLICT (id) DO UPDATE SET ${set}`

export const storeOffset = (table: string): string =>
  `INSERT INTO ${table}_offsets VALUES ($1::text, $2::int4, $3::text::int8)
ON CONFLICT (topic, partition) DO UPDATE SET next = excluded.next`

/** The same without parameters. */
export const storeOffsetNow = (table: string, topic: string, partition: number, next: number): string =>
  `INSERT INTO ${table}_offsets VALUES ('${topic}', ${partition}, ${next})
ON CONFLICT (topic, partition) DO UPDATE SET next = excluded.next`

export const createCopied = (table: string): string =>
  `CREATE TEMPORARY TABLE copied (LIKE ${table}) ON COMMIT DELETE ROWS`

export const mergeCopied = (table: string): string =>
  `INSERT INTO ${table} SELECT * FROM copied ON CONFLICT (id) DO UPDATE SET ${set}`
