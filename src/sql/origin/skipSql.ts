/** The column that marks rows which a sync has written, and the trigger that keeps it. Pure. */
import { partsOf, quoted, quotedTable } from "../tables/names.ts"

/** `schema.table`; without a schema it is one of `public`. */
const placeOf = (table: string): { readonly schema: string; readonly name: string } => {
  const { name, schema } = partsOf(table)
  return { schema: schema ?? "public", name }
}

/**
 * An event of a deletion has the row as it was, so the trigger turns the mark first where it is another one. It has to
 * delete such a row itself: a row that its own trigger has changed cannot be deleted by the statement.
 */
const markFunction = (name: string, column: string): string =>
  `CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $millrace$
DECLARE
  skips boolean := coalesce(current_setting('millrace.sync', true), '') = 'on';
  place tid;
BEGIN
  IF TG_OP <> 'DELETE' THEN
    NEW.${column} := skips;
    RETURN NEW;
  END IF;
  IF OLD.${column} IS NOT DISTINCT FROM skips THEN
    RETURN OLD;
  END IF;
  EXECUTE format('UPDATE %s SET ${
    column.replaceAll("'", "''").replaceAll("%", "%%")
  } = $1 WHERE ctid = $2 RETURNING ctid',
    TG_RELID::regclass) INTO place USING skips, OLD.ctid;
  IF place IS NULL THEN
    RETURN OLD;
  END IF;
  EXECUTE format('DELETE FROM %s WHERE ctid = $1', TG_RELID::regclass) USING place;
  RETURN NULL;
END $millrace$`

export const skipStatements = (table: string, column: string): ReadonlyArray<string> => {
  const place = placeOf(table)
  const sql = quotedTable(place)
  const trigger = quotedTable({ schema: place.schema, name: `millrace_mark_${column}` })
  return [
    `ALTER TABLE ${sql} ADD COLUMN IF NOT EXISTS ${quoted(column)} boolean NOT NULL DEFAULT false`,
    `ALTER TABLE ${sql} REPLICA IDENTITY FULL`,
    markFunction(trigger, quoted(column)),
    `CREATE OR REPLACE TRIGGER ${quoted(`millrace_mark_${column}`)} BEFORE INSERT OR UPDATE OR DELETE ON ${sql} `
    + `FOR EACH ROW EXECUTE FUNCTION ${trigger}()`
  ]
}
