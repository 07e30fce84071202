/** What the catalog of PostgreSQL says about a table, as one JSON text. */

/**
 * `$1` is the schema, or null for the search path, `$2` the name. Domains are resolved to what they are made of, also
 * as elements of arrays. The JSON keeps the answer apart from what drivers and name transforms do to rows.
 */
export const describeTable = `WITH RECURSIVE target AS (
  SELECT c.oid, c.relkind, n.nspname, c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relname = $2::text AND n.nspname = coalesce($1::text, (
    SELECT n2.nspname FROM unnest(current_schemas(true)) WITH ORDINALITY s(nspname, place)
    JOIN pg_namespace n2 USING (nspname) JOIN pg_class c2 ON c2.relnamespace = n2.oid AND c2.relname = $2::text
    ORDER BY place LIMIT 1))
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
), cols AS (
  SELECT a.* FROM pg_attribute a JOIN target ON a.attrelid = target.oid WHERE a.attnum > 0 AND NOT a.attisdropped
), resolved AS (
  SELECT attnum, 'column' AS part, atttypid AS typ, atttypmod AS typmod, NOT attnotnull AS nullable,
    false AS defaulted
  FROM cols
  UNION ALL
  SELECT r.attnum, CASE WHEN t.typtype = 'd' THEN r.part ELSE 'element' END,
    CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END,
    CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE r.typmod END,
    r.nullable AND NOT t.typnotnull,
    r.defaulted OR t.typdefault IS NOT NULL
  FROM resolved r JOIN pg_type t ON t.oid = r.typ
  WHERE t.typtype = 'd' OR (r.part = 'column' AND t.typcategory = 'A' AND t.typlen = -1 AND t.typelem <> 0)
), described AS (
  SELECT r.attnum, r.part, r.nullable, r.defaulted, json_build_object(
    'type', format_type(t.oid, -1), 'typmod', r.typmod, 'typname', t.typname, 'typtype', t.typtype,
    'isArray', t.typcategory = 'A' AND t.typlen = -1 AND t.typelem <> 0) AS kind
  FROM resolved r JOIN pg_type t ON t.oid = r.typ WHERE t.typtype <> 'd'
)
SELECT json_build_object(
  'schema', target.nspname, 'name', target.relname, 'relkind', target.relkind,
  'columns', (
    SELECT coalesce(json_agg(json_build_object(
      'name', a.attname, 'kind', c.kind, 'element', e.kind, 'isNullable', c.nullable,
      'hasDefault', a.atthasdef OR a.attidentity <> '' OR c.defaulted,
      'isGenerated', a.attgenerated <> '', 'isIdentityAlways', a.attidentity = 'a',
      'isNondeterministic', EXISTS (
        SELECT 1 FROM pg_collation k WHERE k.oid = a.attcollation AND NOT k.collisdeterministic)
      ) ORDER BY a.attnum), '[]')
    FROM cols a
    JOIN described c ON c.attnum = a.attnum AND c.part = 'column'
    LEFT JOIN described e ON e.attnum = a.attnum AND e.part = 'element'),
  'uniques', (
    SELECT coalesce(json_agg(json_build_object(
      'name', i.relname, 'isPrimary', x.indisprimary, 'isDeferrable', NOT x.indimmediate,
      'isPartial', x.indpred IS NOT NULL, 'isExpression', x.indexprs IS NOT NULL,
      'nullsNotDistinct', x.indnullsnotdistinct, 'isExclusion', x.indisexclusion,
      'columns', (
        SELECT coalesce(json_agg(a.attname ORDER BY k.place), '[]')
        FROM unnest(x.indkey::int2[]) WITH ORDINALITY k(attnum, place)
        JOIN cols a ON a.attnum = k.attnum WHERE k.place <= x.indnkeyatts)) ORDER BY i.relname), '[]')
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
    WHERE x.indrelid = target.oid AND x.indisready AND (x.indisunique OR x.indisexclusion)),
  'rules', (
    SELECT coalesce(json_agg(w.rulename ORDER BY w.rulename), '[]') FROM pg_rewrite w
    WHERE w.ev_class = target.oid AND w.ev_enabled <> 'D'
      AND (w.ev_type IN ('2', '3') OR (w.ev_type = '4' AND w.is_instead))),
  'foreignKeys', (
    SELECT coalesce(json_agg(json_build_object(
      'name', k.conname, 'columns', ${columnsOf("k.conrelid", "k.conkey")},
      'references', json_build_object('schema', n.nspname, 'table', c.relname,
        'columns', ${columnsOf("k.confrelid", "k.confkey")}),
      'isDeferrable', k.condeferrable, 'isInitiallyDeferred', k.condeferred) ORDER BY k.conname), '[]')
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE k.contype = 'f' AND k.conrelid = target.oid AND ${isNoPartOf("conrelid")}),
  'referencedBy', (
    SELECT coalesce(json_agg(json_build_object(
      'name', k.conname, 'schema', n.nspname, 'table', c.relname,
      'columns', ${columnsOf("k.conrelid", "k.conkey")},
      'referenced', ${columnsOf("k.confrelid", "k.confkey")},
      'onDelete', k.confdeltype, 'isDeferrable', k.condeferrable,
      'isInitiallyDeferred', k.condeferred) ORDER BY n.nspname, c.relname, k.conname), '[]')
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE k.contype = 'f' AND k.confrelid = target.oid AND ${isNoPartOf("confrelid")})
)::text FROM target`

/** The names of the columns with these numbers, in their order. */
function columnsOf(relation: string, numbers: string): string {
  return `(SELECT json_agg(a.attname ORDER BY s.place) FROM unnest(${numbers}) WITH ORDINALITY s(attnum, place)
        JOIN pg_attribute a ON a.attrelid = ${relation} AND a.attnum = s.attnum)`
}

/** A foreign key between partitioned tables is there for each partition, too, of either side. */
function isNoPartOf(relation: string): string {
  return `NOT EXISTS (SELECT 1 FROM pg_constraint p WHERE p.oid = k.conparentid AND p.${relation} = k.${relation})`
}
