/** The column that marks rows which a sync has written, and the triggers that keep it. Pure. */
import { identityFull } from "../tables/identitySql.ts"
import { firstTriggers, lastTriggers, literal, quoted, quotedTable } from "../tables/names.ts"

/** A table; without a schema it is the one that the search path finds. */
export interface Place {
  readonly schema?: string | undefined
  readonly name: string
}

const shown = ({ name, schema }: Place): string => schema === undefined ? quoted(name) : quotedTable({ schema, name })

/** Within `format`. */
const formatted = (text: string): string => text.replaceAll("'", "''").replaceAll("%", "%%")

/**
 * Set to the place of a row while its mark alone is turned, which is no write of anybody's: the trigger of row versions
 * leaves the version as it is.
 */
export const turning = "millrace.turning"

/** The row of a partition that an update is at. Triggers may run updates of their own within it: one per depth. */
const updating = "'millrace.updating_' || pg_trigger_depth()"

/** The trigger for changes of the key, which is called behind all others: they may change the key, too. */
export const lastKeyTrigger = (column: string): string => `${lastTriggers}mark_${column}_key`

/** Triggers that are called behind ours before an update of a row, where `of` says which tables they are of. */
export const laterTriggers = (of: string): string =>
  `SELECT DISTINCT tgname FROM pg_catalog.pg_trigger WHERE tgrelid ${of} AND tgname > ${literal(lastTriggers)}
    AND NOT starts_with(tgname::text, ${literal(lastTriggers)}) AND tgtype & 19 = 19 AND tgenabled <> 'D'`

/**
 * An event of a deletion has the row as it was, and a change of the key is a deletion and a creation: the trigger turns
 * the mark first where it is another one. It has to do itself then what the statement would do: a row that its own
 * trigger has changed cannot be deleted, or updated, by the statement. With the argument `key` it is called for changes
 * of the key, or of the partition. The place of a row is one within its partition alone, and partitions take no row of
 * another one. Turning changes nothing else, whatever other triggers make of that update.
 *
 * A row that goes to another partition is deleted, and then inserted only if the statement has deleted it. Where the
 * trigger for changes of the key did not see it go, the deletion is refused: the row would be lost. To know these
 * deletions from others, updates of partitioned tables (the argument `parts`) say which row they are at.
 */
