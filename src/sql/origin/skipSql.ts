/** The column that marks rows which a sync has written, and the triggers that keep it. Pure. */
import { identityFull } from "../tables/identitySql.ts"
import { partsOf, quoted, quotedTable } from "../tables/names.ts"

/** `schema.table`; without a schema it is one of `public`. */
const placeOf = (table: string): { readonly schema: string; readonly name: string } => {
  const { name, schema } = partsOf(table)
  return { schema: schema ?? "public", name }
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Within `format`. */
const formatted = (text: string): string => text.replaceAll("'", "''").replaceAll("%", "%%")

/**
 * Set to the place of a row while its mark alone is turned, which is no write of anybody's: the trigger of row versions
 * leaves the version as it is.
 */
export const turning = "millrace.turning"

/**
 * An event of a deletion has the row as it was, and a change of the key is a deletion and a creation: the trigger turns
 * the mark first where it is another one. It has to do itself then what the statement would do: a row that its own
 * trigger has changed cannot be deleted, or updated, by the statement. With an argument it is called for changes of the
 * key, or of the partition. The place of a row is one within its partition alone, and partitions take no row of another
 * one.
 */
const markFunction = (name: string, column: string): string =>
  `CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $millrace$
DECLARE
  skips boolean := coalesce(current_setting('millrace.sync', true), '') = 'on';
  root regclass;
  place tid;
  names text;
  cells text;
BEGIN
  IF TG_OP <> 'DELETE' THEN
    NEW.${column} := skips;
    IF TG_NARGS = 0 THEN
      RETURN NEW;
    END IF;
  END IF;
  IF OLD.${column} IS DISTINCT FROM skips THEN
    root := coalesce(pg_partition_root(TG_RELID), TG_RELID);
    PERFORM set_config('${turning}', TG_RELID || ' ' || OLD.ctid, true);
    EXECUTE format('UPDATE %s SET ${formatted(column)} = $1 WHERE tableoid = $2 AND ctid = $3 RETURNING ctid', root)
      INTO place USING skips, TG_RELID, OLD.ctid;
    PERFORM set_config('${turning}', '', true);
  END IF;
  IF place IS NULL THEN
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'DELETE' THEN
    EXECUTE format('DELETE FROM %s WHERE tableoid = $1 AND ctid = $2', root) USING TG_RELID, place;
    RETURN NULL;
  END IF;
  SELECT string_agg(quote_ident(attname), ', '), string_agg('($1).' || quote_ident(attname), ', ') INTO names, cells
  FROM pg_attribute
  WHERE attrelid = TG_RELID AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a';
  EXECUTE format('UPDATE %s SET (%s) = ROW(%s) WHERE tableoid = $2 AND ctid = $3', root, names, cells)
    USING NEW, TG_RELID, place;
  RETURN NULL;
END $millrace$`

/** The columns of the keys of a connector's records: they are those of the primary key, or else of unique indexes. */
const keyOf = (key: ReadonlyArray<string> | undefined, table: string): string =>
  key !== undefined
    ? `SELECT unnest(ARRAY[${key.map(literal).join(", ")}])`
    : `SELECT DISTINCT attname FROM pg_index i JOIN pg_attribute a ON attrelid = indrelid AND attnum = ANY(indkey)
    WHERE indrelid = ${literal(table)}::regclass AND indisunique AND (indisprimary OR NOT EXISTS (
      SELECT FROM pg_index p WHERE p.indrelid = i.indrelid AND p.indisprimary
    ))`

/**
 * The columns that decide in which partition a row is: the catalog has them depend on their table, also those within
 * expressions. A row that goes to another partition is deleted and created, and lost where its trigger has deleted it.
 */
const placing = (table: string): string =>
  `SELECT attname FROM pg_depend JOIN pg_attribute ON attrelid = objid AND attnum = objsubid
    WHERE classid = 'pg_class'::regclass AND refclassid = classid AND refobjid = objid AND refobjsubid = 0
    AND objsubid > 0 AND deptype = 'i' AND objid IN (SELECT relid FROM pg_partition_tree(${literal(table)}))`

/** Changes of the key have a trigger of their own: its condition costs updates of other columns nothing. */
const keyTrigger = (name: string, calls: string, table: string, key: ReadonlyArray<string> | undefined): string =>
  `DO $millrace$ DECLARE
  changes text;
BEGIN
  SELECT string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', k.name), ' OR ') INTO changes FROM (
    ${keyOf(key, table)}
    UNION ${placing(table)}
  ) AS k(name);
  IF changes IS NULL THEN
    DROP TRIGGER IF EXISTS ${quoted(name)} ON ${table};
  ELSE
    EXECUTE ${literal(`CREATE OR REPLACE TRIGGER ${quoted(name)} BEFORE UPDATE ON ${table} FOR EACH ROW WHEN (`)}
      || changes || ${literal(`) EXECUTE FUNCTION ${calls}('key')`)};
  END IF;
END $millrace$`

/** `key`: the columns of the records' keys, if they are not those that the connector takes by default. */
export const skipStatements = (
  table: string,
  column: string,
  key: ReadonlyArray<string> | undefined
): ReadonlyArray<string> => {
  const place = placeOf(table)
  const sql = quotedTable(place)
  const trigger = quotedTable({ schema: place.schema, name: `millrace_mark_${column}` })
  return [
    `ALTER TABLE ${sql} ADD COLUMN IF NOT EXISTS ${quoted(column)} boolean NOT NULL DEFAULT false`,
    identityFull(sql),
    markFunction(trigger, quoted(column)),
    `CREATE OR REPLACE TRIGGER ${quoted(`millrace_mark_${column}`)} BEFORE INSERT OR UPDATE OR DELETE ON ${sql} `
    + `FOR EACH ROW EXECUTE FUNCTION ${trigger}()`,
    keyTrigger(`millrace_mark_${column}_key`, trigger, sql, key)
  ]
}
