/** The statements of replication origins. Their functions have other parameters from one server to the next. */

/** Whether this session is under an origin. */
export const isSetUp = "SELECT pg_replication_origin_session_is_setup()"

/** Puts this session under an origin, until it ends. */
export const setUp = "SELECT pg_replication_origin_session_setup($1::text)"

export const create = "SELECT pg_replication_origin_create($1::text)"

export const drop = "SELECT pg_replication_origin_drop($1::text)"

/** Which of these names exist; all roles may look. */
export const existing =
  "SELECT roname FROM pg_replication_origin WHERE roname = ANY($1::text::text[]) ORDER BY length(roname), roname"

/** The names that begin with a text and end with a number. */
export const existingOf = `SELECT roname FROM pg_replication_origin WHERE starts_with(roname, $1::text)
AND substr(roname, length($1::text) + 1) ~ '^[0-9]+$' ORDER BY length(roname), roname`

export const clock = "SELECT clock_timestamp()::text"

/** Whether this session began before a moment; each may look at its own. */
export const isOlderThan =
  "SELECT backend_start < $1::text::timestamptz FROM pg_stat_activity WHERE pid = pg_backend_pid()"

/** Tells the triggers of the tables that this session is a sync's. */
export const markSession = "SELECT set_config('millrace.sync', 'on', false)"
export const markTransaction = "SELECT set_config('millrace.sync', 'on', true)"

export const role = "SELECT quote_ident(current_user)"

/** The functions that a sync calls, and whether this role may. */
export const rights =
  `SELECT oid::regprocedure::text, proname = 'pg_replication_origin_create', has_function_privilege(oid, 'EXECUTE')
FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname IN (
  'pg_replication_origin_session_setup', 'pg_replication_origin_session_is_setup', 'pg_replication_origin_create'
) ORDER BY proname DESC`

/** The version, and the settings that matter; before version 18 another one says how many origins there may be. */
export const server = `SELECT current_setting('server_version_num')::int, current_setting('wal_level'), coalesce(
  current_setting('max_active_replication_origins', true), current_setting('max_replication_slots')
)::int`
