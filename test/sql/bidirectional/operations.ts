/** What programs and people do to a table whose keys several sides use. */
import type { SqlClient } from "effect/sql/SqlClient"

/** What somebody does to a table whose keys both sides use. */
export const operation = (sql: SqlClient, random: () => number, keys: number, label: string) => {
  const id = 1 + Math.floor(random() * keys)
  const other = 1 + Math.floor(random() * keys)
  const amount = Math.floor(random() * 1_000)
  const kind = random()
  if (kind < 0.4) return sql`INSERT INTO items VALUES (${id}, ${label}, ${amount}) ON CONFLICT DO NOTHING`
  if (kind < 0.75) return sql`UPDATE items SET name = ${label}, amount = ${amount} WHERE id = ${id}`
  if (kind < 0.88) return sql`DELETE FROM items WHERE id = ${id}`
  return sql`UPDATE items SET id = ${id}, name = ${label} WHERE id = ${other}
    AND NOT EXISTS (SELECT 1 FROM items WHERE id = ${id})`
}