const markFunction = (name: string, column: string): string =>
  `CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $millrace$
DECLARE
  skips boolean := coalesce(current_setting('millrace.sync', true), '') = 'on';
  root regclass;
  place tid;
  this text;
  turned text;
  names text;
  cells text;
BEGIN
  IF TG_OP <> 'DELETE' THEN
    NEW.${quoted(column)} := skips;
    IF TG_NARGS = 0 OR TG_OP = 'INSERT' THEN
      RETURN NEW;
    ELSIF TG_ARGV[0] = 'parts' THEN
      IF OLD.${quoted(column)} IS DISTINCT FROM skips THEN
        PERFORM set_config(${updating}, TG_RELID || ' ' || OLD.ctid, true);
      END IF;
      RETURN NEW;
    END IF;
  ELSIF TG_LEVEL = 'STATEMENT' THEN
    PERFORM set_config(${updating}, '', true);
    RETURN NULL;
  END IF;
  IF OLD.${quoted(column)} IS DISTINCT FROM skips THEN
    this := TG_RELID || ' ' || OLD.ctid;
    turned := coalesce(current_setting('${turning}', true), '');
    IF TG_OP = 'DELETE' AND current_setting(${updating}, true) = this THEN
      names := (SELECT string_agg(quote_ident(tgname), ', ') FROM (${laterTriggers("= TG_RELID")}) AS later);
      RAISE EXCEPTION 'a row that leaves % would be lost, because no trigger of the mark has seen where it goes; %',
        TG_RELID::regclass, coalesce('rename ' || names || ' to a name that sorts before ~',
          'run LoopGuard.addSkipColumn again');
    ELSIF TG_OP = 'UPDATE' AND turned = this THEN
      NEW := OLD;
      NEW.${quoted(column)} := skips;
      RETURN NEW;
    END IF;
    root := coalesce(pg_partition_root(TG_RELID), TG_RELID);
    PERFORM set_config('${turning}', this, true);
    EXECUTE format('UPDATE %s SET ${
    formatted(quoted(column))
  } = $1 WHERE tableoid = $2 AND ctid = $3 RETURNING ctid', root)
      INTO place USING skips, TG_RELID, OLD.ctid;
    PERFORM set_config('${turning}', turned, true);
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

/**
 * The columns of the keys of a connector's records, where `table` is an expression: they are those of the primary key,
 * or else of unique indexes.
 */
export const keyColumns = (table: string): string =>
  `SELECT DISTINCT attname FROM pg_index i JOIN pg_attribute a ON attrelid = indrelid AND attnum = ANY(indkey)
    WHERE indrelid = ${table} AND indisunique AND (indisprimary OR NOT EXISTS (
      SELECT FROM pg_index p WHERE p.indrelid = i.indrelid AND p.indisprimary
    ))`

/**
 * The columns that decide in which partition a row is: the catalog has them depend on their table, also those within
 * expressions. A row that goes to another partition is deleted and created.
 */
export const placingColumns = (table: string): string =>
  `SELECT attname FROM pg_depend JOIN pg_attribute ON attrelid = objid AND attnum = objsubid
    WHERE classid = 'pg_class'::regclass AND refclassid = classid AND refobjid = objid AND refobjsubid = 0
    AND objsubid > 0 AND deptype = 'i' AND objid IN (SELECT relid FROM pg_partition_tree(${table}))`

/**
 * Changes of the key have triggers of their own: their condition costs updates of other columns nothing. The first of
 * them, and that for deletions, are called before others, so that those are called once for what a statement does.
 * Their second argument tells a check that the key was given.
 */
const triggers = (table: string, column: string, calls: string, key: ReadonlyArray<string> | undefined): string => {
  const name = `${firstTriggers}mark_${column}`
  const create = (trigger: string, of: string) =>
    `CREATE OR REPLACE TRIGGER ${quoted(trigger)} BEFORE ${of} ON ${table}`
  const drop = (trigger: string) => `DROP TRIGGER IF EXISTS ${quoted(trigger)} ON ${table};`
  const whole = `${literal(table)}::regclass`
  const keyTriggers = [`${name}_key`, lastKeyTrigger(column)]
  const earlierNames = [`millrace_mark_${column}`, `millrace_mark_${column}_key`]
  return `DO $millrace$ DECLARE
  changes text;
BEGIN
  ${earlierNames.map(drop).join("\n  ")}
  IF EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = ${whole}) THEN
    ${create(name, "INSERT OR UPDATE OR DELETE")} FOR EACH ROW EXECUTE FUNCTION ${calls}('parts');
    ${create(`${name}_deletes`, "DELETE")} FOR EACH STATEMENT EXECUTE FUNCTION ${calls}();
  ELSE
    ${create(name, "INSERT OR UPDATE OR DELETE")} FOR EACH ROW EXECUTE FUNCTION ${calls}();
  END IF;
  SELECT string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', k.name), ' OR ') INTO changes FROM (
    ${key === undefined ? keyColumns(whole) : `SELECT unnest(ARRAY[${key.map(literal).join(", ")}])`}
    UNION ${placingColumns(whole)}
  ) AS k(name);
  IF changes IS NULL THEN
    ${keyTriggers.map(drop).join("\n    ")}
  ELSE
    ${
    keyTriggers.map((trigger) =>
      `EXECUTE ${literal(`${create(trigger, "UPDATE")} FOR EACH ROW WHEN (`)} || changes || ${
        literal(`) EXECUTE FUNCTION ${calls}(${key === undefined ? "'key'" : "'key', 'given'"})`)
      };`
    ).join("\n    ")
  }
  END IF;
END $millrace$`
}

/** `key`: the columns of the records' keys, if they are not those that the connector takes by default. */
export const skipStatements = (
  place: Place,
  column: string,
  key: ReadonlyArray<string> | undefined
): ReadonlyArray<string> => {
  const table = shown(place)
  const calls = shown({ schema: place.schema, name: `millrace_mark_${column}` })
  return [
    `ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${quoted(column)} boolean NOT NULL DEFAULT false`,
    identityFull(table),
    markFunction(calls, column),
    triggers(table, column, calls, key)
  ]
}
