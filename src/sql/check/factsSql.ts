/** What a server, and the tables of a sync, are asked for. Each statement returns one JSON text. */

/** The server, and what the role of the connection may do. */
export const server = `SELECT json_build_object(
  'version', current_setting('server_version_num')::int,
  'walLevel', current_setting('wal_level'),
  'role', current_user,
  'isSuperuser', r.rolsuper,
  'canReplicate', r.rolsuper OR r.rolreplication,
  'maxSlots', current_setting('max_replication_slots')::int,
  'maxKeep', current_setting('max_slot_wal_keep_size'),
  'isInRecovery', pg_is_in_recovery(),
  'originRights', (
    SELECT coalesce(json_agg(p.proname ORDER BY p.proname), '[]') FROM pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND NOT has_function_privilege(p.oid, 'EXECUTE')
      AND p.proname IN ('pg_replication_origin_session_setup', 'pg_replication_origin_session_reset')),
  'slots', (
    SELECT coalesce(json_agg(json_build_object(
      'name', s.slot_name, 'plugin', s.plugin, 'database', s.database, 'isActive', s.active,
      'walStatus', s.wal_status,
      'retainedBytes', CASE WHEN pg_is_in_recovery() THEN NULL
        ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::text END,
      'lagBytes', CASE WHEN pg_is_in_recovery() THEN NULL
        ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn)::text END
    ) ORDER BY s.slot_name), '[]')
    FROM pg_replication_slots s WHERE s.slot_type = 'logical' AND s.database = current_database())
)::text FROM pg_roles r WHERE r.rolname = current_user`

/** What ends transactions of a session, in milliseconds, and whether they may write. */
export const sessionSettings = `SELECT json_build_object(
  'isReadOnly', current_setting('default_transaction_read_only') = 'on' OR pg_is_in_recovery(),
  'limits', (SELECT coalesce(json_object_agg(name, setting::int8), '{}') FROM pg_settings
    WHERE name IN ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')
      AND setting::int8 > 0)
)::text`

/** A table of the source: `$1` its schema, `$2` its name. */
export const sourceTable = `SELECT json_build_object(
  'identity', (SELECT json_build_object('kind', p.relreplident, 'schema', q.nspname, 'name', p.relname)
    FROM pg_class p JOIN pg_namespace q ON q.oid = p.relnamespace
    WHERE p.oid = c.oid OR p.oid IN (SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf)
    ORDER BY p.oid = c.oid AND c.relkind = 'p', position(p.relreplident::text IN 'ndif') LIMIT 1),
  'identityIndex', (SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
    WHERE x.indrelid = c.oid AND x.indisreplident),
  'isUnlogged', c.relpersistence <> 'p',
  'canSelect', has_table_privilege(c.oid, 'SELECT'),
  'generated', (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'isStored', a.attgenerated = 's')
    ORDER BY a.attnum), '[]') FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped),
  'publications', (SELECT coalesce(json_agg(to_jsonb(p) ORDER BY p.pubname), '[]') FROM pg_publication p
    JOIN pg_publication_tables t USING (pubname) WHERE t.schemaname = n.nspname AND t.tablename = c.relname),
  'widths', (SELECT coalesce(json_object_agg(s.attname, s.avg_width), '{}') FROM pg_stats s
    WHERE s.schemaname = n.nspname AND s.tablename = c.relname)
)::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relname = $2::text`

/** What the role may not do with a table of the target: `$3` are the columns that are used, `$4` the rights. */
export const targetTable = `SELECT json_build_object(
  'denied', (SELECT coalesce(json_agg(p ORDER BY p), '[]') FROM unnest($4::text::text[]) p
    WHERE NOT has_table_privilege(c.oid, p) AND CASE WHEN p IN ('DELETE', 'TRUNCATE') THEN true ELSE EXISTS (
      SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = ANY($3::text::text[])
        AND NOT has_column_privilege(c.oid, a.attnum, p)) END),
  'isRowSecured', c.relrowsecurity
)::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relname = $2::text`

/** The largest values of some of the rows, in bytes: `sizes` are expressions, `table` is quoted. */
export const largest = (table: string, sizes: ReadonlyArray<string>, rows: number): string =>
  // A function takes 100 arguments, a table has 1,600 columns.
  `SELECT to_json(ARRAY[${sizes.map((_, i) => `max(s.c${i})`).join(", ")}])::text FROM (SELECT ${
    sizes.map((size, i) => `${size} AS c${i}`).join(", ")
  } FROM ${table} AS t LIMIT ${rows}) AS s`

/** The role of the connection. */
export const role = "SELECT to_json(current_user)::text"
