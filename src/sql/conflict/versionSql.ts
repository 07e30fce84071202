/** The column with the version of a row, and the trigger that keeps it. Pure. */
import { turning } from "../origin/skipSql.ts"
import { identityFull } from "../tables/identitySql.ts"
import { literal, quoted, quotedTable, shownTable, versionFunctionName, versionTrigger } from "../tables/names.ts"
import { ownTable, type Place } from "../tables/ownTables.ts"

/** A table, and how its rows are versioned. */
export interface Versioned {
  readonly table: { readonly schema: string; readonly name: string }
  readonly key: ReadonlyArray<string>
  readonly column: string
  readonly site: number
  readonly place: Place
}

/** Versions are times in milliseconds, this many for each: the rest tells the sites from each other. */
export const sites = 8

export const longestName = 63 - versionFunctionName("").length

/** A key as a sync remembers it: its cells, joined by a separator. */
const keyOf = (row: "OLD" | "NEW", key: ReadonlyArray<string>): string =>
  key.map((column) => `${row}.${quoted(column)}::text`).join(" || E'\\x1F' || ")

const keyRow = (row: "OLD" | "NEW", key: ReadonlyArray<string>): string =>
  `ROW(${key.map((column) => `${row}.${quoted(column)}`).join(", ")})`

/**
 * A write gets a version above all that its row had, also by a clock that goes ahead, and above that of a deletion. A
 * deletion is remembered right above the last version of its row: an event with that version may come again. Turning a
 * mark is no write: a deletion whose mark is turned has seen no more than one that need not.
 */
const versionFunction = (name: string, { column, key, place, site, table }: Versioned): string => {
  const version = quoted(column)
  const deleted = ownTable(place, "deleted")
  const shown = literal(shownTable(table))
  return `CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $millrace$
DECLARE
  moves boolean := TG_OP = 'UPDATE';
  latest bigint := 0;
BEGIN
  IF coalesce(current_setting('millrace.sync', true), '') = 'on' THEN
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF current_setting('${turning}', true) = TG_RELID || ' ' || OLD.ctid THEN
      RETURN NEW;
    END IF;
    moves := ${keyRow("OLD", key)} IS DISTINCT FROM ${keyRow("NEW", key)};
    latest := OLD.${version};
  END IF;
  IF moves OR TG_OP = 'DELETE' THEN
    INSERT INTO ${deleted} AS d (table_name, key, version) VALUES (${shown}, ${keyOf("OLD", key)}, OLD.${version} + 1)
    ON CONFLICT (table_name, key) DO UPDATE SET version = greatest(d.version, excluded.version), deleted_at = now();
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  IF moves OR TG_OP = 'INSERT' THEN
    latest := greatest(latest, (SELECT version FROM ${deleted} WHERE table_name = ${shown} AND key = ${
    keyOf("NEW", key)
  }));
  END IF;
  NEW.${version} := (greatest(latest / ${sites}, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) + 1)
    * ${sites} + ${site};
  RETURN NEW;
END $millrace$`
}

export const versionStatements = (versioned: Versioned): ReadonlyArray<string> => {
  const { column, key, table } = versioned
  const sql = quotedTable(table)
  const name = versionFunctionName(table.name)
  const calls = quotedTable({ schema: table.schema, name })
  return [
    `ALTER TABLE ${sql} ADD COLUMN IF NOT EXISTS ${quoted(column)} bigint NOT NULL DEFAULT 0`,
    identityFull(sql),
    versionFunction(calls, versioned),
    `DROP TRIGGER IF EXISTS ${quoted(name)} ON ${sql}`,
    // The argument tells a check which key the function knows.
    `CREATE OR REPLACE TRIGGER ${quoted(versionTrigger)} BEFORE INSERT OR UPDATE OR DELETE ON ${sql} FOR EACH ROW `
    + `EXECUTE FUNCTION ${calls}(${literal(JSON.stringify(key))})`
  ]
}

export const deletedThere = (place: Place): string => `SELECT 1 FROM ${ownTable(place, "deleted")} LIMIT 0`
