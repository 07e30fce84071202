/** What a table is asked for that marks its rows, or has versions of them. One statement that returns one JSON text. */
import { keyColumns, laterTriggers, placingColumns } from "../origin/skipSql.ts"
import { literal, versionTrigger } from "../tables/names.ts"

/** A column of `LoopGuard.addSkipColumn`. */
export interface Mark {
  readonly column: string
  /** The columns whose changes its triggers see. */
  readonly known: ReadonlyArray<string>
  /** Whether `key` was given, so that the key of the records is another one than the connector takes by default. */
  readonly isKeyGiven: boolean
}

export interface Guards {
  readonly marks: ReadonlyArray<Mark>
  /** Whether there is a trigger of `RowVersion.add`. */
  readonly isVersioned: boolean
  /** The key that it knows; null for one of an earlier version. */
  readonly versionKey: ReadonlyArray<string> | null
  /** The columns of the key of records, as a connector takes them by default. */
  readonly key: ReadonlyArray<string>
  /** Those that decide in which partition a row is. */
  readonly placing: ReadonlyArray<string>
  /** Tables with rows, itself or partitions, without `REPLICA IDENTITY FULL`. */
  readonly partial: ReadonlyArray<{ readonly schema: string; readonly name: string }>
  /** Triggers that are called behind those of marks and versions. */
  readonly later: ReadonlyArray<string>
}

const list = (select: string): string => `(SELECT coalesce(json_agg(s.* ORDER BY s.*), '[]') FROM (${select}) AS s)`
const names = (select: string): string => `(SELECT coalesce(json_agg(s.n ORDER BY s.n), '[]') FROM (${select}) AS s(n))`

const known = names(`SELECT DISTINCT a.attname FROM pg_trigger k
    JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = k.oid AND d.refobjid = k.tgrelid
    JOIN pg_attribute a ON a.attrelid = k.tgrelid AND a.attnum = d.refobjsubid
    WHERE k.tgrelid = t.oid AND k.tgname = m.last AND k.tgenabled <> 'D' AND d.refobjsubid > 0`)

/** `$1` is the schema of the table, `$2` its name. The last byte of a trigger's arguments ends them. */
export const guards = `SELECT json_build_object(
  'marks', (SELECT coalesce(json_agg(json_build_object('column', m.mark, 'known', ${known}, 'isKeyGiven', EXISTS (
    SELECT FROM pg_trigger k WHERE k.tgrelid = t.oid AND k.tgname = m.last AND k.tgnargs > 1))), '[]')
    FROM (SELECT mark, ('~millrace_mark_' || mark || '_key')::name AS last FROM (
      SELECT DISTINCT regexp_replace(tgname, '^!?millrace_mark_', '') AS mark FROM pg_trigger
      WHERE tgrelid = t.oid AND tgname ~ '^!?millrace_mark_' AND tgtype & 5 = 5) AS marked ORDER BY mark) AS m),
  'isVersioned', EXISTS (SELECT FROM pg_trigger WHERE tgrelid = t.oid
    AND tgname IN (${literal(versionTrigger)}, 'millrace_version_' || $2::text)),
  'versionKey', (SELECT convert_from(substr(tgargs, 1, length(tgargs) - 1), getdatabaseencoding())::json
    FROM pg_trigger WHERE tgrelid = t.oid AND tgname = ${literal(versionTrigger)} AND tgenabled <> 'D'),
  'key', ${names(keyColumns("t.oid"))},
  'placing', ${names(placingColumns("t.oid"))},
  'partial', ${
  list(`SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relreplident <> 'f'
    AND c.oid IN (SELECT t.oid UNION SELECT relid FROM pg_partition_tree(t.oid))`)
},
  'later', ${names(laterTriggers("IN (SELECT t.oid UNION SELECT relid FROM pg_partition_tree(t.oid))"))}
)::text FROM pg_class t JOIN pg_namespace s ON s.oid = t.relnamespace
WHERE s.nspname = $1::text AND t.relname = $2::text`
